"""Analyses as they lie in run directories; read without what makes them."""

import hashlib
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.tracking.files import read_json

FILE = "analysis.json"


def read_analysis(directory: Path) -> dict[str, Any] | None:
    """analysis.json of a run; None when there is none, or when the run was made anew since."""
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
    """Twelve hex digits of results.json: an analysis belongs to one outcome of a run."""
    path = directory / "results.json"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""
