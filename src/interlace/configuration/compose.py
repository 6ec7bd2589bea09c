"""From overrides to one checked configuration."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from interlace.configuration.checking import check, check_run
from interlace.configuration.devices import resolve_trainer
from interlace.configuration.fitting import check_fit
from interlace.configuration.keys import absent_key
from interlace.configuration.locations import conf_dir
from interlace.configuration.monitors import check_monitor
from interlace.configuration.names import choices, conf_file, groups
from interlace.configuration.overrides import read_overrides
from interlace.configuration.paths import check_paths
from interlace.configuration.plugins import plugins
from interlace.configuration.renamed import renamed
from interlace.configuration.schema import OPTIONAL
from interlace.configuration.spelling import BeyondHydra, spelled
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

Config = dict[str, Any]
RESOLVER = re.compile(r"(?<!\\)(?:\\\\)*\$\{[^{}]*:")  # not after a backslash, which makes it text
TRAINED_ENCODER = "interlace.encoders.trained.load_trained_encoder"  # what encoders.NAME.init_from=RUN_DIR means


def compose(overrides: Sequence[str] = (), *, look_for_files: bool = False) -> Config:
    """Composes conf/train.yaml with Hydra overrides, resolves it and checks it whole.

    Returns plain data (dict, list, str, numbers). `seed=3` is short for both seeds; `study` and `arm` are filled
    in from the chosen experiment and fusion. Raises UserError for anything that is not accepted; with `look_for_files`
    also for files and folders that are not there (a study's parents may be still to come).
    """
    return next(_composed(overrides, [None], look_for_files))


def compose_seeds(overrides: Sequence[str], seeds: Sequence[int]) -> list[Config]:
    """The same configuration for several seeds, composed once: `compose([*overrides, "seed=N"])` for each N, or with
    "seed.model=N" where the overrides set seed.data."""
    return list(_composed(overrides, seeds))


def _composed(overrides: Sequence[str], seeds: Sequence[int | None], look_for_files: bool = False) -> Iterator[Config]:
    given = read_overrides(overrides)
    fixed = {override.key_or_group for override in given}
    composed, chosen = _compose(given)
    for index, seed in enumerate(seeds):
        if seed is not None:
            composed.seed.model = seed
            composed.seed.data = composed.seed.data if "seed.data" in fixed else seed
        config = _finished(_resolve(composed), chosen)
        if look_for_files:
            check_paths(config)
        if index == 0:  # no component sees another seed
            check_fit(config)
            check(config)
        yield config


def _finished(config: Config, chosen: dict[str, Any]) -> Config:
    """Names filled in from the choices, where all sections are there."""
    config["choices"] = dict(chosen)
    for section in OPTIONAL:
        config.setdefault(section, None)
    config.setdefault("callbacks", {})
    resolve_trainer(config.get("trainer"))
    check_run(config)
    check_monitor(config)
    if config["fusion"] is None:  # a language model alone: what joins modalities plays no part in it
        config["encoder"] = config["head"] = None
    if config["decoder"] is not None:  # what writes needs no head that decides
        config["head"] = None
    _absolute(config["data"], "path")
    _absolute(config["trainer"], "continue_from")
    _absolute(config["model"] or {}, "init_from")
    for name, node in config["encoders"].items():
        if "init_from" in node and "_target_" not in node:
            config["encoders"][name] = {"_target_": TRAINED_ENCODER, "modality": None, **node}
    for node in [*(config["encoder"] or {}).values(), *config["encoders"].values()]:
        _absolute(node, "init_from")
        _absolute(node, "path")
    config["study"] = config["study"] or (chosen.get("experiment") or chosen["data"] or "run").replace("/", "-")
    config["arm"] = config["arm"] or chosen.get("decoder") or chosen.get("fusion") or chosen.get("model") or "run"
    return config


def _absolute(node: Config, key: str) -> None:
    """One file is one run, from whatever folder it is named."""
    value = node.get(key)
    if isinstance(value, str) and value != "???":
        node[key] = str(Path(value).expanduser().resolve())


def _compose(overrides: Sequence[Override]) -> tuple[DictConfig, dict[str, Any]]:
    """The configuration with overrides as Hydra composes it, those that its grammar does not hold put in after."""
    GlobalHydra.instance().clear()
    texts = [override.input_line or "" for override in overrides if not isinstance(override, BeyondHydra)]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            config = hydra_compose("train", [*_search_path(), *texts], return_hydra_config=True)
            runtime = dict(config.hydra.runtime.choices)
            for override in overrides:
                if isinstance(override, BeyondHydra):
                    _put_in(config, override)
        except (HydraException, OmegaConfBaseException, ValueError, TypeError, KeyError) as error:
            raise UserError(_explain(overrides, error)) from None
    problem = _absent_key(overrides, added_only=True)
    if problem is not None:
        raise UserError(problem)
    chosen = {str(k): v for k, v in runtime.items() if not str(k).startswith("hydra/")}
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return config, dict(sorted(chosen.items()))


def _search_path() -> list[str]:
    """The override that adds the conf/ of plug-ins to Hydra's search path, after that of interlace."""
    folders = [f"file://{plugin.conf}" for plugin in plugins()]
    return [spelled("hydra.searchpath", folders)] if folders else []


def _put_in(config: DictConfig, override: BeyondHydra) -> None:
    if override.is_delete():
        *parents, name = override.key_or_group.split(".")
        with open_dict(config):
            del OmegaConf.select(config, ".".join(parents), throw_on_missing=True)[name]
    else:
        added = override.is_add() or override.is_force_add()
        OmegaConf.update(config, override.key_or_group, override.value(), merge=True, force_add=added)


def _resolve(config: DictConfig) -> Config:
    _refuse_resolvers("", OmegaConf.to_container(config, resolve=False))
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=False)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UserError(f"the configuration does not resolve: {str(error).splitlines()[0]}") from None


