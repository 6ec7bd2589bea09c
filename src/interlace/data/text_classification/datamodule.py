"""The text classification data sets."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.arrays import RawArray, as_strings
from interlace.data.augmentation.base import TextAugmentation, TrainingText
from interlace.data.cache import cached_arrays, content_hash, fingerprint_of, source_hash
from interlace.data.datamodule import DataModule, check_range
from interlace.data.folds import check_fold, fold_splits
from interlace.data.labels import class_name, sorted_classes
from interlace.data.manifest.splitting import SPLITS, Fraction, assign_splits, check_fractions, stratified_order
from interlace.data.sequences import JOINER, SequenceTokenizer
from interlace.data.sources import find
from interlace.data.split import Split
from interlace.data.text import WordTokenizer
from interlace.data.text_classification.reading import Column, Columns, LabelledText, read_examples
from interlace.data.text_classification.split import AugmentedSplit, text_array
from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.errors import UserError

TEXT = "text"


class TextClassification(DataModule):
    """One text or a pair of texts -> class; modality `text`, group `length` and those of `group_columns`.

    `name` is a public data set (sst2); alternatively `path` is a .tsv, .csv or .jsonl file, or a folder with one file
    per split. Splits come from the files, from `split_column`, or from a seeded, stratified draw. `fold` makes them
    those of a cross-validation (`interlace.data.folds`; `fold_group` names a column whose values stay together).
    `train_fraction` keeps a stratified share of the training split, for learning curves; smaller shares are subsets of
    larger ones. `tokenizer`: a tokenizer, or a builder that is trained on the kept training texts; None trains a
    WordTokenizer of at most `max_words` words. `augmentation` changes only the training split. Texts are cut at
    `max_tokens`, special tokens included; `describe` counts them.
    """

    def __init__(
        self,
        *,
        name: str | None,
        path: str | None,
        text_columns: Annotated[list[Column], Field(min_length=1, max_length=2)],
        label_column: Column,
        split_column: Column | None,
        group_columns: list[Column],
        header: bool,
        class_names: dict[str, str] | None,
        length_bins: list[int],
        max_tokens: int,
        max_words: int,
        train_fraction: float,
        fold: int | None,
        num_folds: int,
        fold_group: Column | None,
        val_fraction: Fraction,
        test_fraction: Fraction,
        seed: int,
        batch_size: int,
        tokenizer: TokenizerBuilder | TextTokenizer | None = None,
        augmentation: TextAugmentation | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size)
        if (name is None) == (path is None):
            raise UserError("data.name, data.path: expected one of them: a public data set, or a file of your own")
        check_range("max_tokens", max_tokens, minimum=1, maximum=100_000)
        check_range("max_words", max_words, minimum=1)
        check_range("train_fraction", train_fraction, above=0, maximum=1)
        check_fractions(val_fraction, test_fraction)
        check_range("seed", seed, minimum=0)
        check_fold(fold, num_folds)
        if sorted(set(length_bins)) != length_bins or any(edge < 1 for edge in length_bins):
            raise UserError(f"data.length_bins: got {length_bins}; expected ascending numbers of words from 1")
        self.name = name
        self.path = None if path is None else Path(path).expanduser()
        grouped = [
            *group_columns,
            *([fold_group] if fold_group is not None and fold_group not in group_columns else []),
        ]
        names = None if class_names is None else {class_name(value): name for value, name in class_names.items()}
        self.columns = Columns(list(text_columns), label_column, split_column, grouped, header, names)
        self.groups_shown = len(group_columns)
        self.length_bins = list(length_bins)
        self.max_tokens = max_tokens
        self.max_words = max_words
        self.train_fraction = train_fraction
        self.fold = fold
        self.num_folds = num_folds
        self.fold_group = fold_group
        self.fractions = {"val": val_fraction, "test": test_fraction}
        self.seed = seed
        self.tokenizer = tokenizer
        self.augmentation = augmentation
        self.facts: dict[str, Any] = {}
        self._cut: dict[str, int] = {}

    def prepare(self) -> None:
        """Reads the examples, assigns splits, trains the tokenizer unless it is given, and encodes the texts."""
        folder = self.path if self.path is not None else find(str(self.name))
        examples = self.read(folder)
        if self.spec.has_classes:
            self.classes = self.known_first(self.ordered({e.label for e in examples}))
            if len(self.classes) < 2:
                raise UserError(f"{folder}: expected labels of at least two classes, found only {self.classes[0]!r}")
        shared, set_aside = self._share(examples)
        shared["train"] = self._kept_for_training(shared["train"])
        sequences = self._sequences([text for e in shared["train"] for text in e.texts])
        self.tokenizers, self.modalities = {TEXT: sequences}, {TEXT: sequences.spec}
        self.splits = {name: self._split(name, rows, sequences) for name, rows in shared.items()}
        self.facts = {
            "source": self.name or str(self.path),
            "set_aside": set_aside,
            "cut": self._cut,
            "num_originals": len(shared["train"]),
        }
        if self.augmentation is not None:
            self.splits["train"] = self._augmented(self.augmentation, shared["train"], sequences)
        self.fingerprint = fingerprint_of(self._arguments(), self._content())

    def read(self, folder: Path) -> list[LabelledText]:
        """Reads all examples of a file or folder."""
        return read_examples(folder, self.columns)

    def ordered(self, names: set[str]) -> list[str]:
        """Class names in the order of their ids."""
        return sorted_classes(names)

    def _share(self, examples: Sequence[LabelledText]) -> tuple[dict[str, list[LabelledText]], int]:
        """The examples by split, and the number of examples in none."""
        named = [e.split for e in examples]
        labels = [e.label for e in examples]
        stratify = self.spec.has_classes
        splits: Sequence[str | None]
        if self.fold is None:
            splits = assign_splits(named, labels, stratify=stratify, fractions=self.fractions, seed=self.seed)
        else:
            column = None if self.fold_group is None else self.columns.groups.index(self.fold_group)
            groups = None if column is None else [e.groups[column] for e in examples]
            splits = fold_splits(
                named, fold=self.fold, num_folds=self.num_folds, seed=self.seed,
                labels=labels if stratify else None, groups=groups,
            )  # fmt: skip
        shared = {name: [e for e, s in zip(examples, splits, strict=True) if s == name] for name in SPLITS}
        return shared, sum(split is None for split in splits)

    def _kept_for_training(self, rows: list[LabelledText]) -> list[LabelledText]:
        """The first rows of a seeded, stratified order, in the order of the file."""
        if self.train_fraction == 1:
            return rows
        order = stratified_order([e.label for e in rows], self.spec.has_classes, self.seed)
        kept = sorted(order[: max(1, round(self.train_fraction * len(rows)))])
        return [rows[i] for i in kept]

    def _sequences(self, texts: Sequence[str]) -> SequenceTokenizer:
        if self.known is not None:
            return self._known_sequences(self.known)
        tokenizer: TextTokenizer | WordTokenizer
        if self.tokenizer is None:
            tokenizer = WordTokenizer.train(texts, self.max_words)
        else:
            tokenizer = trained_tokenizer(self.tokenizer, texts)
        columns = [str(column) for column in self.columns.texts]
        return SequenceTokenizer(tokenizer, columns=columns, max_tokens=self.max_tokens)

    def _known_sequences(self, known: DataModule) -> SequenceTokenizer:
        """The tokenizer of the run. Raises UserError if it needs another number of texts or another maximal length."""
        sequences = known.tokenizers[TEXT]
        assert isinstance(sequences, SequenceTokenizer), "text classification has a sequence tokenizer"
        if len(sequences.columns) != len(self.columns.texts):
            raise UserError(
                f"data.text_columns: got {', '.join(map(str, self.columns.texts))}; the run was trained on "
                f"{' and '.join(sequences.columns)}"
            )
        if sequences.max_tokens != self.max_tokens:
            raise UserError(f"data.max_tokens: got {self.max_tokens}; the run reads {sequences.max_tokens} tokens")
        return sequences

    def _split(self, name: str, rows: Sequence[LabelledText], sequences: SequenceTokenizer) -> Split:
        texts = [e.texts for e in rows]
        parts = sequences.bare(texts)
        self._cut[name] = sum(map(sequences.is_cut, parts))
        array = text_array(sequences, [sequences.join(part) for part in parts])
        groups = {
            str(column): as_strings([e.groups[i] for e in rows])
            for i, column in enumerate(self.columns.groups[: self.groups_shown])
        }
        if self.length_bins:
            groups["length"] = as_strings([self._length_bin(row) for row in texts])
        shown = {TEXT: [JOINER.join(row) for row in texts]}
        clusters = None
        if self.fold_group is not None:
            column = self.columns.groups.index(self.fold_group)
            clusters = as_strings([f"only {e.id}" if e.groups[column] == "none" else e.groups[column] for e in rows])
        return Split({TEXT: array}, self._labels(rows), [e.id for e in rows], groups, shown, clusters=clusters)

    def _labels(self, rows: Sequence[LabelledText] | Sequence[TrainingText]) -> np.ndarray:
        return self.class_ids([row.label for row in rows])

    def _length_bin(self, texts: Sequence[str]) -> str:
        """The bin, such as "<10", "10-19" or "20+", of the number of words in all texts of a row."""
        count = sum(len(text.split()) for text in texts)
        above = [edge for edge in self.length_bins if count >= edge]
        below = self.length_bins[len(above) : len(above) + 1]
        if not above:
            return f"<{below[0]}"
        return f"{above[-1]}-{below[0] - 1}" if below else f"{above[-1]}+"

    def _augmented(
        self, augmentation: TextAugmentation, rows: Sequence[LabelledText], sequences: SequenceTokenizer
    ) -> AugmentedSplit:
        originals = [TrainingText(e.texts, e.label, e.id) for e in rows]
        expanded = _expand(augmentation, originals, self.seed)
        known = {row.label for row in originals} | set(self.classes)
        if unknown := Counter(row.label for row in expanded if row.label not in known):
            raise UserError(f"text_augmentation: it made texts of class {next(iter(unknown))!r}, which the data lack")
        return AugmentedSplit(TEXT, expanded, self._labels(expanded), sequences, augmentation, self.seed)

    def _arguments(self) -> dict[str, Any]:
        return {
            "columns": dataclasses.asdict(self.columns),
            "length_bins": self.length_bins, "max_tokens": self.max_tokens, "train_fraction": self.train_fraction,
            "fold": self.fold, "num_folds": self.num_folds, "fold_group": self.fold_group,
            "fractions": self.fractions, "seed": self.seed, "tokenizer": self.tokenizers[TEXT].state(),
            "augmentation": None if self.augmentation is None else dict(self.augmentation.arguments()),
            "classes": self.classes,
        }  # fmt: skip

    def _content(self) -> str:
        """A hash of the ids, lengths and labels of all splits."""
        arrays: dict[str, np.ndarray] = {}
        for name, split in self.splits.items():
            array = split.arrays[TEXT]
            assert isinstance(array, RawArray), "a data set is hashed before its texts are encoded"
            arrays |= {f"{name}_x": array.x, f"{name}_length": array.length, f"{name}_label": split.labels}
        return content_hash(arrays)

    def describe(self) -> dict[str, Any]:
        """Adds the source, and the numbers of texts that were cut, not used in cross-validation, and augmented."""
        made = len(self.splits["train"]) - self.facts["num_originals"]
        return {**super().describe(), **self.facts, "num_augmented": made, "fold": self.fold}


def _expand(augmentation: TextAugmentation, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
    """The rows of an augmentation, cached if it is expensive."""
    if not augmentation.expensive:
        return augmentation.expand(rows, seed)
    key: Mapping[str, Any] = {
        "rows": [[*row] for row in rows],
        "seed": seed,
        "kind": type(augmentation).__name__,
        "arguments": dict(augmentation.arguments()),
        "code": source_hash(Path(__file__).parents[1] / "augmentation"),
    }
    _, content = cached_arrays("augmentation", key, lambda _: {"rows": augmentation.expand(rows, seed)})
    return [TrainingText(tuple(texts), *rest) for texts, *rest in content["rows"]]
