"""interlace sync"""

from pathlib import Path
from typing import Annotated

import typer


def sync(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder to search for offline W&B runs; default: the outputs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be uploaded.")] = False,
) -> None:
    """Upload runs that W&B holds offline; needs WANDB_API_KEY and a reachable server."""
    import os
    import subprocess
    import sys

    from interlace.configuration.locations import outputs_dir
    from interlace.errors import RunFailure, UserError

    root = folder or outputs_dir()
    runs = sorted(p for p in root.rglob("offline-run-*") if p.is_dir() and not list(p.glob("*.synced")))
    print(f"{len(runs)} offline runs in {root}")
    if dry_run or not runs:
        for path in runs:
            print(path)
        return
    if not os.environ.get("WANDB_API_KEY"):
        raise UserError("sync: no W&B key; set WANDB_API_KEY, or use --dry-run to list the runs")
    done = subprocess.run([sys.executable, "-m", "wandb", "sync", "--yes", *map(str, runs)], check=False)
    if done.returncode:
        raise RunFailure(f"wandb sync ended with {done.returncode}; the runs are still on disk, try again")
