"""From overrides to one checked configuration."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from interlace.configuration.checking import check, check_run
from interlace.configuration.locations import conf_dir
from interlace.configuration.names import choices, groups
from interlace.configuration.schema import OPTIONAL
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

Config = dict[str, Any]
TRAINED_ENCODER = "interlace.encoders.trained.load_trained_encoder"  # what encoders.NAME.init_from=RUN_DIR means


def compose(overrides: Sequence[str] = ()) -> Config:
    """Composes conf/train.yaml with Hydra overrides, resolves it and checks it whole.

    Returns plain data (dict, list, str, numbers). `seed=3` is short for both seeds; `study` and `arm` are filled
    in from the chosen experiment and fusion. Raises UserError for anything that is not accepted.
    """
    return next(_composed(overrides, [None]))


def compose_seeds(overrides: Sequence[str], seeds: Sequence[int]) -> list[Config]:
    """The same configuration for several seeds, composed once: `compose([*overrides, "seed=N"])` for each N."""
    return list(_composed(overrides, seeds))


def _composed(overrides: Sequence[str], seeds: Sequence[int | None]) -> Iterator[Config]:
    overrides = _expand(overrides)
    known = groups()
    _check_overrides(overrides, known)
    overrides = [_spelled_for_hydra(text, known) for text in overrides]
    composed, chosen = _compose(overrides)
    for index, seed in enumerate(seeds):
        if seed is not None:
            composed.seed.model = composed.seed.data = seed
        config = _finished(_resolve(composed), chosen)
        (check if index == 0 else check_run)(config)  # no component sees another seed
        yield config


def _finished(config: Config, chosen: dict[str, Any]) -> Config:
    """Names filled in from the choices."""
    config["choices"] = dict(chosen)
    for section in OPTIONAL:
        config.setdefault(section, None)
    config.setdefault("levers", {})
    if config["fusion"] is None:  # a language model alone: what joins modalities plays no part in it
        config["encoder"] = config["head"] = None
    if config["decoder"] is not None:  # what writes needs no head that decides
        config["head"] = None
    _absolute(config["data"], "path")
    _absolute(config["model"] or {}, "init_from")
    for name, node in config["encoders"].items():
        if isinstance(node, dict) and "init_from" in node and "_target_" not in node:
            config["encoders"][name] = {"_target_": TRAINED_ENCODER, "modality": None, **node}
    for node in [*(config["encoder"] or {}).values(), *config["encoders"].values()]:
        _absolute(node, "init_from")
        _absolute(node, "path")
    config["study"] = config["study"] or (chosen.get("experiment") or chosen["data"] or "run").replace("/", "-")
    config["arm"] = config["arm"] or chosen.get("decoder") or chosen.get("fusion") or chosen["model"]
    return config


def _absolute(node: Config, key: str) -> None:
    """One file is one run, from whatever folder it is named."""
    value = node.get(key)
    if isinstance(value, str) and value != "???":
        node[key] = str(Path(value).expanduser().resolve())


def parse_override(text: str) -> Override:
    """One override in Hydra's grammar; a UserError when it does not parse."""
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        raise UserError(
            f"{text!r} is not an override; expected KEY=VALUE, +KEY=VALUE or ~KEY (quote text with spaces, "
            f"e.g. 'KEY=\"two words\"')"
        ) from None


def _expand(overrides: Sequence[str]) -> list[str]:
    """`seed=3` as both seeds; `encoders.NAME...` as an addition, since the names are those of the data."""
    result: list[str] = []
    for text in overrides:
        name, equals, value = text.partition("=")
        if name == "seed" and equals:
            result += [f"seed.model={value}", f"seed.data={value}"]
        else:
            result.append(f"++{text}" if name.startswith("encoders.") else text)
    return result


def _spelled_for_hydra(text: str, known: Collection[str]) -> str:
    """`GROUP=null`, as conf/train.yaml itself spells "none of them", in the way that Hydra takes: `~GROUP`."""
    override = parse_override(text)
    none = override.key_or_group in known and not override.is_delete() and override.value() is None
    return f"~{override.key_or_group}" if none else text


def _check_overrides(overrides: Sequence[str], known: Collection[str]) -> None:
    for text in overrides:
        override = parse_override(text)
        name = override.key_or_group
        if override.is_sweep_override():
            raise UserError(f"{text!r} names several values; one run takes one (several belong in a study's factors)")
        if name in known and not override.is_delete():
            value = override.value()
            if isinstance(value, str) and value not in choices(name):
                raise UserError(f"{name}={value}: no such choice; {did_you_mean(value, choices(name))}")


def _compose(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, Any]]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            config = hydra_compose("train", list(overrides), return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(_explain(overrides, error)) from None
    runtime = dict(config.hydra.runtime.choices)
    chosen = {str(k): v for k, v in runtime.items() if not str(k).startswith("hydra/")}
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return config, dict(sorted(chosen.items()))


def _resolve(config: DictConfig) -> Config:
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=False)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UserError(f"the configuration does not resolve: {str(error).splitlines()[0]}") from None


def _explain(overrides: Sequence[str], error: Exception) -> str:
    """The first override whose key does not exist, with the nearest that does; else Hydra's own first line."""
    known = groups()
    group_overrides = [text for text in overrides if parse_override(text).key_or_group in known]
    if len(group_overrides) < len(overrides):
        base, _ = _compose(group_overrides)
        for text in overrides:
            override = parse_override(text)
            if text not in group_overrides and not override.is_add() and not override.is_force_add():
                problem = _absent(base, override.key_or_group)
                if problem:
                    return problem
    return str(error).splitlines()[0]


def _absent(config: DictConfig, key: str) -> str | None:
    node: Any = config
    parts = key.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(node, DictConfig):
            return f"{key}: {'.'.join(parts[:depth])} is a single value and has no key {part!r}"
        if part not in node:
            valid = [str(k) for k in node if k != "_target_"]
            return f"{'.'.join(parts[: depth + 1])}: no such key; {did_you_mean(part, valid)}"
        node = node._get_node(part)
        if not isinstance(node, DictConfig):
            node = None if depth + 1 == len(parts) else node
    return None


def compose_node(group: str, name: str) -> Config:
    """One file of a group as plain data (`compose_node("fusion", "attention")`), without Hydra."""
    if name not in choices(group):
        raise UserError(f"{group}={name}: no such choice; {did_you_mean(name, choices(group))}")
    node = OmegaConf.load(Path(conf_dir()) / group / f"{name}.yaml")
    return OmegaConf.to_container(node, resolve=True)  # type: ignore[return-value]
