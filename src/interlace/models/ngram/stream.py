"""Concatenated documents `<s> ... </s>`, the form in which n-grams are counted and scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interlace.errors import UserError

MAX_ORDER = 6
DEEP = MAX_ORDER + 1  # the depth of all positions at least this far from their <s>


@dataclass(frozen=True)
class TokenStream:
    """Word codes of all documents, each between `<s>` and `</s>`, and the distance of each position from its `<s>`.

    Codes are token ids; `<s>` has the code `vocabulary_size`, one past them, so that a tokenizer with one id for both
    ends (GPT-2's `<|endoftext|>`) needs no special case. `codes` is (N + 2 D,) int32, `depth` (N + 2 D,) uint8: 0 at
    `<s>`, then 1, 2, ... up to `DEEP`. It takes five bytes per token.
    """

    codes: np.ndarray
    depth: np.ndarray


def build_stream(token_ids: np.ndarray, document_bounds: np.ndarray, start: int, end: int) -> TokenStream:
    """Return the stream of checked token ids (N,) and bounds (D + 1,); `start`, `end`: codes of `<s>` and `</s>`."""
    num_documents = len(document_bounds) - 1
    first = document_bounds[:-1] + 2 * np.arange(num_documents)  # positions of <s>
    last = document_bounds[1:] + 2 * np.arange(num_documents) + 1  # positions of </s>
    size = len(token_ids) + 2 * num_documents
    inside = np.ones(size, dtype=bool)
    inside[first] = inside[last] = False
    codes = np.empty(size, dtype=np.int32)
    codes[inside] = token_ids
    codes[first] = start
    codes[last] = end
    depth = np.full(size, DEEP, dtype=np.uint8)
    for distance in range(DEEP):
        depth[(first + distance)[first + distance <= last]] = distance
    return TokenStream(codes, depth)


def check_documents(
    token_ids: np.ndarray, document_bounds: np.ndarray, vocabulary_size: int, forbidden: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays after checking the ids against the vocabulary and the bounds to rise from 0 to N.

    Raises UserError for invalid values and for ids in `forbidden` (the ends of documents, padding, masks).
    """
    ids, bounds = np.asarray(token_ids), np.asarray(document_bounds)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise UserError(f"token_ids: expected an (N,) array of integers, got {ids.dtype} of shape {ids.shape}")
    if bounds.ndim != 1 or bounds.dtype.kind not in "iu" or len(bounds) == 0:
        raise UserError(f"document_bounds: expected (D + 1,) integers, got {bounds.dtype} of shape {bounds.shape}")
    bounds = bounds.astype(np.int64)
    if bounds[0] != 0 or bounds[-1] != len(ids) or (np.diff(bounds) < 0).any():
        raise UserError(
            f"document_bounds: must rise from 0 to the number of tokens ({len(ids)}), "
            f"found {bounds[0]} to {bounds[-1]}; token_ids[bounds[d]:bounds[d + 1]] is document d"
        )
    if ids.size and (int(ids.min()) < 0 or int(ids.max()) >= vocabulary_size):
        raise UserError(
            f"token_ids: ids from {ids.min()} to {ids.max()} do not fit a vocabulary of {vocabulary_size}; "
            "encode the text with the tokenizer of this model"
        )
    for unit in forbidden:
        where = np.flatnonzero(ids == unit)
        if len(where):
            raise UserError(
                f"token_ids: id {unit} at position {where[0]} is a special id that documents may not contain; "
                "leave out padding, masks and the ends of documents (the model adds <s> and </s>)"
            )
    return ids, bounds


def join_sequences(sequences: Sequence[Sequence[int] | np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids (N,) and document bounds (D + 1,) of a list of sequences."""
    bounds = np.zeros(len(sequences) + 1, dtype=np.int64)
    np.cumsum([len(sequence) for sequence in sequences], out=bounds[1:])
    filled = [np.asarray(sequence) for sequence in sequences if len(sequence)]
    return (np.concatenate(filled) if filled else np.empty(0, dtype=np.int64)), bounds
