"""Composition of overrides to one checked configuration."""

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
from interlace.configuration.starting import choices_of_a_parent, groups_chosen, names_a_parent
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

Config = dict[str, Any]
RESOLVER = re.compile(r"(?<!\\)(?:\\\\)*\$\{[^{}]*:")  # after a backslash it is plain text
PRETRAINED = "pretrained"  # choice of the group model
TRAINED_ENCODER = "interlace.encoders.trained.load_trained_encoder"  # target of encoders.NAME.init_from=RUN_DIR


def compose(overrides: Sequence[str] = (), *, look_for_files: bool = False) -> Config:
    """Compose conf/train.yaml with Hydra overrides, resolve references and check the whole configuration.

    Returns plain data (dict, list, str, numbers). `seed=3` is short for both seeds; `study` and `arm` are filled
    in from the chosen experiment and fusion. Raises UserError for invalid overrides; with `look_for_files`
    also for files and folders that do not exist (those of a study's parents may not exist yet).
    """
    return next(_composed(overrides, [None], look_for_files))


def compose_seeds(overrides: Sequence[str], seeds: Sequence[int]) -> list[Config]:
    """Return the configuration of each seed, composed once: as `compose([*overrides, "seed=N"])`, or "seed.model=N" if
    the overrides set seed.data."""
    return list(_composed(overrides, seeds))


def _composed(overrides: Sequence[str], seeds: Sequence[int | None], look_for_files: bool = False) -> Iterator[Config]:
    given = read_overrides(overrides)
    if names_a_parent(given):
        given = [*given, *choices_of_a_parent(*_compose(groups_chosen(given)), given)]
    fixed = {override.key_or_group for override in given}
    composed, chosen = _compose(given)
    if chosen.get("model") == PRETRAINED:
        _leave_out_options_of_another_model(composed.model, given)
    for index, seed in enumerate(seeds):
        if seed is not None:
            composed.seed.model = seed
            composed.seed.data = composed.seed.data if "seed.data" in fixed else seed
        config = _finished(_resolve(composed), chosen)
        if look_for_files:
            check_paths(config)
        if index == 0:  # the other configurations differ in the seed only
            check_fit(config)
            check(config)
        yield config


def _leave_out_options_of_another_model(node: DictConfig, given: Sequence[Override]) -> None:
    """Take out the sizes that a preset gives to its own model, in whose place a pretrained one was chosen."""
    own = compose_node("model", PRETRAINED)
    keys = {override.key_or_group for override in given}
    for key in [key for key in map(str, node) if key not in own and f"model.{key}" not in keys]:
        del node[key]


def _finished(config: Config, chosen: dict[str, Any]) -> Config:
    """Return the configuration with all sections and, from the choices, `study`, `arm` and encoders; checked."""
    config["choices"] = dict(chosen)
    for section in OPTIONAL:
        config.setdefault(section, None)
    config.setdefault("callbacks", {})
    resolve_trainer(config.get("trainer"))
    check_run(config)
    check_monitor(config)
    if config["fusion"] is None:  # a language model alone has neither encoders nor a head
        config["encoder"] = config["head"] = None
    if config["decoder"] is not None:  # a decoder takes the place of the head
        config["head"] = None
    for key in ("path", "graph", "templates"):
        _absolute(config["data"], key)
    _absolute(config["trainer"], "continue_from")
    for key in ("init_from", "encoder", "reranker", "graph", "relations", "index", "language_model"):
        _absolute(config["model"] or {}, key)
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
    """Make a path absolute, so that the identity of a run does not depend on the working directory."""
    value = node.get(key)
    if isinstance(value, str) and value != "???":
        node[key] = str(Path(value).expanduser().resolve())


def _compose(overrides: Sequence[Override]) -> tuple[DictConfig, dict[str, Any]]:
    """Compose the overrides with Hydra, then apply those that Hydra's grammar cannot express."""
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
    """Return the override that adds the conf/ of plug-ins to Hydra's search path, after that of interlace."""
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
    """Raise UserError for a call of a resolver; references to other values (`${trainer.max_epochs}`) are allowed.

    Resolvers of OmegaConf and Hydra read the environment, and secrets would get into files that are shared.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_resolvers(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_resolvers(f"{path}[{index}]", inner)
    elif isinstance(value, str) and RESOLVER.search(value):
        raise UserError(f"{path.lstrip('.')}: got {value!r}; a value calls no resolver, let the shell write it ($NAME)")


def _explain(overrides: Sequence[Override], error: Exception) -> str:
    """Return the message for an override that Hydra refused.

    It names the first override whose key does not exist and the nearest existing key; else the new name of a renamed
    group that a plug-in's file still chooses; else the first line of Hydra's own message.
    """
    text = str(error)
    quoted = next(filter(None, map(renamed, re.findall(r"'/?(\w+)'", text))), None)
    return _absent_key(overrides) or quoted or f"overrides: {text.splitlines()[0]}"


def _absent_key(overrides: Sequence[Override], *, added_only: bool = False) -> str | None:
    """Apply `keys.absent_key` to the overrides of options, after the chosen groups; None if all keys exist.

    `added_only`: only those that add a key, which Hydra does not check.
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
    """Return one file of a group as plain data (`compose_node("fusion", "attention")`), without Hydra.

    A file may extend others of its group (`defaults: [default, _self_]`) and override their options.
    """
    if name not in choices(group):
        raise UserError(f"{group}={name}: no such choice; {did_you_mean(name, choices(group))}")
    node: Any = OmegaConf.load(conf_file(group, name).path)
    plain: Config = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    extended = [each for each in plain.pop("defaults", []) if each != "_self_"]
    return {key: value for base in extended for key, value in compose_node(group, base).items()} | plain