def _refuse_resolvers(path: str, value: Any) -> None:
    """A configuration may refer to its own values (`${trainer.max_epochs}`). Functions of OmegaConf and Hydra read the
    environment, from where secrets would reach files that are shared; a shell fills in what the user wants."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_resolvers(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_resolvers(f"{path}[{index}]", inner)
    elif isinstance(value, str) and RESOLVER.search(value):
        raise UserError(f"{path.lstrip('.')}: got {value!r}; a value calls no resolver, let the shell write it ($NAME)")


def _explain(overrides: Sequence[Override], error: Exception) -> str:
    """The first override whose key does not exist, with the nearest that does; else the new name of a group that a
    file of a plug-in chooses by its old one; else Hydra's own first line."""
    text = str(error)
    quoted = next(filter(None, map(renamed, re.findall(r"'/?(\w+)'", text))), None)
    return _absent_key(overrides) or quoted or f"overrides: {text.splitlines()[0]}"


def _absent_key(overrides: Sequence[Override], *, added_only: bool = False) -> str | None:
    """`keys.absent_key` for overrides of options, beside what the chosen groups give; None where all exist.

    `added_only`: for those that add a key, which Hydra does not look at.
    """
    known = groups()
    options = [override for override in overrides if override.key_or_group not in known]
    if added_only:
        options = [override for override in options if override.is_add() or override.is_force_add()]
    if not options:
        return None
    base, _ = _compose([override for override in overrides if override.key_or_group in known])
    plain = OmegaConf.to_container(base, resolve=False, throw_on_missing=False)
    return absent_key(plain, options)  # type: ignore[arg-type]


def compose_node(group: str, name: str) -> Config:
    """One file of a group as plain data (`compose_node("fusion", "attention")`), without Hydra.

    A file may extend others of its group (`defaults: [default, _self_]`) and overrides what they say.
    """
    if name not in choices(group):
        raise UserError(f"{group}={name}: no such choice; {did_you_mean(name, choices(group))}")
    node: Any = OmegaConf.load(conf_file(group, name).path)
    plain: Config = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    extended = [each for each in plain.pop("defaults", []) if each != "_self_"]
    return {key: value for base in extended for key, value in compose_node(group, base).items()} | plain
