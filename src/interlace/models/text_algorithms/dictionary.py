"""Words with their numbers, of texts or of a file."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from interlace.errors import UserError
from interlace.inputs import note
from interlace.metrics.edits import WORD
from interlace.reading.compressed import read_decompressed
from interlace.reading.lines import text_lines


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Return the words of texts, runs of letters in lower case, with their numbers."""
    return Counter(word.lower() for text in texts for word in WORD.findall(text))


def read_dictionary(path: Path) -> Counter[str]:
    """Return the words of a file of lines "word number", as symspellpy's dictionaries are; UserError for others."""
    note(path)
    try:
        lines = text_lines(read_decompressed(path), path)
    except OSError as error:
        raise UserError(
            f"model.dictionary: {path} cannot be read ({error.strerror or error}); give a file of lines such as "
            "'house 1234', or null for the words of the training texts"
        ) from None
    counts: Counter[str] = Counter()
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2 or not parts[1].isdecimal():
            raise UserError(f"{path}: line {number}: expected a word and its number, such as 'house 1234'")
        counts[parts[0].lower()] += int(parts[1])
    if not counts:
        raise UserError(f"{path}: no words in it; expected lines such as 'house 1234'")
    return counts
