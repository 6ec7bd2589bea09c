"""Sources of replacement words: the training texts, nearest neighbours of word vectors, a thesaurus."""

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
    """Base class of sources of random replacement words."""

    def learn(self, texts: Sequence[Texts]) -> None:
        """Fits the source to the training texts."""

    def draw(self, word: str, rng: np.random.Generator) -> str | None:
        """Returns a random replacement, different from `word`; None if there is none."""
        raise NotImplementedError

    def arguments(self) -> dict[str, Any]:
        """Returns the arguments that determine the words beside the training texts, as plain JSON."""
        raise NotImplementedError


class Vocabulary(Replacements):
    """Words of the training texts, drawn by frequency regardless of the replaced word."""

    def learn(self, texts: Sequence[Texts]) -> None:
        counts = Counter(word for row in texts for text in row for word in text.split())
        self.words = sorted(counts, key=lambda word: (-counts[word], word))
        total = np.cumsum([counts[word] for word in self.words], dtype=np.float64)
        self.cumulative = total / total[-1]

    def draw(self, word: str, rng: np.random.Generator) -> str | None:
        for _ in range(10):  # a very frequent word may be drawn repeatedly
            found = self.words[int(np.searchsorted(self.cumulative, rng.random(), side="right"))]
            if found != word:
                return found
        return None

    def arguments(self) -> dict[str, Any]:
        return {"kind": "vocabulary"}


class ListedReplacements(Replacements):
    """Base class of sources with a list of replacements per word. Capitalization and punctuation around a word are
    kept: "Film," may become "Movie,".
    """

    def __init__(self) -> None:
        self.options: dict[str, list[str]] = {}

    def draw(self, word: str, rng: np.random.Generator) -> str | None:
        before, core, after = split_marks(word)
        options = self.options.get(core.lower(), [])
        if not options:
            return None
        found = options[int(rng.integers(len(options)))]
        return before + (found.capitalize() if core[:1].isupper() else found) + after


class Neighbours(ListedReplacements):
    """The `num_neighbours` nearest words by cosine of word vectors, of at least `min_similarity` (Wang & Yang 2015).

    `file` is in word2vec's text or binary (.bin) format, or in GloVe's without a header line. Neighbours are searched
    among the first `max_words` words of the file, which are the most frequent ones.
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
        wanted = sorted(
            {split_marks(word)[1].lower() for row_texts in texts for text in row_texts for word in text.split()}
            & set(row)
        )
        for start in range(0, len(wanted), 256):
            block = wanted[start : start + 256]
            similarity = vectors[[row[word] for word in block]] @ vectors.T  # (256, V)
            for word, scores in zip(block, similarity, strict=True):
                scores[row[word]] = -np.inf
                # Ties are broken by the order of the file, so that the result does not depend on the sorting algorithm.
                best = np.lexsort((np.arange(len(scores)), -scores))[: self.num_neighbours]
                self.options[word] = [words[i] for i in best if scores[i] >= self.min_similarity]

    def arguments(self) -> dict[str, Any]:
        settings = {"num_neighbours": self.num_neighbours, "min_similarity": self.min_similarity}
        return {"kind": "neighbours", "vectors": self._hash, **settings, "max_words": self.max_words}


class Thesaurus(ListedReplacements):
    """Synonyms from a file with one line per word, `word<TAB>synonym<TAB>synonym...`, such as an export of WordNet."""

    def __init__(self, *, file: str) -> None:
        super().__init__()
        self.file = Path(file).expanduser()

    def learn(self, texts: Sequence[Texts]) -> None:
        note(self.file)
        try:
            lines = text_lines(read_bytes(self.file), self.file)
        except OSError as error:
            raise UserError(f"{self.file}: cannot be read ({error}); expected a thesaurus, one word per line") from None
        for number, line in enumerate(lines, 1):
            word, *synonyms = [part.strip() for part in line.split("\t")]
            if line.strip() and (not word or not any(synonyms)):
                raise UserError(f"{self.file}: line {number}: expected word<TAB>synonym<TAB>..., got {line[:40]!r}")
            known = self.options.setdefault(word.lower(), [])
            known += [s for s in synonyms if s and s.lower() != word.lower() and s not in known]

    def arguments(self) -> dict[str, Any]:
        return {"kind": "thesaurus", "words": self.options}


def split_marks(word: str) -> tuple[str, str, str]:
    """The marks before a word, its core from the first to the last letter or digit, and the marks after it."""
    inside = [index for index, character in enumerate(word) if character.isalnum()]
    if not inside:
        return "", word, ""
    first, last = inside[0], inside[-1] + 1
    return word[:first], word[first:last], word[last:]


def _read_vectors(path: Path, max_words: int) -> tuple[list[str], np.ndarray]:
    """The first words of a file and their vectors (V, D) float32, scaled to length 1; zero vectors stay zero."""
    words, vectors = read_vectors(path, None, max_words)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return words, vectors / np.where(length > 0, length, 1).astype(np.float32)
