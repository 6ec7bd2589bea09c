"""Documents as sentences to translate, with everything else kept: text, Markdown, Word, and the text of PDF."""

from pathlib import Path

from interlace.data.documents.markdown import markdown_parts
from interlace.data.documents.pdf import translate_pdf
from interlace.data.documents.sentences import Fits, Translate, plain_parts, translated
from interlace.data.documents.word import translate_word
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import open_regular, read_text

__all__ = ["translate_file"]


def translate_file(path: Path, translate: Translate, fits: Fits) -> str | bytes:
    """Return a document translated: bytes of .docx, Markdown of .pdf, else the text of .txt or .md.

    Texts are read within the limit text_bytes. Raises UserError for files that cannot be read, or are not what their
    name says.
    """
    try:
        open_regular(path).close()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    suffix = path.suffix.lower()
    if suffix == ".docx":
        return translate_word(path, translate, fits)
    if suffix == ".pdf":
        return translate_pdf(path, translate, fits)
    note(path)
    text = read_text(path)
    return translated(markdown_parts(text) if suffix == ".md" else plain_parts(text), translate, fits, path.name)
