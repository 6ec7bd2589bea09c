"""Construction of a fusion strategy by its public name."""

from typing import Any

from interlace.configuration.checking import check_node, resolve_target
from interlace.configuration.compose import compose_node
from interlace.configuration.schema import INJECTED
from interlace.fusion.base import Fusion


def build(
    name: str, *, in_dims: dict[str, int], dim: int | None = None, num_classes: int | None = None, **options: Any
) -> Fusion:
    """The strategy of conf/fusion/<name>.yaml, with `options` in place of that file's values.

    UserError for an unknown name or option, or a value that the strategy does not accept.
    """
    node = compose_node("fusion", name) | options
    if dim is not None:
        node["dim"] = dim
    check_node(f"fusion.{name}", node, INJECTED["fusion"])
    target = resolve_target(f"fusion.{name}", node)
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    fusion: Fusion = target(in_dims=in_dims, num_classes=num_classes, **arguments)
    return fusion
