"""The text of a PDF, read with pypdf in a process of its own whose memory and time are bounded."""

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from interlace.errors import UserError
from interlace.reading.documents import parse_json
from interlace.reading.files import read_bytes
from interlace.reading.limits import exceeded, format_limit, limit

SCRIPT = Path(__file__).with_name("pdf_text.py")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
WAIT = 3  # seconds of waiting for each of processor time: other processes may have the processors


class Line(NamedTuple):
    """A line of text, its height above the foot of the page, the size of its font, and the x at which it begins."""

    text: str
    height: float
    size: float
    x: float


def read_pdf(path: Path) -> list[list[Line]]:
    """Return the lines of text of each page, in the order in which the file draws them.

    Raises OSError, UserError for damaged or encrypted files, and TooLarge beyond the limits document_bytes, pdf_seconds
    and pdf_memory_bytes.
    """
    content = read_bytes(path, "document_bytes")
    if b"%PDF-" not in content[:1024]:
        raise UserError(f"{path}: not a PDF by its content; expected a file that begins with %PDF-")
    seconds, memory = limit("pdf_seconds"), limit("pdf_memory_bytes")
    command = [sys.executable, "-P", str(SCRIPT), str(seconds), str(memory)]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=WAIT * seconds, check=False)
    except subprocess.TimeoutExpired:
        raise exceeded(path, f"to read its text takes over {seconds} seconds", "pdf_seconds") from None
    if done.returncode:
        if -done.returncode in _signals_of_time():
            raise exceeded(path, f"to read its text takes over {seconds} seconds", "pdf_seconds")
        raise UserError(f"{path}: damaged, or the process that reads it cannot run{_last_line(done.stderr)}")
    answer = parse_json(done.stdout.decode(), path)
    if "error" in answer:
        raise _told(path, answer["error"], answer["detail"])
    return [[Line(_readable(text), *map(_finite, numbers)) for text, *numbers in page] for page in answer["pages"]]


def _told(path: Path, kind: str, detail: str) -> UserError:
    if kind == "encrypted":
        return UserError(f"{path}: encrypted; save it without a password, e.g. with qpdf --decrypt, and give that file")
    if kind == "memory":
        most = format_limit("_bytes", limit("pdf_memory_bytes"))
        return exceeded(path, f"to read its text takes over {most} of memory", "pdf_memory_bytes")
    if kind == "much":
        return UserError(f"{path}: it asks for more than a document does ({detail}); split it, or write it anew")
    return UserError(f"{path}: damaged or truncated ({detail}); expected a PDF with text; save or download it again")


def _signals_of_time() -> tuple[int, ...]:
    import signal

    return tuple(getattr(signal, name) for name in ("SIGXCPU", "SIGKILL") if hasattr(signal, name))


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return f" ({lines[-1][:200]})" if lines else ""


def _readable(text: str) -> str:
    """Return a text without control characters, and with U+FFFD for halves of characters."""
    return CONTROL.sub(" ", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _finite(number: float) -> float:
    return number if math.isfinite(number) else 0.0
