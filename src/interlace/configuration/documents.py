"""Kinds of documents that are translated, known before large imports."""

from pathlib import Path

from interlace.errors import UserError

DOCUMENTS = (".txt", ".md", ".docx", ".pdf")
# Of a document whose translation needs one suffix: that, and the reason.
OUTPUTS = {".docx": (".docx", "it stays a Word document"), ".pdf": (".md", "its text is written as Markdown")}


def check_output(document: Path, output: Path) -> None:
    """Raise UserError unless the name of a translation is that of a file of its kind."""
    kind = document.suffix.lower()
    suffix, why = OUTPUTS.get(kind, (output.suffix.lower(), ""))
    if output.suffix.lower() != suffix:
        raise UserError(f"--output {output}: the translation of a {kind} file ends in {suffix}, as {why}")
