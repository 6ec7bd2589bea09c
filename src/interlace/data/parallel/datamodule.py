"""The parallel text data sets."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from interlace.data.cache import content_hash, fingerprint_of
from interlace.data.datamodule import check_range
from interlace.data.notes import repeated_splits
from interlace.data.parallel.reading import Pairs, read_folder
from interlace.data.parallel.split import ParallelSplit, Ragged
from interlace.data.sources import find
from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.data.tokenizers.roles import Roles
from interlace.errors import UserError


class ParallelText:
    """Source and target texts with one tokenizer for both sides, trained on the training pairs unless it is given.

    `name` is a public data set (multi30k); alternatively `path` is a folder of files `<split>.<language>`, or of
    `<split>.jsonl` or `.tsv` (`interlace.data.parallel.reading`). `prefix` is put before every source, like the task
    prefixes of T5; a tag of the target language (">>de<<") lets one model serve many languages. Both sides end with the
    end token and have at most `max_source_tokens` and `max_target_tokens` tokens including it; `describe` counts the
    texts that were cut. With `drop_long`, longer training pairs are dropped instead, as a cut translation is wrong.
    `train_fraction` keeps a seeded share of the training pairs; smaller shares are subsets of larger ones. `bucket`
    groups training pairs of similar length (`ParallelSplit.order`).
    """

    task = "text_to_text"

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
        self.given = tokenizer
        self.splits: dict[str, ParallelSplit] = {}
        self.fingerprint = ""
        self.facts: dict[str, Any] = {}

    def prepare(self) -> None:
        """Reads the pairs, trains the tokenizer unless it is given, and encodes the pairs."""
        folder = self.path if self.path is not None else find(str(self.name))
        pairs = read_folder(folder, self.source, self.target)
        pairs["train"] = self._kept(pairs["train"])
        self.tokenizer = self._tokenizer(pairs["train"])
        self.facts = {"source": self.name or str(self.path), "cut": {}, "dropped": 0}
        self.splits = {split: self._encoded(split, each) for split, each in pairs.items()}
        arrays = {
            f"{split}_{side}_{part}": getattr(getattr(each, f"{side}_ids"), part)
            for split, each in self.splits.items()
            for side in ("source", "target")
            for part in ("values", "lengths")
        }
        self.fingerprint = fingerprint_of({**self._arguments(), "tokenizer": self.tokenizer.hash}, content_hash(arrays))

    def encode_sources(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of new sources for the model, with prefix and end token, cut to the limit."""
        return self._with_end(self.tokenizer.encode_batch([self.prefix + text for text in texts]), self.limits[0])

    def notes(self) -> list[str]:
        """Sentences about the data that a reader of the results has to know."""
        return repeated_splits(self.splits, lambda a, b: a.source_ids == b.source_ids and a.target_ids == b.target_ids)

    def describe(self) -> dict[str, Any]:
        """Counts, languages, lengths in tokens, and the numbers of cut and dropped texts; plain types."""
        lengths = {
            split: {
                side: {"mean": round(float(ids.lengths.mean()), 2), "longest": int(ids.lengths.max())}
                for side, ids in (("source", each.source_ids), ("target", each.target_ids))
            }
            for split, each in self.splits.items()
        }
        return {
            "task": self.task,
            "num_examples": {split: len(each) for split, each in self.splits.items()},
            "languages": [self.source, self.target],
            "vocabulary_size": len(self.tokenizer),
            "tokens": lengths,
            **self.facts,
        }

    def state(self) -> dict[str, Any]:
        """The state from which `from_state` restores a module that encodes new sources; plain JSON types."""
        roles = vars(self.tokenizer.roles)
        return {
            **self._arguments(),
            "batch_size": self.batch_size,
            "fingerprint": self.fingerprint,
            "tokenizer": self.tokenizer.backend.to_str(),
            "roles": dict(roles),
        }

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "ParallelText":
        """Restores, from a `state()`, a module without splits that encodes new sources in the same way."""
        arguments = {k: v for k, v in state.items() if k not in ("fingerprint", "tokenizer", "roles")}
        data = ParallelText(**arguments)
        data.tokenizer = TextTokenizer(Tokenizer.from_str(state["tokenizer"]), Roles(**state["roles"]))
        data.fingerprint = state["fingerprint"]
        return data

    def _arguments(self) -> dict[str, Any]:
        return {
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
        }

    def _kept(self, pairs: Pairs) -> Pairs:
        if self.train_fraction == 1:
            return pairs
        order = np.random.Generator(np.random.PCG64([self.seed, 0])).permutation(len(pairs.sources))
        rows = sorted(order[: max(1, round(self.train_fraction * len(order)))])
        return Pairs([pairs.sources[i] for i in rows], [pairs.targets[i] for i in rows])

    def _tokenizer(self, training: Pairs) -> TextTokenizer:
        if self.given is None:
            raise UserError("tokenizer: parallel text needs one; choose tokenizer=unigram or another with an end token")
        tokenizer = trained_tokenizer(self.given, self._training_texts(training))
        if tokenizer.eos_id is None or tokenizer.pad_id is None:
            raise UserError("tokenizer: parallel text needs one with an end and a padding token, which this one lacks; "
                            "choose another tokenizer=...")  # fmt: skip
        return tokenizer

    def _training_texts(self, training: Pairs) -> Iterator[str]:
        """Sources and targets alternately, with the prefix once, so that its pieces are in the vocabulary."""
        if self.prefix:
            yield self.prefix
        for pair in zip(*training, strict=True):
            yield from pair

    def _encoded(self, split: str, pairs: Pairs) -> ParallelSplit:
        bare = [
            self.tokenizer.encode_batch([self.prefix + text for text in pairs.sources]),
            self.tokenizer.encode_batch(pairs.targets),
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
            Ragged(self._with_end([ids[row] for row in kept], limit))
            for ids, limit in zip(bare, self.limits, strict=True)
        )
        return ParallelSplit(
            [pairs.sources[row] for row in kept],
            [pairs.targets[row] for row in kept],
            source,
            target,
            pad_id=self.tokenizer.pad_id or 0,
            bucket=self.bucket and split == "train",
        )

    def _with_end(self, sequences: Sequence[list[int]], limit: int) -> list[list[int]]:
        end = self.tokenizer.eos_id
        assert end is not None, "checked when the tokenizer was made"
        return [[*ids[: limit - 1], end] for ids in sequences]
