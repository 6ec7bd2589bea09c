"""The corpus data set: text files or a known corpus, as rows of token ids."""

import hashlib
import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.cache import fingerprint_of, source_hash
from interlace.data.corpus.blocks import Blocks, Packing
from interlace.data.corpus.caching import cached_folder, file_key
from interlace.data.corpus.cleaning import Cleaning
from interlace.data.corpus.coverage import word_coverage
from interlace.data.corpus.known import Part, known_corpus
from interlace.data.corpus.packing import RESTORED, pack
from interlace.data.corpus.reading import Document, expand, format_of, read_documents, read_whole
from interlace.data.corpus.shards import Shards
from interlace.data.datamodule import check_range
from interlace.data.notes import repeated_splits
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.errors import UserError
from interlace.inputs import note_folder

SPLITS = ("train", "val", "test")
MAKERS = (
    "caching.py",
    "cleaning.py",
    "datamodule.py",
    "known.py",
    "packing.py",
    "reading.py",
    "shards.py",
    "wikipedia.py",
)


class Corpus:
    """Text for training and evaluating language models, packed once into memory-mapped shards in the cache.

    Exactly one of `name` (a known corpus, see `known.KNOWN`), `train` (files and globs, optionally with `val` and
    `test`) and `shards` (a folder with the shards `train`, `val` and optionally `test`, as written by `interlace corpus
    pack`) is given. `document` is the unit of plain text: "line", "paragraph" or "file"; None: that of the known
    corpus, else "line". `field` holds the text in JSON lines and parquet. Without `val`, the share `eval_fraction` of
    the documents is held out by a hash of each, so that equal texts are always in the same split (for a single file
    that is one document: its last characters). Without `test`, the test split is the val split.

    `tokenizer` is a trained tokenizer, or a builder that is trained on the cleaned training text. With `shards`, the
    tokenizer stored beside them is used regardless of the builder; a trained one or a file has to be the same. Rows are
    those of `Blocks`.

    After `prepare()`: `splits` ("train", "val", "test" -> Blocks), `tokenizer`, `fingerprint` (SHA-256 over content
    and options).
    """

    def __init__(
        self,
        *,
        name: str | None,
        train: list[str] | None,
        val: list[str] | None,
        test: list[str] | None,
        shards: str | None,
        document: Document | None,
        field: str,
        cleaning: Cleaning | None,
        eval_fraction: Annotated[float, Field(gt=0, lt=1)],
        block_length: Annotated[int, Field(ge=1)],
        packing: Packing,
        sampling: Literal["blocks", "random"],
        seed: Annotated[int, Field(ge=0)],
        batch_size: Annotated[int, Field(ge=1)],
        tokenizer: TokenizerBuilder | TextTokenizer | None = None,
    ) -> None:
        check_range("batch_size", batch_size, minimum=1)
        check_range("block_length", block_length, minimum=1)
        check_range("eval_fraction", eval_fraction, above=0, maximum=0.9)
        check_range("seed", seed, minimum=0)
        given = [key for key, value in (("name", name), ("train", train), ("shards", shards)) if value]
        if len(given) != 1:
            found = " and ".join(f"data.{key}" for key in given) or "none of them"
            raise UserError(f"data: expected one of data.name, data.train and data.shards, got {found}")
        if not train and (val or test):
            raise UserError(f"data.val, data.test: belong to data.train; data.{given[0]} has splits of its own")
        if shards is None and tokenizer is None:
            raise UserError("tokenizer: missing; choose one with tokenizer=bpe, wordpiece, unigram, byte, char or word")
        self.name = name
        self.paths = {"train": train, "val": val, "test": test}
        self.shards_folder = Path(shards).expanduser() if shards else None
        self.document = document
        self.field = field
        self.cleaning = cleaning
        self.eval_fraction = eval_fraction
        self.block_length = block_length
        self.packing: Packing = packing
        self.sampling: Literal["blocks", "random"] = sampling
        self.seed = seed
        self.batch_size = batch_size
        self._given = tokenizer
        self.splits: dict[str, Blocks] = {}
        self.shards: dict[str, Shards] = {}
        self.fingerprint = ""

    @property
    def tokenizer(self) -> TextTokenizer:
        """The tokenizer. Raises UserError before `prepare()` if it is not trained yet."""
        if not isinstance(self._given, TextTokenizer):
            raise UserError("the tokenizer of the corpus is not trained yet; call prepare() first")
        return self._given

    def prepare(self) -> None:
        """Cleans the text, trains the tokenizer and packs the shards, or finds them in the cache; then opens them."""
        folder = self.shards_folder or self._packed()
        if self.shards_folder is not None:
            note_folder(self.shards_folder, "*/*")
        given = self._given
        if given is not None and not isinstance(given, TextTokenizer):
            # A builder that needs training texts cannot be compared, as these are not available.
            fixed = self.shards_folder is not None and given.key()["kind"] in ("file", "byte")
            given = given.build(iter(())) if fixed else None
        self.shards = {split: Shards(folder / split, given) for split in SPLITS if (folder / split).is_dir()}
        for split in ("train", "val"):
            if split not in self.shards:
                raise UserError(f"{folder / split}: no such folder; expected packed shards of the {split} split there")
        self._given = self.shards["train"].tokenizer()
        for shards in self.shards.values():
            if shards.header.tokenizer_hash != self.tokenizer.hash:
                raise UserError(
                    f"{shards.folder}: packed with another tokenizer than {folder / 'train'}; pack it again"
                )
        for split in SPLITS:
            shards = self.shards.get(split, self.shards["val"])
            pad = self.tokenizer.pad_id
            self.splits[split] = Blocks(shards, block_length=self.block_length, packing=self.packing, pad_id=pad)
        arguments = {
            "block_length": self.block_length, "packing": self.packing, "sampling": self.sampling,
            "seed": self.seed, "tokenizer": self.tokenizer.hash,
        }  # fmt: skip
        content = " ".join(f"{split} {shards.fingerprint()}" for split, shards in sorted(self.shards.items()))
        self.fingerprint = fingerprint_of(arguments, content)

    def blocks(self, split: str, length: int, *, lookahead: Literal[0, 1]) -> Blocks:
        """The rows of a split with another length or lookahead, as an objective needs them."""
        return Blocks(
            self.splits[split].shards,
            block_length=length,
            lookahead=lookahead,
            packing=self.packing,
            sampling=self.sampling if split == "train" else "blocks",  # evaluation covers every token once
            seed=self.seed,
            pad_id=self.tokenizer.pad_id,
        )

    def documents(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """All tokens (N,) of a split without separators, and the bounds (D + 1,) of its documents."""
        shards = self.splits[split].shards
        ids, bounds = shards.take(np.arange(len(shards))), np.asarray(shards.documents)
        if shards.header.separator_id is None:
            return ids, bounds
        return np.delete(ids, bounds[1:] - 1), bounds - np.arange(len(bounds))

    def word_coverage(self, split: str) -> float:
        """Share of a split's running words without an unknown token."""
        return word_coverage(*self.documents(split), self.tokenizer)

    def _packed(self) -> Path:
        assert self._given is not None
        document, parts = self._parts()
        package = Path(__file__).parent
        chosen = self._given
        key = {
            "parts": {s: [[file_key(p.path), p.begin, p.end, format_of(p.path)] for p in parts[s]] for s in parts},
            "document": document, "field": self.field, "eval_fraction": self.eval_fraction,
            "cleaning": self.cleaning.key() if self.cleaning else None,
            "tokenizer": {"hash": chosen.hash} if isinstance(chosen, TextTokenizer) else chosen.key(),
            "code": [source_hash(package / file) for file in MAKERS] + [source_hash(package.parent / "tokenizers")],
        }  # fmt: skip
        return cached_folder(
            self.name or "corpus", key, lambda folder: self._build(folder, document, parts), _is_intact
        )

    def _parts(self) -> tuple[Document, dict[str, list[Part]]]:
        """The unit of documents, and the files of each split; without "val" if it is held out from "train"."""
        if self.name is not None:
            document, parts = known_corpus(self.name)
            return self.document or document, parts
        document = self.document or "line"
        parts = {split: [Part(p) for p in expand(paths)] for split, paths in self.paths.items() if paths}
        alone = len(parts["train"]) == 1 and document == "file" and format_of(parts["train"][0].path) == "text"
        if "val" not in parts and alone:
            path, edge = parts["train"][0].path, 1 - self.eval_fraction
            parts |= {"train": [Part(path, 0.0, edge)], "val": [Part(path, edge, 1.0)]}
        return document, parts

    def _build(self, folder: Path, document: Document, parts: dict[str, list[Part]]) -> None:
        counts: Counter[str] = Counter()
        training = self._documents("train", document, parts, counts)
        if isinstance(self._given, TextTokenizer):
            tokenizer = self._given
        else:
            assert self._given is not None
            # The text is cleaned once: the tokenizer's training text is stored, then packed.
            with (folder / "cleaned").open("wb") as stream:
                training = _copied(training, stream)
                tokenizer = self._given.build(training)
                for _ in training:  # builders without training do not consume it
                    pass
            training = _read_back(folder / "cleaned")
        pack(training, tokenizer, folder / "train", counts=counts)
        (folder / "cleaned").unlink(missing_ok=True)
        for split in ("val", "test"):
            if split in parts or split == "val":
                counts = Counter()
                pack(self._documents(split, document, parts, counts), tokenizer, folder / split, counts=counts)

    def _documents(
        self, split: str, document: Document, parts: dict[str, list[Part]], counts: Counter[str]
    ) -> Iterator[str]:
        """Cleaned documents of a split."""
        held_out = "val" not in parts and split in ("train", "val")
        source = parts["train" if held_out else split]
        texts = _texts(source, document, self.field, counts)
        if held_out:
            texts = (text for text in texts if _is_held_out(text, self.eval_fraction) == (split == "val"))
        return self.cleaning.clean(texts, counts) if self.cleaning else texts

    def num_tokens(self, split: str) -> int:
        """The number of tokens of a split, separators included, which are scored in an epoch."""
        return self._header(split).tokens

    def num_bytes(self, split: str) -> int:
        """The number of UTF-8 bytes of a split's cleaned text, for bits per byte."""
        return self._header(split).bytes

    def num_words(self, split: str) -> int:
        """The number of words (between white space) of a split's cleaned text, for perplexity per word."""
        return self._header(split).words

    def _header(self, split: str) -> Any:
        return self.splits[split].shards.header

    def notes(self) -> list[str]:
        """Sentences about the data that a reader of the results has to know."""
        return repeated_splits(self.splits, _equal)

    def restored(self, split: str) -> float | None:
        """Share of a split's documents that decoding restores exactly; None for shards packed before this was counted.

        Bits per byte refer to the original text only if the share is 1.
        """
        if self.tokenizer.lossless:
            return 1.0
        header = self._header(split)
        return header.counts[RESTORED] / header.documents if RESTORED in header.counts else None

    def describe(self) -> dict[str, Any]:
        """Counts by split and cleaning step, and the tokenizer; plain types."""
        described = {}
        for split, blocks in self.splits.items():
            header = blocks.shards.header
            described[split] = {
                "documents": header.documents, "tokens": header.tokens, "bytes": header.bytes, "words": header.words,
                "bytes_per_token": round(header.bytes / header.tokens, 4), "rows": len(blocks),
                "filled": round(header.tokens / (len(blocks) * self.block_length), 4), "restored": self.restored(split),
                "steps": {step: number for step, number in header.counts.items() if step != RESTORED},
            }  # fmt: skip
        return {
            "task": "language_modelling",
            "corpus": self.name or self.paths["train"] or str(self.shards_folder),
            "splits": described,
            "test_is_val": _equal(self.splits["val"], self.splits["test"]),
            "tokenizer": {
                "kind": self.tokenizer.kind, "size": len(self.tokenizer), "lossless": self.tokenizer.lossless,
                "hash": self.tokenizer.hash,
            },
            "block_length": self.block_length, "packing": self.packing, "sampling": self.sampling,
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """The state needed to encode new text in the same way; plain JSON types."""
        return {
            "kind": "corpus", "batch_size": self.batch_size, "block_length": self.block_length,
            "fingerprint": self.fingerprint, "tokenizer": self.tokenizer.state(),
        }  # fmt: skip


def _equal(first: Blocks, second: Blocks) -> bool:
    return first.shards.fingerprint() == second.shards.fingerprint()


def _texts(parts: list[Part], document: Document, field: str, counts: Counter[str]) -> Iterator[str]:
    for part in parts:
        if part.is_full:
            yield from read_documents([part.path], document=document, field=field, counts=counts)
        else:
            for text in part.cut(read_whole(part.path), document):
                if text and not text.isspace():
                    counts["read"] += 1
                    yield text


def _is_held_out(text: str, fraction: float) -> bool:
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < fraction * 2**64


def _copied(texts: Iterator[str], stream: Any) -> Iterator[str]:
    for text in texts:
        pickle.dump(text, stream)
        yield text


def _read_back(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        while True:
            try:
                yield pickle.load(stream)
            except EOFError:
                return


def _is_intact(folder: Path) -> bool:
    try:
        return all(len(Shards(folder / split)) > 0 for split in SPLITS if (folder / split).is_dir()) and all(
            (folder / split).is_dir() for split in ("train", "val")
        )
    except UserError:
        return False
