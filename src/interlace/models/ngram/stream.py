"""Documents laid end to end as `<s> ... </s>`, the form in which n-grams are counted and scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interlace.errors import UserError

MAX_ORDER = 6
DEEP = MAX_ORDER + 1  # a position at least this far from its <s>


@dataclass(frozen=True)
class TokenStream:
    """Word codes of all documents, each between `<s>` and `</s>`, and how far each position is from its `<s>`.

    Codes are token ids; `<s>` has the code `vocabulary_size`, one past them, so that a tokenizer with one id for
    both ends (GPT-2's `<|endoftext|>`) needs no care. `codes` is (N + 2 D,) int32, `depth` (N + 2 D,) uint8: 0 at
    `<s>`, then 1, 2, ... up to `DEEP`. Five bytes a token.
    """

    codes: np.ndarray
    depth: np.ndarray


def build_stream(token_ids: np.ndarray, document_bounds: np.ndarray, start: int, end: int) -> TokenStream:
    """The stream of checked token ids (N,) and bounds (D + 1,); `start`, `end` are the codes of `<s>` and `</s>`."""
    num_documents = len(document_bounds) - 1
    first = document_bounds[:-1] + 2 * np.arange(num_documents)  # where each <s> goes
    last = document_bounds[1:] + 2 * np.arange(num_documents) + 1  # where each </s> goes
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
    """Both as arrays, once they are known to be ids within the vocabulary and rising bounds from 0 to N.

    Raises UserError for anything else, and for ids in `forbidden` (the ends of documents, padding, masks).
    """
    ids, bounds = np.asarray(token_ids), np.asarray(document_bounds)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise UserError(f"token_ids: a (N,) array of integers was expected, not {ids.dtype} of shape {ids.shape}")
    if bounds.ndim != 1 or bounds.dtype.kind not in "iu" or len(bounds) == 0:
        raise UserError(f"document_bounds: (D + 1,) integers were expected, not {bounds.dtype} of shape {bounds.shape}")
    bounds = bounds.astype(np.int64)
    if bounds[0] != 0 or bounds[-1] != len(ids) or (np.diff(bounds) < 0).any():
        raise UserError(
            f"document_bounds: must rise from 0 to the number of tokens ({len(ids)}), "
            f"found {bounds[0]} to {bounds[-1]}; token_ids[bounds[d]:bounds[d + 1]] is document d"
        )
    if ids.size and (int(ids.min()) < 0 or int(ids.max()) >= vocabulary_size):
        raise UserError(
            f"token_ids: ids from {ids.min()} to {ids.max()} do not fit a vocabulary of {vocabulary_size}; "
            "encode the text with the tokenizer this model was made for"
        )
    for unit in forbidden:
        where = np.flatnonzero(ids == unit)
        if len(where):
            raise UserError(
                f"token_ids: id {unit} at position {where[0]} is a special id that no document may hold; "
                "leave out padding, masks and the ends of documents (the model adds <s> and </s> itself)"
            )
    return ids, bounds


def join_sequences(sequences: Sequence[Sequence[int] | np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids (N,) and document bounds (D + 1,) of a list of sequences."""
    bounds = np.zeros(len(sequences) + 1, dtype=np.int64)
    np.cumsum([len(sequence) for sequence in sequences], out=bounds[1:])
    filled = [np.asarray(sequence) for sequence in sequences if len(sequence)]
    return (np.concatenate(filled) if filled else np.empty(0, dtype=np.int64)), bounds
