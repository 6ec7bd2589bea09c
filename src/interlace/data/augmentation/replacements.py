"""Where the words come from that replace others: the training texts, neighbours of word vectors, a thesaurus."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.augmentation.base import Texts
from interlace.data.word_vector_files import read_vectors
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import read_bytes
from interlace.reading.lines import text_lines


class Replacements:
    """Base: a random word to put in place of another."""

    def learn(self, texts: Sequence[Texts]) -> None:
        """Takes what is needed from the training texts."""

    def draw(self, word: str, rng: np.random.Generator) -> str | None:
        """Another word than `word`; None when there is none for it."""
        raise NotImplementedError

    def arguments(self) -> dict[str, Any]:
        """What determines the words beside the training texts, as plain JSON."""
        raise NotImplementedError


class Vocabulary(Replacements):
    """Words of the training texts as often as they occur there, whatever the word they replace."""

    def learn(self, texts: Sequence[Texts]) -> None:
        counts = Counter(word for row in texts for text in row for word in text.split())
        self.words = sorted(counts, key=lambda word: (-counts[word], word))
        total = np.cumsum([counts[word] for word in self.words], dtype=np.float64)
        self.cumulative = total / total[-1]

    def draw(self, word: str, rng: np.random.Generator) -> str | None:
        for _ in range(10):  # a word that is most of the vocabulary may come again and again
            found = self.words[int(np.searchsorted(self.cumulative, rng.random(), side="right"))]
            if found != word:
                return found
        return None

    def arguments(self) -> dict[str, Any]:
        return {"kind": "vocabulary"}


class Listed(Replacements):
    """Base of those that know some words for each word. Letter case and marks around a word are kept as they were:
    "Film," may become "Movie,".
    """

    def __init__(self) -> None:
        self.options: dict[str, list[str]] = {}

    def draw(self, word: str, rng: np.random.Generator) -> str | None:
        before, core, after = cored(word)
        options = self.options.get(core.lower(), [])
        if not options:
            return None
        found = options[int(rng.integers(len(options)))]
        return before + (found.capitalize() if core[:1].isupper() else found) + after


class Neighbours(Listed):
    """The `num_neighbours` nearest by the cosine of word vectors, none below `min_similarity` (Wang & Yang 2015).

    `file` is in word2vec's text or binary (.bin) format, or GloVe's without its header line. Neighbours are looked
    for among the first `max_words` words of the file, which holds the frequent ones first.
    """

    def __init__(
        self,
        *,
        file: str,
        num_neighbours: Annotated[int, Field(ge=1)],
        min_similarity: Annotated[float, Field(ge=-1, le=1)],
        max_words: Annotated[int, Field(ge=2)],
    ) -> None:
        super().__init__()
        self.file = Path(file).expanduser()
        self.num_neighbours = num_neighbours
        self.min_similarity = min_similarity
        self.max_words = max_words
        self._hash = ""

    def learn(self, texts: Sequence[Texts]) -> None:
        words, vectors = _read_vectors(self.file, self.max_words)
        self._hash = hashlib.sha256(" ".join(words).encode() + vectors.tobytes()).hexdigest()
        row = {word: index for index, word in reversed(list(enumerate(words)))}
        wanted = sorted({cored(word)[1].lower() for each in texts for text in each for word in text.split()} & set(row))
        for start in range(0, len(wanted), 256):
            block = wanted[start : start + 256]
            similarity = vectors[[row[word] for word in block]] @ vectors.T  # (256, V)
            for word, scores in zip(block, similarity, strict=True):
                scores[row[word]] = -np.inf
                # Equal scores in the order of the file, so that the choice does not hang on a sorting algorithm.
                best = np.lexsort((np.arange(len(scores)), -scores))[: self.num_neighbours]
                self.options[word] = [words[i] for i in best if scores[i] >= self.min_similarity]

    def arguments(self) -> dict[str, Any]:
        settings = {"num_neighbours": self.num_neighbours, "min_similarity": self.min_similarity}
        return {"kind": "neighbours", "vectors": self._hash, **settings, "max_words": self.max_words}


class Thesaurus(Listed):
    """Synonyms of a file: a line a word, `word<TAB>synonym<TAB>synonym...`, such as an export of WordNet."""

    def __init__(self, *, file: str) -> None:
        super().__init__()
        self.file = Path(file).expanduser()

    def learn(self, texts: Sequence[Texts]) -> None:
        note(self.file)
        try:
            lines = text_lines(read_bytes(self.file), self.file)
        except OSError as error:
            raise UserError(f"{self.file}: cannot be read ({error}); expected a thesaurus, one word a line") from None
        for number, line in enumerate(lines, 1):
            word, *synonyms = [part.strip() for part in line.split("\t")]
            if line.strip() and (not word or not any(synonyms)):
                raise UserError(f"{self.file}: line {number}: expected word<TAB>synonym<TAB>..., got {line[:40]!r}")
            known = self.options.setdefault(word.lower(), [])
            known += [s for s in synonyms if s and s.lower() != word.lower() and s not in known]

    def arguments(self) -> dict[str, Any]:
        return {"kind": "thesaurus", "words": self.options}


def cored(word: str) -> tuple[str, str, str]:
    """A word as the marks before it, its core from the first to the last letter or digit, and the marks after it."""
    inside = [index for index, character in enumerate(word) if character.isalnum()]
    if not inside:
        return "", word, ""
    first, last = inside[0], inside[-1] + 1
    return word[:first], word[first:last], word[last:]


def _read_vectors(path: Path, max_words: int) -> tuple[list[str], np.ndarray]:
    """The first words of a file and their vectors scaled to length 1, (V, D) float32; a vector of zeros stays."""
    words, vectors = read_vectors(path, None, max_words)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return words, vectors / np.where(length > 0, length, 1).astype(np.float32)
