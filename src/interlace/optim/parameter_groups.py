"""Which parameters decay, and how fast each layer learns."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from torch import nn

# `layers.3.` and its like: a numbered element of a stack.
_LAYER = re.compile(r"(?P<stack>(?:^|.*?\.)(?:layers|blocks|layer|h))\.(?P<index>\d+)\.")
# `lstm.weight_ih_l1` and its like: torch's recurrent layers are stacks by themselves.
_RECURRENT = re.compile(r"(?P<stack>.*)\.(?:weight|bias)_(?:ih|hh|hr)_l(?P<index>\d+)(?:_reverse)?$")
_EMBEDDING = re.compile(r"(?:^|[._])(?:embed|embedding|embeddings|position|positions|wte|wpe)(?:[._]|$)")


def decay_groups(
    module: nn.Module,
    weight_decay: float,
    *,
    learning_rate: float | None = None,
    layer_decay: float | None = None,
    leave_out: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Groups of the trainable parameters: matrices decay; biases, gains, single vectors and embeddings do not.

    With `layer_decay` = d every layer has groups of its own, at `learning_rate` * d^n for the n-th layer below the
    top of its stack (see `layers_below_top`): Howard and Ruder 2018, section 3.2, with d = 1 / 2.6 there; ELECTRA
    (Clark et al. 2020, appendix B) and later fine-tuning recipes 0.65 to 0.9. `leave_out` holds the ids of
    parameters that belong to nobody here.
    """
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad and id(p) not in leave_out]
    depths = dict.fromkeys((n for n, _ in named), 0)
    if layer_decay is not None:
        tables = {name for name, p in module.named_parameters() if id(p) in embeddings}
        depths = layers_below_top((name for name, _ in module.named_parameters()), embeddings=tables)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = defaultdict(list)
    for name, p in named:
        groups[depths[name], not (p.ndim >= 2 and id(p) not in embeddings)].append(p)
    result = []
    for depth, spared in sorted(groups):
        group: dict[str, Any] = {"params": groups[depth, spared], "weight_decay": 0.0 if spared else weight_decay}
        if layer_decay is not None:
            assert learning_rate is not None, "layer-wise decay scales a learning rate"
            group["lr"] = learning_rate * layer_decay**depth
        result.append(group)
    return result


def layer_index(name: str) -> tuple[str, int] | None:
    """("encoder.layers", 3) for "encoder.layers.3.norm.weight": the stack and the place in it; None outside of stacks.

    By convention a stack is a ModuleList called `layers`, `blocks`, `layer` or `h`; of nested ones the outer counts.
    The layers of torch's recurrent modules are told by the names of their weights.
    """
    found = _LAYER.match(name) or _RECURRENT.match(name)
    return None if found is None else (found["stack"], int(found["index"]))


def layers_below_top(names: Iterable[str], embeddings: Collection[str] = ()) -> dict[str, int]:
    """How many layers lie between each parameter and the top of the model.

    0 for what lies above or beside the stacks (heads, final norms); 1 for the last layer of a stack of L; L for its
    first; L + 1 for embeddings (those listed, and names with a component such as `embedding` or `positions`), with L
    of the deepest stack under the same top-level name, or of all when that one has no stack.
    """
    names = list(names)
    places = {name: layer_index(name) for name in names}
    heights: dict[str, int] = defaultdict(int)
    for place in places.values():
        if place is not None:
            heights[place[0]] = max(heights[place[0]], place[1] + 1)
    depths = {}
    for name, place in places.items():
        if place is not None:
            depths[name] = heights[place[0]] - place[1]
        elif name in embeddings or _EMBEDDING.search(name):
            root = name.split(".")[0] + "."
            beside = [height for stack, height in heights.items() if stack.startswith(root)] or list(heights.values())
            depths[name] = max(beside, default=0) + 1
        else:
            depths[name] = 0
    return depths
