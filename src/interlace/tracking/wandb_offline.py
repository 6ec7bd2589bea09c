"""The message on W&B runs that are not uploaded."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from interlace.tracking.wandb_client import is_uploaded


def offline_sentence(directories: Sequence[Path], folder: Path) -> str | None:
    """A sentence with the command that uploads offline W&B runs (`interlace sync FOLDER`); None without any."""
    number = sum(
        any(not is_uploaded(segment) for segment in (directory / "wandb").glob("offline-run-*"))
        for directory in directories
    )
    if not number:
        return None
    runs, them = ("this run", "it") if len(directories) == 1 else (f"{number} of these runs", "them")
    command = shlex.join(["interlace", "sync", str(folder)])
    return f"W&B logged {runs} offline; {command} uploads {them} (logger=none turns W&B off)"
