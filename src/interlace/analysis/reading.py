"""Reading of analyses from run directories, without importing the analysis code."""

import hashlib
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.tracking.files import read_json

FILE = "analysis.json"


def read_analysis(directory: Path) -> dict[str, Any] | None:
    """Return the analysis.json of a run; None if there is none or the run was trained again since."""
    path = directory / FILE
    if not path.is_file():
        return None
    try:
        content: Any = read_json(path)
    except ValueError:
        raise UserError(f"{path}: not JSON; delete it and run interlace analyze again") from None
    if not isinstance(content, dict) or content.get("results") != results_hash(directory):
        return None
    return content


def results_hash(directory: Path) -> str:
    """Return twelve hex digits of the hash of results.json, which ties an analysis to the results of a run."""
    path = directory / "results.json"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""
