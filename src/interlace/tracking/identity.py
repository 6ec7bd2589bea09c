"""Which run is which: the hash of a configuration, and the hash of the code that ran it."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from interlace.configuration.checking import resolve_target
from interlace.configuration.compose import compose_node
from interlace.configuration.construction import signature_of
from interlace.configuration.locations import outputs_dir
from interlace.configuration.plugins import conf_files, described
from interlace.configuration.schema import HARDWARE, OPTIONAL
from interlace.configuration.targets import plugins_of

# Names and loggers do not change a metric, nor does HARDWARE of `trainer`; seeds are a directory level of their own.
NOT_IDENTITY = frozenset({"study", "arm", "factors", "tags", "budget", "seed", "logger", "choices"})
# Files of conf/encoder that stay as they are (tests/tracking/test_identity.py): runs that use them do not count them.
NEWER_ENCODERS = {"video": "frames", "graph": "convolution"}
# Options that came later, by section, and the value at which old runs are what they were.
NEWER_OPTIONS: dict[str, dict[str, Any]] = {
    "data": {"max_frames": 64, "layout": None, "label": None, "characters": False, "on_long": "error"},
    "objective": {"class_weights": None, "focal_gamma": 0.0},
    "model": {"decoder_start_id": None},
    "fusion": {"modality_embedding": True, "readout": "cls", "cross_modal": True},
}
# The same for encoders, of any kind.
NEWER_ENCODER_OPTIONS = {"word_dropout": 0.0}
# The end of a path that leads to a run, or to a file among its checkpoints.
OF_A_RUN = re.compile(
    r"(?:^|/)([^/]+/[^/]+-[0-9a-f]{10}(?:-[0-9a-f]{6})?/seed-\d+(?:-data-\d+)?(?:/checkpoints/[^/]+)?)/?$"
)
# The rooms and files that compute a run's figures. Reports, commands and loggers may change without making it stale.
CODE_OF_A_RUN = frozenset(
    {
        "tokens.py", "nn", "optim", "metrics", "data", "scenes", "models", "pretrained", "encoders", "fusion", "heads",
        "objectives", "tasks", "assembly", "training.py",
    }
)  # fmt: skip


def config_hash(config: Mapping[str, Any]) -> str:
    """Ten hex digits over what decides a run's figures: the configuration without names, seeds and hardware.

    Sections that a run does not have (`None`) do not count, so that a new one leaves old runs what they are.
    """
    kept = {k: v for k, v in config.items() if k not in NOT_IDENTITY and not (k in OPTIONAL and v is None)}
    kept = {k: v for k, v in kept.items() if k != "callbacks" or v}
    kept["trainer"] = _without_place({k: v for k, v in config["trainer"].items() if k not in HARDWARE})
    if "model" in kept:
        kept["model"] = _without_place(kept["model"])
    for section, newer in NEWER_OPTIONS.items():
        if section in kept:
            kept[section] = {k: v for k, v in kept[section].items() if k not in newer or v != newer[k]}
    if "encoder" in kept:
        kept["encoder"] = {kind: node for kind, node in kept["encoder"].items() if node != _newer_default(kind)}
    for section in ("encoder", "encoders"):
        if section in kept:
            kept[section] = {name: _without_place(_without_newer(node)) for name, node in kept[section].items()}
    if "finetuning" in kept:  # tokens that are kept and tokens that are computed anew are the same
        kept["finetuning"] = {key: value for key, value in kept["finetuning"].items() if key != "cache"}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def with_newer_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a run that may be older than some options: those have the value that it ran with."""
    completed = dict(config)
    for section, newer in NEWER_OPTIONS.items():
        node = config.get(section)
        if node is not None and "_target_" in node:
            known = signature_of(resolve_target(section, node))[0]
            completed[section] = {**{k: v for k, v in newer.items() if k in known}, **node}
    return completed


@cache
def _newer_default(kind: str) -> dict[str, Any] | None:
    """The default encoder of a kind that came after runs had been recorded: at its default it is in no identity."""
    return compose_node(f"encoder/{kind}", NEWER_ENCODERS[kind]) if kind in NEWER_ENCODERS else None


def _without_newer(node: Mapping[str, Any]) -> dict[str, Any]:
    """An encoder without options that came later and are at the value at which old runs are what they were."""
    return {k: v for k, v in node.items() if k not in NEWER_ENCODER_OPTIONS or v != NEWER_ENCODER_OPTIONS[k]}


def _without_place(node: Mapping[str, Any]) -> dict[str, Any]:
    """A component whose parent run, if any, is named by its configuration alone: study, arm-hash, seed; a file of word
    vectors in a run's checkpoints likewise. Any other path counts as it is.

    What such a path leads to, and whether that has changed, is in the run's record of inputs (`staleness.place_of`).
    """
    named = dict(node)
    for key in ("init_from", "path", "continue_from"):
        if isinstance(node.get(key), str):
            of_a_run = OF_A_RUN.search(node[key])
            named[key] = of_a_run[1] if of_a_run else str(Path(node[key]))
    return named


@cache
def code_hash(plugins: tuple[str, ...] = ()) -> str:
    """Twelve hex digits over the sources that compute a run's metrics, those of the plug-ins that it uses among them.

    A plug-in that is not here has no source: the hash is then that of no run.
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
    """`code_hash` as it is now, of interlace and the plug-ins that results.json of a run names."""
    plugins = results.get("plugins")
    return code_hash(tuple(map(str, plugins)) if isinstance(plugins, list) else ())


def seed_name(seed: Mapping[str, int]) -> str:
    """`seed-3`, or `seed-3-data-5` when the two seeds differ."""
    same = seed["model"] == seed["data"]
    return f"seed-{seed['model']}" if same else f"seed-{seed['model']}-data-{seed['data']}"


def run_directory(config: Mapping[str, Any], outputs: Path | None = None) -> Path:
    """<outputs>/<study>/<arm>-<hash>/seed-<n>: the same configuration is the same directory, whenever it runs."""
    root = outputs if outputs is not None else outputs_dir()
    return root / str(config["study"]) / f"{config['arm']}-{config_hash(config)}" / seed_name(config["seed"])


def conf_hash() -> str:
    """Twelve hex digits over the configuration files, those of plug-ins among them."""
    return _hash_of_files(tuple((name, each.path) for name, each in sorted(conf_files().items())))


@cache
def _hash_of_files(files: tuple[tuple[str, Path], ...]) -> str:
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
