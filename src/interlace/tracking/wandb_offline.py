"""The sentence about runs that W&B keeps on this disk alone."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from interlace.tracking.wandb_client import is_uploaded


def offline_sentence(directories: Sequence[Path], folder: Path) -> str | None:
    """The command that uploads the offline W&B runs among these (`interlace sync FOLDER`); None for none."""
    number = sum(
        any(not is_uploaded(segment) for segment in (directory / "wandb").glob("offline-run-*"))
        for directory in directories
    )
    if not number:
        return None
    runs, them = ("this run", "it") if len(directories) == 1 else (f"{number} of these runs", "them")
    command = shlex.join(["interlace", "sync", str(folder)])
    return f"W&B holds {runs} offline; {command} uploads {them} (logger=none leaves W&B out)"
