"""Script that prints the text of a PDF as JSON; `reading.pdf` runs it in a process of its own, within limits.

Standard input is the file; the arguments are the seconds of processor time and the bytes of memory that it may take. It
needs nothing of this package. The output is {"pages": [[[text, height, size, x], ...], ...]}, a list of lines for each
page, or {"error": kind, "detail": text}.
"""

import contextlib
import io
import json
import logging
import sys
from typing import Any

MOST_CHARACTERS = 64 * 2**20  # of the text of a document
MOST_PAGES = 100_000


def main() -> None:
    """Print the text of the PDF on standard input."""
    _restrict(int(sys.argv[1]), int(sys.argv[2]))
    json.dump(answer(sys.stdin.buffer.read()), sys.stdout)


def answer(content: bytes) -> dict[str, Any]:
    """Return the lines of each page, or what is wrong with the file."""
    from pypdf.errors import LimitReachedError

    try:
        return _read(content)
    except MemoryError:
        return {"error": "memory", "detail": ""}
    except RecursionError:
        return {"error": "damaged", "detail": "its objects nest too deeply"}
    except Exception as error:  # of a library that parses a damaged file
        text = (str(error).strip().splitlines() or [""])[0]
        kind = "much" if isinstance(error, LimitReachedError) else "damaged"
        return {"error": kind, "detail": f"{type(error).__name__}: {text}"[:200]}


def _restrict(seconds: int, memory: int) -> None:
    """Limit the memory and the processor time of this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the parent process measures time alone
        return
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _read(content: bytes) -> dict[str, Any]:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        return {"error": "encrypted", "detail": ""}
    pages, characters = [], 0
    for number, page in enumerate(reader.pages):
        lines = _lines(page)
        characters += sum(len(line[0]) for line in lines)
        if characters > MOST_CHARACTERS or number >= MOST_PAGES:
            return {"error": "much", "detail": f"over {number} pages with {characters} characters"}
        pages.append(lines)
    return {"pages": pages}


def _lines(page: Any) -> list[list[Any]]:
    """Return the lines of a page as [text, height, font size, x], in the order in which the file draws them."""
    found: list[list[Any]] = []
    open_line = [False]

    def visit(text: str, matrix: list[float], text_matrix: list[float], _: Any, size: float) -> None:
        scale = abs(text_matrix[3] * matrix[3]) or abs(text_matrix[1] * matrix[1]) or 1.0
        x = text_matrix[4] * matrix[0] + text_matrix[5] * matrix[2] + matrix[4]
        y = text_matrix[4] * matrix[1] + text_matrix[5] * matrix[3] + matrix[5]
        for number, piece in enumerate(text.split("\n")):
            if number:
                open_line[0] = False
            if piece and not open_line[0]:
                found.append(["", round(y, 2), round(abs(size) * scale, 2), round(x, 2)])
                open_line[0] = True
            if piece:
                found[-1][0] += piece

    page.extract_text(visitor_text=visit)
    return [line for line in found if line[0].strip()]


if __name__ == "__main__":
    main()
