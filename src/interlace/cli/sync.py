"""interlace sync"""

from pathlib import Path
from typing import Annotated

import typer


def sync(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder to search for W&B runs that are not uploaded; default: the outputs."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be uploaded.")] = False,
) -> None:
    """Upload runs that W&B recorded offline or uploaded in part; needs WANDB_API_KEY and a reachable server."""
    import os

    from interlace.configuration.locations import outputs_dir
    from interlace.errors import RunFailure, UserError
    from interlace.tracking.wandb_sync import unsynced, upload

    root = folder or outputs_dir()
    runs = unsynced(root)
    print(f"{len(runs)} runs to upload in {root}")
    if dry_run or not runs:
        for run in runs:
            print(run.segments[-1])
        return
    if not os.environ.get("WANDB_API_KEY"):
        raise UserError("sync: no W&B key; set WANDB_API_KEY, or use --dry-run to list the runs")
    failed = upload(runs)
    for run, reason in failed.items():
        print(f"not uploaded: {run.directory} ({reason})")
    if failed:
        raise RunFailure(f"{len(failed)} of {len(runs)} runs were not uploaded; they are still on disk, try again")
    print(f"{len(runs)} runs uploaded")
