"""Components to check laws on, by the name of their conf file or class."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from interlace.configuration.checking import check_options
from interlace.configuration.compose import compose_node
from interlace.configuration.construction import constructor, located, signature_of
from interlace.configuration.names import choices, groups
from interlace.configuration.schema import INJECTED
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError, one_line
from interlace.fusion.base import Fusion
from interlace.laws import encoder, fusion
from interlace.laws.checking import LawResult, check_laws
from interlace.models.bert import BERT
from interlace.tokens import ModalitySpec


def examine_fusion(name: str, options: Mapping[str, Any]) -> list[LawResult]:
    """Check the laws of a fusion strategy, given a file of conf/fusion or its class ("my_package.MyFusion")."""
    node, _ = node_of(name, ["fusion"], Fusion, options)
    make = maker(f"fusion.{name}", node, INJECTED["fusion"])

    def build(in_dims: dict[str, int], num_classes: int | None) -> Fusion:
        built: Fusion = make(in_dims=in_dims, num_classes=num_classes)
        return built

    _built(name, lambda: build(dict(list(fusion.WIDTHS.items())[:1]), fusion.CLASSES))
    return list(check_laws(fusion.LAWS, fusion.cases(build, located(node["_target_"]).max_modalities)))


def examine_encoder(name: str, kind: str | None, options: Mapping[str, Any]) -> list[LawResult]:
    """Check the laws of an encoder, given a file of conf/encoder ("text/lstm") or its class.

    The kind of modality is that of the conf file; a class without one needs `kind`.
    """
    among = sorted(group for group in groups() if group.startswith("encoder/"))
    if "/" in name:
        kind, _, name = name.partition("/")
    node, group = node_of(name, among if kind is None else [f"encoder/{kind}"], nn.Module, options)
    kind = kind or (group or "").removeprefix("encoder/")
    if kind not in encoder.SPECS:
        kinds = ", ".join(encoder.SPECS)
        raise UserError(f"{name}: no file of conf/encoder names it; give the kind of modality by --kind ({kinds})")
    make = maker(f"encoder.{kind}", node, INJECTED["encoder"])
    wants_model = "language_model" in signature_of(located(node["_target_"]))[0]

    def build(spec: ModalitySpec) -> Any:
        return make(spec=spec, **({"language_model": small_language_model()} if wants_model else {}))

    _built(name, lambda: build(encoder.SPECS[kind]))
    return list(check_laws(encoder.LAWS, [(kind, encoder.EncoderCase(build, kind))]))


def _built(name: str, build: Callable[[], object]) -> None:
    """Raise UserError for a component that cannot be built, which is not a broken law."""
    try:
        build()
    except UserError:
        raise
    except Exception as error:  # a constructor of a plug-in may raise anything
        raise UserError(f"{name}: cannot be built ({one_line(error)}); correct its options or constructor") from None


def node_of(
    name: str, among: list[str], wanted: type[nn.Module], options: Mapping[str, Any]
) -> tuple[dict[str, Any], str | None]:
    """Return the node of a conf file, or of a class with the options of the first file that names it; and the group."""
    for group in among:
        for choice in choices(group):
            node = compose_node(group, choice)
            if name in (choice, node.get("_target_")):
                return {**node, **options}, group
    if "." not in name:
        known = [choice for group in among for choice in choices(group)]
        raise UserError(f"{name}: no such choice of {' or '.join(among)}; {did_you_mean(name, known)}")
    try:
        found = located(name)
    except Exception as error:  # the module of a plug-in may raise anything
        raise UserError(f"{name}: cannot be imported ({one_line(error)}); expected package.module.Class") from None
    if not (isinstance(found, type) and issubclass(found, wanted)):
        base = f"{wanted.__module__}.{wanted.__qualname__}"
        raise UserError(f"{name}: no class that is derived from {base}; expected package.module.Class")
    return {"_target_": name, **options}, None


def maker(path: str, node: Mapping[str, Any], injected: frozenset[str]) -> Callable[..., Any]:
    """Return the builder of a component. Raises UserError for options that its constructor does not have.

    A class without a conf file is allowed, since the user named it on the command line.
    """
    target = located(node["_target_"])
    options = {key: value for key, value in node.items() if key != "_target_"}
    check_options(path, target, options, injected)
    return partial(target, **options) if not any(map(_is_component, options.values())) else constructor(node)


def small_language_model() -> BERT:
    """Return a small language model for encoders that need one."""
    small = {"dim": 16, "num_layers": 2, "num_heads": 2, "feed_forward_dim": 32, "dropout": 0.0}
    node = {**compose_node("model", "bert"), **small, "masked_head": False, "pooling": "none"}
    made: BERT = constructor(node)(vocabulary_size=11, pad_id=0)
    return made


def _is_component(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value
