"""LSTM language model."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from interlace.errors import UserError
from interlace.models.base import LanguageModel, OutputProjection, given_options
from interlace.nn.dropout import build_dropout
from interlace.nn.visibility import without_padding

State = tuple[Tensor, Tensor]


class LSTMCache:
    """Hidden and cell states of each layer, (L, B, D), after the tokens read so far."""

    def __init__(self) -> None:
        self.length = 0
        self.state: State | None = None

    def reorder(self, index: Tensor) -> None:
        """Replace row i by the former row index[i]."""
        if self.state is not None:
            hidden, cell = self.state
            self.state = (hidden.index_select(1, index), cell.index_select(1, index))


class LSTM(LanguageModel):
    """Embeddings, L LSTM layers, and a head that may be tied to the embeddings (Press and Wolf 2017).

    `dropout` acts on the embeddings, between the layers and on the output (Zaremba et al. 2014). Embeddings and head
    start uniform in [-0.1, 0.1], the bias of the head at zero (pytorch/examples, word_language_model).
    The state depends neither on padding nor, with `document_ids`, on other documents: the real tokens of each document
    are run as a separate sequence with the initial state zero.

    Parameters: V D + L (8 D^2 + 8 D) + V; V D more if untied. FLOPs per token: 16 L D^2 + 2 D V.
    """

    family = "lstm"
    direction = "causal"

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=1)],
        pad_id: int | None,
        dim: Annotated[int, Field(ge=1)],
        num_layers: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
        tie_embeddings: bool,
    ) -> None:
        options = given_options(locals())
        super().__init__()
        self.options = options
        self.vocabulary_size, self.pad_id = vocabulary_size, pad_id
        self.max_length, self.dim = None, dim
        self.embedding = nn.Embedding(vocabulary_size, dim)
        self.lstm = nn.LSTM(dim, dim, num_layers, batch_first=True, dropout=dropout if num_layers > 1 else 0.0)
        self.head = None if tie_embeddings else nn.Linear(dim, vocabulary_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.dropout = build_dropout(dropout)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        if self.head is not None:
            nn.init.uniform_(self.head.weight, -0.1, 0.1)

    def encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        cache: LSTMCache | None = None,
    ) -> Tensor:
        """See `LanguageModel`; a recurrent model has no positions and ignores `position_ids`."""
        if token_type_ids is not None:
            raise UserError("token_type_ids: an lstm model has no token types; leave them out")
        if cache is not None and cache.length and document_ids is not None:
            raise UserError("document_ids: packed documents cannot be read in parts with a cache; read them at once")
        x = self.dropout(self.embedding(input_ids))  # (B, T, D)
        state = cache.state if cache is not None else None
        mask = without_padding(attention_mask)
        mask = None if mask is None else mask[:, -input_ids.shape[1] :].bool()
        if mask is not None and mask.device.type == "cpu" and mask.all():  # all padding is in the cached part
            mask = None
        if mask is None and document_ids is None:
            y, state = self.lstm(x, state)
        else:
            y, state = self._run_sequences(x, mask, document_ids, state)
        if cache is not None:
            cache.state = state
            cache.length += input_ids.shape[1]
        return self.dropout(y)

    def _run_sequences(
        self, x: Tensor, mask: Tensor | None, documents: Tensor | None, state: State | None
    ) -> tuple[Tensor, State]:
        """Run the real tokens of each document (without `documents`: of each row) as one packed sequence."""
        batch, length, dim = x.shape
        real = torch.ones(batch, length, dtype=torch.bool, device=x.device) if mask is None else mask
        rows, columns = real.nonzero(as_tuple=True)  # (N,) in reading order
        starts = torch.ones_like(rows, dtype=torch.bool)
        starts[1:] = rows[1:] != rows[:-1]
        if documents is not None:
            ids = documents[rows, columns]
            starts[1:] |= ids[1:] != ids[:-1]
        sequence = starts.cumsum(0) - 1  # (N,): index of the sequence of each token
        first = starts.nonzero().squeeze(1)  # (S,): first token of each sequence
        position = torch.arange(len(rows), device=x.device) - first[sequence]
        old = state or (x.new_zeros(self.lstm.num_layers, batch, dim), x.new_zeros(self.lstm.num_layers, batch, dim))
        if not len(rows):
            return torch.zeros_like(x), old
        lengths = torch.bincount(sequence)
        padded = x.new_zeros(len(lengths), int(lengths.max()), dim).index_put((sequence, position), x[rows, columns])
        owner = rows[first]  # (S,): the row of each sequence
        begin = None if state is None else (state[0][:, owner], state[1][:, owner])
        packed = pack_padded_sequence(padded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        y, end = self.lstm(packed, begin)
        y, _ = pad_packed_sequence(y, batch_first=True)
        out = y.new_zeros(batch, length, dim).index_put((rows, columns), y[sequence, position])
        last = torch.ones_like(owner, dtype=torch.bool)
        last[:-1] = owner[1:] != owner[:-1]
        hidden, cell = (
            before.to(after.dtype).index_copy(1, owner[last], after[:, last])
            for before, after in zip(old, end, strict=True)
        )
        return out, (hidden, cell)

    def output_projection(self, hidden: Tensor) -> OutputProjection:
        """See `LanguageModel`."""
        return OutputProjection(hidden, self.embedding.weight if self.head is None else self.head.weight, self.bias)

    def start_cache(self, batch_size: int, capacity: int) -> LSTMCache:
        """Return an empty cache; its size does not grow with the number of tokens."""
        return LSTMCache()
