"""Small Word documents and PDFs, written byte by byte."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
RELATIONSHIPS = (
    f'<?xml version="1.0"?><Relationships xmlns="{PACKAGE}relationships"><Relationship Id="rId1" '
    f'Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
)
ENDINGS = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
SPACES = (
    f'xmlns:w="{NAMESPACE}" xmlns:r="{OFFICE}" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
)


def part(name: str, inside: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:{name} {SPACES}>{inside}</w:{name}>'


def zipped(members: Iterable[tuple[str, bytes | str]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(stream, "w", method) as archive,
    ):  # of two of one name
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def types(kinds: Mapping[str, str]) -> str:
    overrides = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in kinds.items())
    return f'<Types xmlns="{PACKAGE}content-types">{ENDINGS}{overrides}</Types>'


def word_parts(body: str, **notes: str) -> dict[str, str]:
    """The parts of a .docx with such a body, and with footnotes, endnotes, styles and the like by their names."""
    kinds = {"word/document.xml": f"{WORD}document.main+xml"} | {f"word/{n}.xml": f"{WORD}{n}+xml" for n in notes}
    return {
        "[Content_Types].xml": types(kinds),
        "_rels/.rels": RELATIONSHIPS,
        "word/document.xml": part("document", f"<w:body>{body}</w:body>"),
        **{f"word/{name}.xml": part(name, inside) for name, inside in notes.items()},
    }


def word(body: str, **notes: str) -> bytes:
    return zipped(word_parts(body, **notes).items())


def paragraph(*runs: str) -> str:
    return "<w:p>" + "".join(run if run.startswith("<") else f"<w:r><w:t>{run}</w:t></w:r>" for run in runs) + "</w:p>"


def bold(text: str) -> str:
    return f"<w:r><w:rPr><w:b/></w:rPr><w:t>{text}</w:t></w:r>"


def pdf(objects: Iterable[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of numbered objects, of which the first is the catalogue."""
    made, starts = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        starts.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(starts) + 1
    ending = b"trailer\n<< /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, len(made))
    return made + b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table) + ending


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(content), entries, content)


def pages_of(*contents: bytes, entries: bytes = b"") -> bytes:
    """A PDF with a page for each stream of operators, in Helvetica as /F."""
    first = 4
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(contents)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (first + 2 * number + 1)
        )
        objects.append(stream(content, entries))
    return pdf(objects)


def lines(*texts: str, top: int = 700, step: int = 14, size: int = 12, x: int = 72) -> bytes:
    """Operators that draw lines of text below one another."""
    drawn = b""
    for number, text in enumerate(texts):
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")
        drawn += b"BT /F %d Tf 1 0 0 1 %d %d Tm (%b) Tj ET\n" % (size, x, top - number * step, escaped)
    return drawn


def flate(content: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        content = zlib.compress(content, 9)
    return content
