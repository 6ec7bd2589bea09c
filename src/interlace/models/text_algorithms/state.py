"""State of a fitted text algorithm, as one JSON file."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.models.ngram.storage import replacing
from interlace.reading.documents import read_json

NAME = "state.json"


def write_state(folder: Path, state: dict[str, Any], name: str = NAME) -> None:
    """Writes a state of plain JSON values into a folder, in one step."""
    with replacing(folder / name) as temporary:
        temporary.write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")


def read_state(folder: Path, keys: Iterable[str], name: str = NAME) -> dict[str, Any]:
    """The state in a folder; UserError where it is absent or no JSON object with these keys."""
    path = folder / name
    try:
        state = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); train the run again") from None
    if not isinstance(state, dict) or not state.keys() >= set(keys):
        raise UserError(f"{path}: not what a text algorithm has saved; train the run again")
    return state
