"""The checkpoint that a run resumes from, when the last one may be damaged."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from interlace.reading.tensors import check_archive, load_tensors

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
ASIDE = ".unreadable"


class Start(NamedTuple):
    """The start of a run: a checkpoint and its place, or, where `path` is None, the beginning; what to tell; and
    metrics.jsonl as it was there."""

    path: Path | None
    step: int = -1
    epoch: int = 0
    batch: int = 0
    warning: str | None = None
    handed_over: bool = False  # by the run that this one goes on from: no update of its own yet
    metrics: str | None = None


def find_start(folder: Path) -> Start:
    """The newest whole one of last.ckpt and previous.ckpt; what cannot be read is renamed to *.unreadable.

    A run may start from its beginning although a checkpoint is whole: when the best.ckpt that it speaks of is damaged
    or gone, as no later epoch need be as good. Raises PermissionError for a file that may not be read.
    """
    present = [folder / name for name in (LAST, PREVIOUS) if (folder / name).exists()]
    damaged = []
    for path in present:
        if not is_whole(path):
            damaged.append(_put_aside(path))
            continue
        checkpoint = load_tensors(path)
        if _best_is_missing(folder, checkpoint):
            return _start_anew(folder)
        place = checkpoint["interlace"]
        warning = _warning(damaged, f"the run goes on from {path.name}")
        at = (checkpoint["global_step"], place["epoch"], place["batch"])
        return Start(path, *at, warning, place.get("handed_over", False), place.get("metrics"))
    return Start(None, warning=_warning(damaged, "the run starts anew"))


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint is as it was written, by the checksum of each of its parts.

    torch.load does not look at them: a file with a page of zeros in it, as a power cut leaves, would load.
    """
    try:
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except PermissionError:
        raise
    except Exception:  # garbage stops the reader anywhere
        return False


def _best_is_missing(folder: Path, checkpoint: dict[str, Any]) -> bool:
    state = checkpoint["callbacks"].get("BestCheckpoint", {})
    if state.get("best") is None:
        return False
    best = folder / BEST
    return not (best.exists() and is_whole(best))


def _start_anew(folder: Path) -> Start:
    """Checkpoints go first: a kill in between must not leave one that goes on without its best weights."""
    for name in (LAST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
    best = folder / BEST
    if not best.exists():
        return Start(None, warning=f"{best}: is gone, and may be the weights to keep; the run starts anew")
    return Start(None, warning=_warning([_put_aside(best)], "the run starts anew"))


def _put_aside(path: Path) -> Path:
    return path.replace(path.with_name(path.name + ASIDE))


def _warning(damaged: list[Path], then: str) -> str | None:
    if not damaged:
        return None
    names = " and ".join([str(damaged[0]), *(path.name for path in damaged[1:])])
    return f"{names}: cannot be read, and kept under this name; {then}"
