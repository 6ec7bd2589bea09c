"""Notebooks as pages: text, code and the outputs that are stored in them."""

import base64
import json
from pathlib import Path
from typing import Any


def notebook_pages(docs: Path) -> dict[str, str | bytes]:
    """A page for each docs/**/*.ipynb, its stored pictures, and the notebook itself to download."""
    pages: dict[str, str | bytes] = {}
    for path in sorted(docs.rglob("*.ipynb")):
        name = path.relative_to(docs).with_suffix("").as_posix()
        content = path.read_bytes()
        parts: list[str] = []
        for number, cell in enumerate(json.loads(content)["cells"]):
            source = "".join(cell["source"])
            parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
            for place, output in enumerate(cell.get("outputs", ())):
                parts.append(_output(output, f"{name}-{number}-{place}.png", pages))
        parts.append(f"[Download the notebook]({path.name})")
        pages[f"{name}.md"] = "\n\n".join(filter(None, parts)) + "\n"
        pages[f"{name}.ipynb"] = content
    return pages


def _output(output: dict[str, Any], picture: str, pages: dict[str, str | bytes]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        pages[picture] = base64.b64decode("".join(data["image/png"]))
        return f"![output]({Path(picture).name})"
    if "text/html" in data:
        return f"<div>\n{''.join(data['text/html'])}\n</div>"
    text = "".join(output.get("text") or data.get("text/plain") or ())
    return f"```text\n{text.rstrip()}\n```" if text.strip() else ""
