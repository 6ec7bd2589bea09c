"""Cleaning and filtering of documents, with a count for each step."""

import hashlib
import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.corpus.reading import main_text
from interlace.errors import UserError

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_TAG = re.compile(r"<[a-zA-Z!/][^>]*>")
_WORD = re.compile(r"\w+")
SEED = 1  # of the MinHash permutations; fixed, so that cleaning is deterministic


class Cleaning:
    """Cleaning steps, applied in this order; each is off by default. `counts` holds the number of documents by step.

    strip_html: documents with tags are reduced to their main text (trafilatura; if it finds none, only the tags are
    removed). fix_text: repairs mojibake and stray entities (ftfy). normalization: a Unicode form. remove_controls:
    removes control characters except tab and newline, and byte-order marks. remove_punctuation: characters of category
    P and S become spaces. min_characters, max_characters: shorter and longer documents are dropped. languages: keeps
    documents in one of these languages (ISO 639-1) according to py3langid, with a probability of at least
    min_language_probability. duplicates: "exact" drops repeated texts, "near" also those whose word `ngram`-grams have
    an estimated Jaccard similarity of at least `similarity` with an earlier document (MinHash of num_permutations
    values, with LSH).

    Documents are processed one by one. Memory: duplicates="exact" stores a 16-byte hash of each kept document (some 100
    bytes with the set), "near" about 4 * num_permutations bytes more and the LSH tables (some kB); nothing else grows.
    """

    def __init__(
        self,
        *,
        strip_html: bool = False,
        fix_text: bool = False,
        normalization: Literal["NFC", "NFKC"] | None = None,
        remove_controls: bool = False,
        remove_punctuation: bool = False,
        min_characters: Annotated[int, Field(ge=0)] = 0,
        max_characters: Annotated[int, Field(ge=1)] | None = None,
        languages: list[str] | None = None,
        min_language_probability: Annotated[float, Field(ge=0, le=1)] = 0.5,
        duplicates: Literal["keep", "exact", "near"] = "keep",
        similarity: Annotated[float, Field(gt=0, lt=1)] = 0.8,
        ngram: Annotated[int, Field(ge=1)] = 5,
        num_permutations: Annotated[int, Field(ge=16, le=1024)] = 128,
    ) -> None:
        if max_characters is not None and max_characters < max(1, min_characters):
            raise UserError(
                f"cleaning.max_characters: {max_characters} is below cleaning.min_characters={min_characters}; no "
                "document could be kept"
            )
        self.strip_html = strip_html
        self.fix_text = fix_text
        self.normalization = normalization
        self.remove_controls = remove_controls
        self.remove_punctuation = remove_punctuation
        self.min_characters = min_characters
        self.max_characters = max_characters
        self.languages = None if languages is None else sorted(languages)
        self.min_language_probability = min_language_probability
        self.duplicates = duplicates
        self.similarity = similarity
        self.ngram = ngram
        self.num_permutations = num_permutations
        self._options = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        if self.languages is not None:
            _check_languages(self.languages)

    def key(self) -> dict[str, Any]:
        """The options, as plain values."""
        return dict(self._options)

    def clean(self, documents: Iterable[str], counts: Counter[str] | None = None) -> Iterator[str]:
        """Yields the kept documents, cleaned; duplicates are detected among these documents only.

        `counts` receives the number of changed or dropped documents by step, and "kept".
        """
        counts = Counter() if counts is None else counts
        seen = None if self.duplicates == "keep" else _DuplicateIndex(self)
        for document in documents:
            text = self._changed(document, counts)
            reason = self._reason_to_drop(text, seen)
            if reason:
                counts[reason] += 1
            else:
                counts["kept"] += 1
                yield text

    def _changed(self, text: str, counts: Counter[str]) -> str:
        before = text
        if self.strip_html and _TAG.search(text):
            text = _stripped(text)
        before = _count(counts, "html_stripped", before, text)
        if self.fix_text:
            import ftfy

            text = ftfy.fix_text(text, normalization=None)
        before = _count(counts, "text_fixed", before, text)
        if self.normalization:
            text = unicodedata.normalize(self.normalization, text)
        before = _count(counts, "normalized", before, text)
        if self.remove_controls:
            text = _CONTROLS.sub("", text)
        before = _count(counts, "controls_removed", before, text)
        if self.remove_punctuation:
            text = "".join(" " if unicodedata.category(c)[0] in "PS" else c for c in text)
        _count(counts, "punctuation_removed", before, text)
        return text

    def _reason_to_drop(self, text: str, seen: "_DuplicateIndex | None") -> str | None:
        """The reason to drop a document; None if it is kept."""
        if not text or text.isspace():
            return "left_empty"
        if len(text) < self.min_characters:
            return "too_short"
        if self.max_characters is not None and len(text) > self.max_characters:
            return "too_long"
        if self.languages is not None:
            language, probability = self._identifier.classify(text)
            if language not in self.languages or probability < self.min_language_probability:
                return "other_language"
        return seen.kind_of_duplicate(text) if seen is not None else None

    @cached_property
    def _identifier(self) -> Any:
        return _language_identifier()


def _count(counts: Counter[str], step: str, before: str, after: str) -> str:
    if before is not after and before != after:
        counts[step] += 1
    return after


def _stripped(text: str) -> str:
    return main_text(text) or html.unescape(_TAG.sub(" ", text)).strip()


def _language_identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _check_languages(languages: list[str]) -> None:
    known = sorted(map(str, _language_identifier().labels))
    for language in languages:
        if language not in known:
            raise UserError(f"cleaning.languages: {language!r} cannot be detected; expected some of {', '.join(known)}")


class _DuplicateIndex:
    """An index of earlier documents, by hash and by similarity."""

    def __init__(self, options: Cleaning) -> None:
        self._exact: set[bytes] = set()
        self._options = options
        self._near: Any = None
        self._signatures: list[np.ndarray] = []
        if options.duplicates == "near":
            from datasketch import MinHashLSH

            self._near = MinHashLSH(threshold=options.similarity, num_perm=options.num_permutations)

    def kind_of_duplicate(self, text: str) -> str | None:
        """The kind of duplicate, "duplicate" or "near_duplicate"; None for a new document, which is indexed."""
        digest = hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()
        if digest in self._exact:
            return "duplicate"
        if self._near is not None and self._is_similar(text):
            return "near_duplicate"
        self._exact.add(digest)
        return None

    def _is_similar(self, text: str) -> bool:
        from datasketch import MinHash

        signature = MinHash(num_perm=self._options.num_permutations, seed=SEED)
        signature.update_batch(sorted(_ngrams(text, self._options.ngram)))
        values = signature.hashvalues.astype(np.uint32)  # the library stores 32-bit hashes in 64 bits
        for number in self._near.query(signature):
            if np.mean(self._signatures[number] == values) >= self._options.similarity:
                return True
        self._near.insert(len(self._signatures), signature)
        self._signatures.append(values)
        return False


def _ngrams(text: str, size: int) -> set[bytes]:
    """The word n-grams of a lower-cased text; the whole text if it has fewer words."""
    words = _WORD.findall(text.lower())
    return {" ".join(words[i : i + size]).encode("utf-8") for i in range(max(1, len(words) - size + 1))}
