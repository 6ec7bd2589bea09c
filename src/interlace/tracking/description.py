"""The description of its data that a run keeps."""

from typing import Any

from interlace.reading.documents import read_json


def described(directory: Any) -> dict[str, Any]:
    """The data description of a run; empty where it is missing or cannot be read."""
    try:
        content = read_json(directory / "data_description.json")
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
