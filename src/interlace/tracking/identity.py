"""Identity of a run: the hash of its configuration, and the hash of the code that ran it."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

from pydantic import BaseModel

from interlace.configuration.construction import located, signature_of
from interlace.configuration.fitting import KINDS
from interlace.configuration.locations import outputs_dir
from interlace.configuration.plugins import conf_files, described
from interlace.configuration.schema import HARDWARE, INJECTED, NAMED, OPTIONAL, RunSection
from interlace.configuration.targets import check_known, plugins_of

# Names, loggers and HARDWARE of `trainer` do not change a metric; seeds are a separate directory level.
NOT_IDENTITY = frozenset({"study", "arm", "factors", "tags", "budget", "seed", "logger", "choices"})
# The end of a path to a run, or to a file in its checkpoints.
OF_A_RUN = re.compile(
    r"(?:^|/)([^/]+/[^/]+-[0-9a-f]{10}(?:-[0-9a-f]{6})?/seed-\d+(?:-data-\d+)?(?:/checkpoints/[^/]+)?)/?$"
)
# Subpackages and modules that compute a run's metrics. A change in others does not make runs stale.
CODE_OF_A_RUN = frozenset(
    {
        "tokens.py", "nn", "optim", "metrics", "data", "scenes", "models", "pretrained", "encoders", "fusion", "heads",
        "objectives", "retrieval", "tasks", "assembly", "training.py", "knowledge_graph",
    }
)  # fmt: skip


def config_hash(config: Mapping[str, Any]) -> str:
    """Ten hex digits of a hash of the configuration without names, seeds and hardware, which determines the metrics.

    So that new features keep the identity of existing runs, the hash leaves out: sections that are `None`, encoders of
    kinds that the data do not have, and options at the default of a constructor's signature or of a section's schema.
    Such defaults must never change; another value is written in the conf file.
    """
    kept = {k: v for k, v in config.items() if k not in NOT_IDENTITY and not (k in OPTIONAL and v is None)}
    kept = {k: v for k, v in kept.items() if k != "callbacks" or v}
    if "encoder" in kept:
        kinds = KINDS.get(str((config.get("choices") or {}).get("data")))
        kept["encoder"] = {k: v for k, v in kept["encoder"].items() if kinds is None or k in kinds}
    kept["trainer"] = _without_place({k: v for k, v in config["trainer"].items() if k not in HARDWARE})
    if "model" in kept:
        kept["model"] = _without_place(kept["model"])
    for section in ("encoder", "encoders"):
        if section in kept:
            kept[section] = {name: _without_place(node) for name, node in kept[section].items()}
    if "finetuning" in kept:  # cached tokens equal computed ones
        kept["finetuning"] = {key: value for key, value in kept["finetuning"].items() if key != "cache"}
    kept = {k: _without_defaults(v, _section_defaults(RunSection, k)) for k, v in kept.items()}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def with_newer_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a run completed by the defaults of options that were added after it was made."""
    completed = dict(config)
    for section, node in config.items():
        if isinstance(node, Mapping):
            injected = INJECTED.get(NAMED.get(section, section), frozenset())
            defaults = _defaults_of(node, injected) or _section_defaults(RunSection, section)
            completed[section] = {**defaults, **node}
        if section in NAMED and node:
            completed[section] = {name: {**_defaults_of(each, injected), **each} for name, each in node.items()}
    return completed


def _without_defaults(value: Any, defaults: Mapping[str, Any]) -> Any:
    """A section or component, at any depth, without the options at their default."""
    if not isinstance(value, Mapping):
        return value
    defaults = {**defaults, **_defaults_of(value)}
    return {
        key: _without_defaults(inner, {})
        for key, inner in value.items()
        if key not in defaults or not _same(inner, defaults[key])
    }


def _same(value: Any, default: Any) -> bool:
    """True if two plain values are equal as JSON: 1 differs from True, a list equals a tuple."""
    return json.dumps(value, default=str) == json.dumps(default, default=str)


def _defaults_of(node: Any, injected: Collection[str] = ()) -> dict[str, Any]:
    """Plain defaults in the signature of a component's target, without parameters in `injected`."""
    target = node.get("_target_") if isinstance(node, Mapping) else None
    if not isinstance(target, str):
        return {}
    parameters = signature_of(located(check_known(target)))[0]
    return {
        name: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for name, parameter in parameters.items()
        if name not in injected and isinstance(parameter.default, str | int | float | list | tuple | dict | NoneType)
    }


@cache
def _section_defaults(model: type[BaseModel], section: str) -> Mapping[str, Any]:
    """Defaults in the schema of a section; empty for a section without a schema."""
    field = model.model_fields.get(section)
    inner = field.annotation if field is not None else None
    if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
        return {}
    return {name: each.get_default(call_default_factory=True) for name, each in inner.model_fields.items()
            if not each.is_required()}  # fmt: skip


def _without_place(node: Mapping[str, Any]) -> dict[str, Any]:
    """A component with the path of a parent run, or of a file in its checkpoints, reduced to study, arm-hash and seed.

    Other paths are unchanged. Changed files at such paths are found by the record of inputs (`staleness.place_of`).
    """
    named = dict(node)
    for key in ("init_from", "path", "continue_from", "encoder", "reranker", "relations", "index", "language_model"):
        if isinstance(node.get(key), str):
            of_a_run = OF_A_RUN.search(node[key])
            named[key] = of_a_run[1] if of_a_run else str(Path(node[key]))
    return named


@cache
def code_hash(plugins: tuple[str, ...] = ()) -> str:
    """Twelve hex digits of a hash of the sources that compute a run's metrics, with those of the given plug-ins.

    With a plug-in that is not installed the hash differs from that of every run.
    """
    if plugins:
        found = {name: entry["hash"] for name, entry in described(plugins).items()}
        text = "".join(f"{name} {found.get(name)}\0" for name in sorted(plugins))
        return hashlib.sha256(f"{code_hash()}\0{text}".encode()).hexdigest()[:12]
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name.split("/")[0] in CODE_OF_A_RUN:
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def code_hash_of(config: Mapping[str, Any]) -> str:
    """`code_hash` of interlace and the plug-ins that a configuration uses."""
    return code_hash(tuple(plugins_of(config)))


def code_record(config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of results.json about the code that made a run (see `current_code_hash`)."""
    return {"code": code_hash_of(config), "plugins": plugins_of(config)}


def current_code_hash(results: Mapping[str, Any]) -> str:
    """The present `code_hash` of interlace and the plug-ins that results.json of a run names."""
    plugins = results.get("plugins")
    return code_hash(tuple(map(str, plugins)) if isinstance(plugins, list) else ())


def seed_name(seed: Mapping[str, int]) -> str:
    """The directory name of a seed: `seed-3`, or `seed-3-data-5` when the two seeds differ."""
    same = seed["model"] == seed["data"]
    return f"seed-{seed['model']}" if same else f"seed-{seed['model']}-data-{seed['data']}"


def run_directory(config: Mapping[str, Any], outputs: Path | None = None) -> Path:
    """The directory <outputs>/<study>/<arm>-<hash>/seed-<n>, which depends on the configuration alone."""
    root = outputs if outputs is not None else outputs_dir()
    return root / str(config["study"]) / f"{config['arm']}-{config_hash(config)}" / seed_name(config["seed"])


def conf_hash() -> str:
    """Twelve hex digits of a hash of the configuration files, with those of plug-ins."""
    return _hash_of_files(tuple((name, each.path) for name, each in sorted(conf_files().items())))


@cache
def _hash_of_files(files: tuple[tuple[str, Path], ...]) -> str:
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
