"""Removal of a run's results, so that it is made again in its directory (`--refresh`)."""

from pathlib import Path

from interlace.errors import UserError
from interlace.inputs.checksums import discard_checksums
from interlace.tracking.files import read_json
from interlace.tracking.identity import current_code_hash
from interlace.tracking.inputs_file import INPUTS
from interlace.tracking.lock import RunLock
from interlace.tracking.recovery import ASIDE
from interlace.tracking.staleness import changed_inputs
from interlace.tracking.status import read_status


def refresh_run(directory: Path, which: str) -> None:
    """Remove checkpoints and results of a run: of any run ("all"), a failed one ("failed"), or one whose code or inputs
    have changed ("stale").

    Raises LockedError when a process is running it. Checkpoints are removed first, the status last: after a kill in
    between the run starts from its beginning, and old weights are never combined with new results.
    """
    if not directory.exists():
        return
    failed = read_status(directory)["status"] == "failed"
    if which == "all" or (which == "stale" and _is_stale(directory)) or (which == "failed" and failed):
        with RunLock(directory):
            discard_checksums(directory)
            for pattern in ("*.ckpt", f"*{ASIDE}"):
                for path in (directory / "checkpoints").glob(pattern):
                    path.unlink()
            for name in ("predictions.parquet", "metrics.jsonl", "results.json", INPUTS, "status.json"):
                (directory / name).unlink(missing_ok=True)


def _is_stale(directory: Path) -> bool:
    try:
        results = read_json(directory / "results.json")
    except FileNotFoundError:
        return False
    except (OSError, ValueError, UserError):
        return True
    same_code = isinstance(results, dict) and results.get("code") == current_code_hash(results)
    return not same_code or bool(changed_inputs(directory, str(Path.cwd())))
