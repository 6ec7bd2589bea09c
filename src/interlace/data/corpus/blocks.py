"""Rows for training from packed shards."""

from typing import Any, Literal

import numpy as np
import torch

from interlace.data.corpus.fitting import best_fit
from interlace.data.corpus.shards import Shards
from interlace.errors import UserError

Packing = Literal["chunk", "best_fit"]
Sampling = Literal["blocks", "random"]


class Blocks:
    """Rows of `block_length` T tokens and, with `lookahead` 1, the token after each, so that (B, T+1) holds inputs
    `[:, :-1]` and targets `[:, 1:]`.

    The *scored* tokens of a row are its targets (lookahead 1) or all its tokens (lookahead 0). Every token of the
    corpus is scored exactly once over all rows; the remaining columns are padding, as `mask` shows.

    packing "chunk": the stream of documents is cut into rows; only the last has padding. With lookahead a row begins
    with the last token of the row before it, and the first row with the separator (without a separator, the first token
    of the corpus is not scored). packing "best_fit": whole documents are placed side by side, and over-long ones are
    cut (`fitting.best_fit`). The token before a document is the separator, possibly that of the preceding document; the
    token before the rest of a cut document is its own. Both provide `document_ids` and `positions`, by which attention
    is restricted to documents.

    sampling "random" (chunk only, as in nanoGPT): rows begin anywhere; row i of epoch e depends only on (seed, e, i).
    """

    def __init__(
        self,
        shards: Shards,
        *,
        block_length: int,
        lookahead: Literal[0, 1] = 1,
        packing: Packing = "chunk",
        sampling: Sampling = "blocks",
        seed: int = 0,
        pad_id: int | None = None,
    ) -> None:
        if block_length < 1:
            raise UserError(f"data.block_length: got {block_length}; expected at least 1")
        if sampling == "random" and packing != "chunk":
            raise UserError("data.sampling: random windows need data.packing=chunk")
        self.shards = shards
        self.block_length = block_length
        self.lookahead = lookahead
        self.packing = packing
        self.sampling = sampling
        self.seed = seed
        self.epoch = 0
        self.pad_id = pad_id if pad_id is not None else 0
        self._separator = shards.header.separator_id
        # Without a separator nothing precedes the first token, which therefore cannot be a target.
        self._first = 1 if lookahead and self._separator is None else 0
        if len(shards) <= self._first:
            raise UserError(f"{shards.folder}: {len(shards)} tokens are too few for a row; add text")
        if packing == "best_fit" and lookahead and self._separator is None:
            raise UserError(
                f"{shards.folder}: its tokenizer has no end or separator token, which data.packing=best_fit puts "
                "before documents; use data.packing=chunk, or a tokenizer with one"
            )
        self._layout = (
            best_fit(shards.documents, block_length, alone=bool(lookahead)) if packing == "best_fit" else None
        )
        if sampling == "random" and len(shards) - self._first < block_length + lookahead:
            raise UserError(
                f"data.block_length: {block_length} is more than the {len(shards)} tokens of {shards.folder}; lower it"
            )
        self._offsets: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        if self._layout is not None:
            return len(self._layout.row) - 1
        scored = len(self.shards) - self._first
        return scored // self.block_length if self.sampling == "random" else -(-scored // self.block_length)

    def with_lookahead(self, lookahead: Literal[0, 1]) -> "Blocks":
        """The same rows with or without the token after each."""
        return Blocks(
            self.shards, block_length=self.block_length, lookahead=lookahead, packing=self.packing,
            sampling=self.sampling, seed=self.seed, pad_id=self.pad_id,
        )  # fmt: skip

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which determines the windows of sampling "random"; rows of "blocks" do not change."""
        self.epoch = epoch

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Token ids (B, T + lookahead) int64, padded with `pad_id`."""
        scored = self._scored(np.asarray(indices, dtype=np.int64))
        if not self.lookahead:
            return self._tokens(scored)
        before = scored[:, :1] - 1
        if self._layout is not None:
            # The rest of a cut document follows its own token; other documents follow a separator.
            begins = self._begins(scored[:, :1])
            before = np.where(begins, -1, before)
        first = np.full(before.shape, self._separator or 0, dtype=np.int64)
        inside = before >= 0
        first[inside] = self.shards.take(before[inside])
        return np.concatenate([first, self._tokens(scored)], axis=1)

    def mask(self, indices: np.ndarray) -> np.ndarray:
        """Mask (B, T) bool of the columns with a scored token; the others are padding."""
        return self._scored(np.asarray(indices, dtype=np.int64)) >= 0

    def document_ids(self, indices: np.ndarray) -> np.ndarray:
        """Document ids (B, T) int64 of the scored tokens, -1 for padding.

        With lookahead these are the documents of the *targets*: a separator, as an input, belongs to the document after
        it, so that the inputs of each document are the separator before it and its own tokens.
        """
        return self._document_ids(self._scored(np.asarray(indices, dtype=np.int64)))

    def positions(self, indices: np.ndarray) -> np.ndarray:
        """Positions (B, T) int64 within each document of a row, 0 for padding."""
        return _positions(self.document_ids(indices))

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """A batch for `BatchLoader`: "index" (B,), "tokens" (B, T + lookahead), "mask" (B, T) bool, and for best-fit
        packing "document_ids" and "position_ids" (B, T).
        """
        indices = np.asarray(indices, dtype=np.int64)
        scored = self._scored(indices)
        found: dict[str, Any] = {
            "index": torch.from_numpy(indices.copy()),
            "tokens": torch.from_numpy(self.rows(indices)),
            "mask": torch.from_numpy(scored >= 0),
        }
        if self._layout is not None:
            documents = self._document_ids(scored)
            found["document_ids"] = torch.from_numpy(documents)
            found["position_ids"] = torch.from_numpy(_positions(documents))
        return found

    def _scored(self, indices: np.ndarray) -> np.ndarray:
        """Positions (B, T) of the scored tokens in the stream, -1 for padding."""
        columns = np.arange(self.block_length)
        if self._layout is not None:
            return self._fitted(indices)
        starts = self._first + indices * self.block_length
        if self.sampling == "random":
            starts = self._random_starts()[indices]
        positions = starts[:, None] + columns
        return np.where(positions < len(self.shards), positions, -1)

    def _fitted(self, indices: np.ndarray) -> np.ndarray:
        layout = self._layout
        assert layout is not None
        first, last = layout.row[indices], layout.row[indices + 1]
        pieces = _ranges(first, last - first)
        length = layout.length[pieces]
        row = np.repeat(np.repeat(np.arange(len(indices)), last - first), length)
        out = np.full((len(indices), self.block_length), -1, dtype=np.int64)
        out[row, _ranges(layout.column[pieces], length)] = _ranges(layout.start[pieces], length)
        return out

    def _random_starts(self) -> np.ndarray:
        if self._offsets is None or self._offsets[0] != self.epoch:
            rng = np.random.Generator(np.random.PCG64([self.seed, self.epoch, 1]))
            last = len(self.shards) - self.block_length
            self._offsets = (self.epoch, rng.integers(self._first, last, len(self), endpoint=True))
        return self._offsets[1]

    def _tokens(self, positions: np.ndarray) -> np.ndarray:
        out = np.full(positions.shape, self.pad_id, dtype=np.int64)
        inside = positions >= 0
        if inside.all():
            out[...] = self.shards.take(positions)
        else:
            out[inside] = self.shards.take(positions[inside])
        return out

    def _document_ids(self, positions: np.ndarray) -> np.ndarray:
        found = np.searchsorted(self.shards.documents, positions, side="right") - 1
        return np.where(positions >= 0, found, -1)

    def _begins(self, positions: np.ndarray) -> np.ndarray:
        """Mask of the positions at which documents begin."""
        return self.shards.documents[np.searchsorted(self.shards.documents, positions)] == positions


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The concatenated ranges start, start + 1, ... of the given lengths."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(ends[-1]) if len(ends) else 0)


def _positions(documents: np.ndarray) -> np.ndarray:
    """The number of columns since the last change of document."""
    columns = np.broadcast_to(np.arange(documents.shape[1]), documents.shape)
    changes = np.ones(documents.shape, dtype=bool)
    changes[:, 1:] = documents[:, 1:] != documents[:, :-1]
    begins = np.maximum.accumulate(np.where(changes, columns, 0), axis=1)
    return np.where(documents >= 0, columns - begins, 0)
