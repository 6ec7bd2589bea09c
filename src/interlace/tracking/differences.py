"""Differences between the manifest of a run and the present environment, each with a remedy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.tracking.source_tree import PATCH

NOT_RECORDED = "not recorded"
# Remedies for differences in fields other than git, packages, plugins, tokenizers, parents and inputs.
FIELDS = {
    "config_hash": "restore the run's config.yaml, which was edited, or was read by another version of this program",
    "code": "check out the run's commit, with its patch",
    "python": "use Python {before}",
    "lock": "install from the requirements.lock of the run's commit",
    "processor": "use such a processor, or expect the last digits to differ",
    "cpu_capability": "use such a processor, or set ATEN_CPU_CAPABILITY={lower}",
    "threads": "set OMP_NUM_THREADS={before}, on a machine with as many cores",
    "accelerator": "use trainer.accelerator={before}",
    "devices": "use the same kind of GPU, as many of them (CUDA_VISIBLE_DEVICES)",
    "cuda": "install torch for CUDA {before}",
    "driver": "install the NVIDIA driver {before}",
    "world_size": "start {before} processes",
    "strategy": "use trainer.strategy={before}",
    "precision": "use trainer.precision={before}",
    "seed": "restore the seeds in the run's config.yaml",
    "data_fingerprint": "put the data back as they were (data.path, INTERLACE_DATA; INTERLACE_CACHE is rebuilt)",
    "data_rows": "put the data back as they were",
}
# A run cannot be resumed where one of these has changed.
INPUTS = ("data_fingerprint", "tokenizers", "parents", "inputs")
WHAT = {
    "data_fingerprint": "the data have changed",
    "tokenizers": "the tokenizer has changed",
    "parents": "the weights that the run started from have changed",
    "inputs": "the files that the run reads have changed",
}


@dataclass(frozen=True)
class Difference:
    """A field of manifest.json with its recorded and present value, and a remedy."""

    field: str
    before: Any
    after: Any
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: was {_shown(self.before)}, is {_shown(self.after)}; {self.remedy}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any], directory: Path) -> list[Difference]:
    """All differences between two manifests that may change metrics; `directory`: the run of the manifest `before`.

    A field that an older version did not record counts as a difference, as its value is not known.
    """
    found = [*_code(before, after, directory)]
    for name, remedy in FIELDS.items():
        was, now = before.get(name, NOT_RECORDED), after.get(name)
        if was != now:
            found.append(Difference(name, was, now, _remedy(remedy, was)))
    for name, was, now in _entries(before, after, "packages"):
        remedy = f"pip uninstall {name}" if was == "absent" else f"pip install {name}=={was}"
        found.append(Difference(f"packages.{name}", was, now, remedy if was != NOT_RECORDED else "no remedy is known"))
    for name, was, now in _entries(before, after, "plugins"):
        version = was.get("version") if isinstance(was, Mapping) else None
        remedy = (
            f"install version {version} of the plug-in {name}" if version else f"put the plug-in {name} back as it was"
        )
        found.append(Difference(f"plugins.{name}", was, now, _remedy(remedy, was)))
    for name, was, now in _entries(before, after, "tokenizers"):
        found.append(Difference(f"tokenizers.{name}", was, now, _remedy("restore the tokenizer's file or texts", was)))
    for name, was, now in _entries(before, after, "parents"):
        found.append(Difference(f"parents.{name}", was, now, _remedy("restore the weights at this path", was)))
    for name, was, now in _entries(before, after, "inputs"):
        found.append(Difference(f"inputs.{name}", was, now, _remedy("restore the files at this path", was)))
    return found


def check_inputs(before: Mapping[str, Any], after: Mapping[str, Any], directory: Path) -> None:
    """Raises UserError where data, tokenizer, parents or inputs of a run have changed since its checkpoint was written.

    Fields that an older version did not record are not compared.
    """
    for key in INPUTS:
        was, now = before.get(key), after.get(key)
        if was is None or was == now:
            continue
        if isinstance(was, Mapping):
            name = next(n for n in {**was, **(now or {})} if was.get(n) != (now or {}).get(n))
            entry, was, now = f" ({name})", was.get(name), (now or {}).get(name)
        else:
            entry = ""
        raise UserError(
            f"{directory}: {WHAT[key]}{entry} since this run began: was {_shown(was)}, is {_shown(now)}; restore "
            f"the former state, or train from the start with --refresh"
        )


def _code(before: Mapping[str, Any], after: Mapping[str, Any], directory: Path) -> Iterator[Difference]:
    """Differences of the commit and of uncommitted changes."""
    old, new = before.get("git") or {}, after.get("git") or {}
    was, now = old.get("commit"), new.get("commit")
    restored = f"git worktree add ../interlace-then {was}"
    if was != now:
        yield Difference("git.commit", was, now, restored if was else "run from an installed package, as before")
    changes, changes_now = _changes(old), _changes(new)
    if changes != changes_now:
        patch = directory / PATCH
        remedy = f"git apply {patch.resolve()} in a checkout of {was}" if old.get("dirty") else "commit or stash them"
        left_out = old.get("left_out") or []
        if left_out:
            remedy += f", and restore files that the patch leaves out: {', '.join(left_out)}"
        yield Difference("git.changes", changes, changes_now, remedy)


def _changes(git: Mapping[str, Any]) -> str:
    """The hash of uncommitted changes; "none" without any."""
    if not git.get("dirty"):
        return "none"
    return str(git.get("patch", NOT_RECORDED))


def _entries(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any, Any]]:
    """Name and both values of each differing entry of a field that is a mapping."""
    missing = NOT_RECORDED if key not in before else None
    old, new = before.get(key) or {}, after.get(key) or {}
    for name in sorted({*old, *new}):
        was, now = old.get(name, missing), new.get(name)
        if was != now:
            yield name, was, now


def _remedy(text: str, was: Any) -> str:
    if was == NOT_RECORDED:
        return "no remedy is known: an older version did not record this field"
    return text.format(before=_shown(was), lower=str(was).lower())


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items()) or "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
