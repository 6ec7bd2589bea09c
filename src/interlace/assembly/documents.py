"""Documents translated by a run of pairs of texts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlace.assembly.dialogue import is_dialogue
from interlace.configuration.checking import resolve_target
from interlace.configuration.documents import DOCUMENTS
from interlace.data.documents import translate_file
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.tokenizers import TextTokenizer
from interlace.data.tokenizers.tags import encode_tagged
from interlace.errors import UserError

Predict = Callable[[Sequence[Mapping[str, Any]]], list[dict[str, Any]]]


def check_document(config: Mapping[str, Any], directory: Path, path: Path) -> None:
    """Raise UserError unless a run writes texts for texts and the file is a document of a known kind."""
    if not issubclass(resolve_target("data", config["data"]), ParallelText) or is_dialogue(config):
        raise UserError(f"{directory}: a document needs a run that writes texts for texts, as translation does")
    if path.suffix.lower() not in DOCUMENTS:
        raise UserError(f"{path}: expected a document, {', '.join(DOCUMENTS)}")


def translate_document(
    config: Mapping[str, Any], tokenizer: TextTokenizer | None, predict: Predict, path: Path, tag: str | None
) -> str | bytes:
    """Return a document with its sentences translated, each with the tag before it; see `data.documents`.

    `predict` answers records; without a tokenizer sentences of any length fit. The result is a text (of a .pdf in
    Markdown), or of a .docx the bytes of another.
    """
    options = config["data"]
    start = "" if tag is None else f"{tag} "

    def fits(text: str) -> bool:
        if tokenizer is None:
            return True
        return len(encode_tagged(tokenizer, [start + text], options["prefix"])[0]) < options["max_source_tokens"]

    def write(texts: list[str]) -> list[str]:
        return [answer["text"] for answer in predict([{"text": start + text} for text in texts])]

    return translate_file(path, write, fits)
