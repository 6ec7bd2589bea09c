"""Choice of the checkpoint from which a run resumes, where the last one may be damaged."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from interlace.reading.tensors import check_archive, load_tensors

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
ASIDE = ".unreadable"


class Start(NamedTuple):
    """The checkpoint from which a run starts, with its position; `path` None: from the beginning.

    `warning`: a message for the user. `metrics`: content of metrics.jsonl when the checkpoint was saved.
    """

    path: Path | None
    step: int = -1
    epoch: int = 0
    batch: int = 0
    warning: str | None = None
    handed_over: bool = False  # copied from the run that `trainer.continue_from` names
    metrics: str | None = None


def find_start(folder: Path) -> Start:
    """Choose the newest undamaged one of last.ckpt and previous.ckpt; damaged ones are renamed to *.unreadable.

    A run starts from its beginning although a checkpoint is undamaged when the best.ckpt that belongs to it is damaged
    or missing, as later epochs may not be as good. Raises PermissionError for a file without read permission.
    """
    present = [folder / name for name in (LAST, PREVIOUS) if (folder / name).exists()]
    damaged = []
    for path in present:
        if not is_whole(path):
            damaged.append(_rename_damaged(path))
            continue
        checkpoint = load_tensors(path)
        if _best_is_missing(folder, checkpoint):
            return _start_over(folder)
        position = checkpoint["interlace"]
        warning = _warning(damaged, f"the run resumes from {path.name}")
        at = (checkpoint["global_step"], position["epoch"], position["batch"])
        return Start(path, *at, warning, position.get("handed_over", False), position.get("metrics"))
    return Start(None, warning=_warning(damaged, "the run starts from the beginning"))


def is_whole(path: Path) -> bool:
    """True where a checkpoint is undamaged, by the checksum of each member of the archive.

    torch.load does not verify them: it would load a file with a page of zeros, as a power failure leaves.
    """
    try:
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except PermissionError:
        raise
    except Exception:  # damaged content may raise any exception
        return False


def _best_is_missing(folder: Path, checkpoint: dict[str, Any]) -> bool:
    state = checkpoint["callbacks"].get("BestCheckpoint", {})
    if state.get("best") is None:
        return False
    best = folder / BEST
    return not (best.exists() and is_whole(best))


def _start_over(folder: Path) -> Start:
    """Remove the checkpoints first, so that a kill in between leaves none without its best.ckpt."""
    for name in (LAST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
    best = folder / BEST
    if not best.exists():
        return Start(
            None, warning=f"{best}: missing, and later weights may be worse; the run starts from the beginning"
        )
    return Start(None, warning=_warning([_rename_damaged(best)], "the run starts from the beginning"))


def _rename_damaged(path: Path) -> Path:
    return path.replace(path.with_name(path.name + ASIDE))


def _warning(damaged: list[Path], then: str) -> str | None:
    if not damaged:
        return None
    names = " and ".join([str(damaged[0]), *(path.name for path in damaged[1:])])
    return f"{names}: cannot be read, and kept under this name; {then}"
