"""The parallel text data sets."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tokenizers import Tokenizer

from interlace.data.cache import content_hash, fingerprint_of
from interlace.data.datamodule import check_range
from interlace.data.notes import repeated_splits
from interlace.data.parallel.reading import read_folder
from interlace.data.parallel.split import ParallelSplit, Ragged
from interlace.data.shares import seeded_share
from interlace.data.sources import find
from interlace.data.text_pairs import Pairs
from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.data.tokenizers.roles import Roles
from interlace.data.tokenizers.tags import encode_tagged, tag_ids
from interlace.errors import UserError


class ParallelText:
    """Source and target texts with one tokenizer for both sides, trained on the training pairs unless it is given.

    `name` is a public data set (multi30k); alternatively `path` is a folder of files `<split>.<language>`, or of
    `<split>.jsonl` or `.tsv` (`interlace.data.parallel.reading`). `prefix` is put before every source, like the task
    prefixes of T5. Both sides end with the end token and have at most `max_source_tokens` and `max_target_tokens`
    tokens including it; `describe` counts the texts that were cut. With `drop_long`, longer training pairs are dropped
    instead, as a cut translation is wrong. `train_fraction` keeps a seeded share of the training pairs; smaller shares
    are subsets of larger ones. `bucket` groups training pairs of similar length (`ParallelSplit.order`). `groups` are
    keys of the .jsonl lines, by whose values metrics are also given.

    Without a tokenizer the pairs stay texts, for models that read these (`interlace.models.text_algorithm`). A subclass
    with another layout overrides `read_pairs`, and names in `fixed_options` those that it gives itself, which are then
    neither its options nor in its state. `text_task` is the task that scores the texts when none is chosen.
    """

    task = "text_to_text"
    text_task = "translation"
    fixed_options: Collection[str] = frozenset()

    def __init__(
        self,
        *,
        name: str | None,
        path: str | None,
        source: str,
        target: str,
        prefix: str,
        max_source_tokens: int,
        max_target_tokens: int,
        drop_long: bool,
        train_fraction: float,
        bucket: bool,
        seed: int,
        batch_size: int,
        groups: Sequence[str] = (),
        tokenizer: TokenizerBuilder | TextTokenizer | None = None,
    ) -> None:
        if (name is None) == (path is None):
            raise UserError("data.name, data.path: expected one of them: a public data set, or a folder of your own")
        if source == target:
            raise UserError(f"data.target: got {target!r}, which is data.source as well; expected another language")
        check_range("max_source_tokens", max_source_tokens, minimum=2)
        check_range("max_target_tokens", max_target_tokens, minimum=2)
        check_range("train_fraction", train_fraction, above=0, maximum=1)
        check_range("seed", seed, minimum=0)
        check_range("batch_size", batch_size, minimum=1)
        self.name = name
        self.path = None if path is None else Path(path).expanduser()
        self.source = source
        self.target = target
        self.prefix = prefix
        self.limits = (max_source_tokens, max_target_tokens)
        self.drop_long = drop_long
        self.train_fraction = train_fraction
        self.bucket = bucket
        self.seed = seed
        self.batch_size = batch_size
        self.groups = list(groups)
        self.given = tokenizer
        self.tokenizer: TextTokenizer | None = None
        self.splits: dict[str, ParallelSplit] = {}
        self.fingerprint = ""
        self.facts: dict[str, Any] = {}

    @property
    def languages(self) -> list[str]:
        """Source and target language."""
        return [self.source, self.target]

    @property
    def tags(self) -> list[str]:
        """The tags of the target languages, one of which each source begins with; empty for one language."""
        return [] if self.tokenizer is None else list(tag_ids(self.tokenizer))

    def read_pairs(self) -> dict[str, Pairs]:
        """The pairs of the splits "train", "val" and "test"."""
        folder = self.path if self.path is not None else find(str(self.name))
        return read_folder(folder, self.source, self.target, self.groups)

    def prepare(self) -> None:
        """Reads the pairs and, with a tokenizer, trains it unless it is trained and encodes the pairs."""
        pairs = self.read_pairs()
        pairs["train"] = pairs["train"].take(seeded_share(len(pairs["train"]), self.train_fraction, self.seed))
        self.facts = {"source": self.name or str(self.path), "cut": {}, "dropped": 0}
        if self.given is None:
            self.splits = {split: ParallelSplit(each, Ragged([]), Ragged([])) for split, each in pairs.items()}
            self.fingerprint = fingerprint_of(self._arguments(), _hash_of_texts(pairs))
            return
        self.tokenizer = self._tokenizer(self.given, pairs["train"])
        self.splits = {split: self._encoded(self.tokenizer, split, each) for split, each in pairs.items()}
        arrays = {
            f"{split}_{side}_{part}": getattr(getattr(each, f"{side}_ids"), part)
            for split, each in self.splits.items()
            for side in ("source", "target")
            for part in ("values", "lengths")
        }
        content = content_hash(arrays)
        if any(len(given) > 1 for each in pairs.values() for given in each.references):
            content += _hash_of_texts(pairs)
        self.fingerprint = fingerprint_of({**self._arguments(), "tokenizer": self.tokenizer.hash}, content)

    def encode_sources(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of new sources for the model, with prefix and end token, cut to the limit."""
        tokenizer = self.needed_tokenizer()
        return self._with_end(tokenizer, encode_tagged(tokenizer, texts, self.prefix), self.limits[0])

    def num_source_tokens(self, text: str) -> int:
        """Number of ids of a new source with prefix and end token, before it is cut to the limit."""
        return len(encode_tagged(self.needed_tokenizer(), [text], self.prefix)[0]) + 1

    def check_source(self, text: str) -> None:
        """Raise UserError for a new source that the model cannot take; any text can be taken here."""

    def needed_tokenizer(self) -> TextTokenizer:
        """The tokenizer of both sides; UserError where the configuration has none."""
        if self.tokenizer is None:
            raise UserError("tokenizer: parallel text needs one; choose tokenizer=unigram or another with an end token")
        return self.tokenizer

    def notes(self) -> list[str]:
        """Sentences about the data that a reader of the results has to know."""
        if self.tokenizer is None:
            return repeated_splits(self.splits, lambda a, b: a.pairs.sources == b.pairs.sources)
        return repeated_splits(self.splits, lambda a, b: a.source_ids == b.source_ids and a.target_ids == b.target_ids)

    def describe(self) -> dict[str, Any]:
        """Counts, languages, the most references of an example; with a tokenizer lengths in tokens, and the numbers of
        cut and dropped texts. Plain types."""
        references = {split: max(len(given) for given in each.pairs.references) for split, each in self.splits.items()}
        known = {
            "task": self.task,
            "num_examples": {split: len(each) for split, each in self.splits.items()},
            "languages": self.languages,
            **({"references": references} if max(references.values()) > 1 else {}),
        }
        if self.tokenizer is None:
            return {**known, "source": self.facts["source"]}
        lengths = {
            split: {
                side: {"mean": round(float(ids.lengths.mean()), 2), "longest": int(ids.lengths.max())}
                for side, ids in (("source", each.source_ids), ("target", each.target_ids))
            }
            for split, each in self.splits.items()
        }
        return {**known, "vocabulary_size": len(self.tokenizer), "tokens": lengths, **self.facts}

    def state(self) -> dict[str, Any]:
        """The state from which `from_state` restores a module that encodes new sources; plain JSON types."""
        known = {**self._arguments(), "batch_size": self.batch_size, "fingerprint": self.fingerprint}
        if self.tokenizer is None:
            return known
        return {**known, "tokenizer": self.tokenizer.backend.to_str(), "roles": dict(vars(self.tokenizer.roles))}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restores, from a `state()`, a module without splits that encodes new sources in the same way."""
        arguments = {k: v for k, v in state.items() if k not in ("fingerprint", "tokenizer", "roles")}
        data = cls(**arguments)
        if "tokenizer" in state:
            data.tokenizer = TextTokenizer(Tokenizer.from_str(state["tokenizer"]), Roles(**state["roles"]))
        data.fingerprint = state["fingerprint"]
        return data

    def _arguments(self) -> dict[str, Any]:
        options = {
            "name": self.name,
            "path": None if self.path is None else str(self.path),
            "source": self.source,
            "target": self.target,
            "prefix": self.prefix,
            "max_source_tokens": self.limits[0],
            "max_target_tokens": self.limits[1],
            "drop_long": self.drop_long,
            "train_fraction": self.train_fraction,
            "bucket": self.bucket,
            "seed": self.seed,
            **({"groups": self.groups} if self.groups else {}),
        }
        return {name: value for name, value in options.items() if name not in self.fixed_options}

    def _tokenizer(self, given: TokenizerBuilder | TextTokenizer, training: Pairs) -> TextTokenizer:
        tokenizer = trained_tokenizer(given, self._training_texts(training))
        if tokenizer.eos_id is None or tokenizer.pad_id is None:
            raise UserError("tokenizer: parallel text needs one with an end and a padding token, which this one lacks; "
                            "choose another tokenizer=...")  # fmt: skip
        return tokenizer

    def _training_texts(self, training: Pairs) -> Iterator[str]:
        """Sources and targets alternately, with the prefix once, so that its pieces are in the vocabulary."""
        if self.prefix:
            yield self.prefix
        for pair in zip(training.sources, training.targets, strict=True):
            yield from pair

    def _encoded(self, tokenizer: TextTokenizer, split: str, pairs: Pairs) -> ParallelSplit:
        bare = [
            encode_tagged(tokenizer, pairs.sources, self.prefix),
            tokenizer.encode_batch(pairs.targets),
        ]
        fits = [
            all(len(i) < limit for i, limit in zip(ids, self.limits, strict=True)) for ids in zip(*bare, strict=True)
        ]
        kept = list(range(len(fits)))
        if split == "train" and self.drop_long:
            kept = [row for row in kept if fits[row]]
            self.facts["dropped"] = len(fits) - len(kept)
            if not kept:
                raise UserError("data.drop_long: every training pair is longer than data.max_source_tokens or "
                                f"max_target_tokens ({self.limits}); raise them")  # fmt: skip
        self.facts["cut"][split] = sum(not fits[row] for row in kept)
        source, target = (
            Ragged(self._with_end(tokenizer, [ids[row] for row in kept], limit))
            for ids, limit in zip(bare, self.limits, strict=True)
        )
        return ParallelSplit(
            pairs.take(kept),
            source,
            target,
            pad_id=tokenizer.pad_id or 0,
            bucket=self.bucket and split == "train",
        )

    @staticmethod
    def _with_end(tokenizer: TextTokenizer, sequences: Sequence[list[int]], limit: int) -> list[list[int]]:
        end = tokenizer.eos_id
        assert end is not None, "checked when the tokenizer was made"
        return [[*ids[: limit - 1], end] for ids in sequences]


def _hash_of_texts(pairs: Mapping[str, Pairs]) -> str:
    """Hash over the texts of all splits, references and groups included."""
    plain = {split: [list(each.sources), list(each.references), each.groups] for split, each in pairs.items()}
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()
