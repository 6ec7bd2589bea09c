"""Suppresses the output of libraries; writes errors and warnings of a run to train.log."""

import contextlib
import logging
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

from interlace.tracking.files import append_line


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Suppresses messages that a user cannot act on: Lightning's device banners and hints about loaders."""
    names = ("pytorch_lightning", "lightning_fabric", "pytorch_lightning.utilities.rank_zero")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning.*")
        warnings.filterwarnings("ignore", message=r".*(isinstance\(treespec|LeafSpec).*")
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"(torch|torchmetrics|timm).*")
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def log_error(directory: Path, error: BaseException) -> None:
    """Append the traceback to train.log, for debugging; does nothing where it cannot be written."""
    with contextlib.suppress(OSError), (directory / "train.log").open("a", encoding="utf-8") as stream:
        stream.write("".join(traceback.format_exception(error)))


def warn(directory: Path, sentence: str, *, quiet: bool) -> None:
    """Write a warning to train.log, and to standard error unless `quiet`."""
    append_line(directory / "train.log", f"{time.strftime('%H:%M:%S')} {sentence}")
    if not quiet:
        print(f"interlace: {sentence}", file=sys.stderr, flush=True)
