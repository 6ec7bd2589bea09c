"""Word-level models estimated from text, as `lmplz` does."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from interlace.errors import UserError
from interlace.models.ngram.model import NgramModel
from interlace.models.ngram.words import END, START, UNKNOWN, SpecialWords, WordCorpus, blocks_of_lines, read_corpus
from interlace.reading.files import open_regular
from interlace.reading.limits import exceeded, limit

BLOCK_BYTES = 8 * 2**20
CHUNK_TOKENS = 4 * 2**20
FALLBACK = (0.5, 1.0, 1.5)  # of lmplz --discount_fallback


def from_text(
    lines: Iterable[str],
    order: int,
    *,
    discount_fallback: tuple[float, float, float] | None = FALLBACK,
    prune: Sequence[int] = (0,),
    special_words: SpecialWords = "refuse",
) -> NgramModel:
    """Estimate a model of the words of `lines`, each line a document; equal to `lmplz -o order [--discount_fallback]`.

    Words are separated by space, tab, carriage return and NUL, in UTF-8; ids are 0 `<unk>`, 1 `<s>`, 2 `</s>`, then
    words by first occurrence. special_words: treatment of these three in the text: "refuse" them with a UserError,
    "skip" them (`--skip_symbols`), or "count" `<unk>` as a word (lmplz cannot). Raises UserError for a corpus without
    lines.
    """
    corpus = read_corpus(blocks_of_lines(lines), "text", special_words)
    return _fitted(corpus, "text", order, discount_fallback, prune)


def estimate_file(
    path: Path | str,
    order: int,
    arpa_path: Path | str | None,
    *,
    discount_fallback: tuple[float, float, float] | None = FALLBACK,
    prune: Sequence[int] = (0,),
    special_words: SpecialWords = "refuse",
) -> NgramModel:
    """Estimate a model from a text file and write it to an ARPA file, unless `arpa_path` is None; return the model.

    As `lmplz -o order --text path --arpa arpa_path`. The file is read in blocks of 8 MiB; a last line without line end
    is a complete document. Other parameters as in `from_text`. Raises UserError for a file that cannot be read, is not
    UTF-8 or has no line.
    """
    corpus = read_corpus(_blocks_of_file(Path(path)), str(path), special_words)
    model = _fitted(corpus, str(path), order, discount_fallback, prune)
    if arpa_path is not None:
        model.to_arpa(arpa_path)
    return model


def _blocks_of_file(path: Path) -> Iterator[bytes]:
    try:
        most = limit("line_bytes")
        with open_regular(path) as stream:
            rest: list[bytes] = []  # parts of a line whose end is not read yet
            while block := stream.read(BLOCK_BYTES):
                whole, newline, tail = block.rpartition(b"\n")
                if newline:
                    yield b"".join([*rest, whole, newline])
                    rest = []
                rest.append(tail)
                if sum(map(len, rest)) > most:
                    raise exceeded(path, "a line has more bytes", "line_bytes")
            if any(rest):
                yield b"".join([*rest, b"\n"])
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); give a text file with one document per line"
        ) from error


def _fitted(
    corpus: WordCorpus,
    source: str,
    order: int,
    discount_fallback: tuple[float, float, float] | None,
    prune: Sequence[int],
) -> NgramModel:
    if len(corpus.document_bounds) == 1:
        raise UserError(f"{source}: no line of text; give one document per line")
    model = NgramModel(
        order=order,
        discount_fallback=discount_fallback,
        prune=prune,
        chunk_tokens=CHUNK_TOKENS,
        vocabulary_size=len(corpus.words),
        eos_id=END,
        bos_id=START,
        unk_id=UNKNOWN,
        units=corpus.words,
    )
    return model.fit(corpus.token_ids, corpus.document_bounds)
