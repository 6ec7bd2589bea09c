"""BERT and RoBERTa: bidirectional transformers for masked language modelling."""

from functools import partial
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.models.base import LanguageModel, OutputProjection, given_options
from interlace.models.embeddings import Embeddings, normal_
from interlace.nn.attention import MultiHeadAttention
from interlace.nn.block import Block
from interlace.nn.feed_forward import ACTIVATIONS, Activation, FeedForward
from interlace.nn.stack import Stack
from interlace.nn.visibility import compute_dtype, document_positions, visibility

Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class BERT(LanguageModel):
    """Post-norm encoder (Devlin et al. 2019) with a masked LM head, a pooler and a next-sentence head.

    `family` "roberta" (Liu et al. 2019) counts positions over real tokens, starting at pad_id + 1, and so has a
    position table of max_length + pad_id + 1 rows. `pooling`: "none", "pooler" (tanh(W x_0 + b)), or "next_sentence", a
    pooler with the next-sentence head. `masked_head`: dense layer, activation, LayerNorm, then the (tied) word vectors
    and a bias; without it the model only encodes. RoBERTa's head has GELU for every `activation`, as RobertaLMHead of
    transformers. Weights are initialised from N(0, 0.02^2), biases with 0.

    Parameters: (V + P + S) D + 2 D with P positions and S token types, L (4 D^2 + 2 D F + 9 D + F), masked head
    D^2 + 3 D + V, pooler D^2 + D, next-sentence head 2 D + 2; V D more if untied.
    FLOPs per token in a sequence of T: L (8 D^2 + 4 D F + 4 T D); masked head: 2 D^2 + 2 D V per scored position.
    """

    direction = "masked"

    def __init__(
        self,
        *,
        vocabulary_size: Size,
        pad_id: int | None,
        family: Literal["bert", "roberta"],
        dim: Size,
        num_layers: Size,
        num_heads: Size,
        feed_forward_dim: Size,
        activation: Activation,
        max_length: Size,
        num_token_types: Size,
        norm_eps: Annotated[float, Field(gt=0)],
        tie_embeddings: bool,
        masked_head: bool,
        pooling: Literal["none", "pooler", "next_sentence"],
        dropout: Rate,
        attention_dropout: Rate,
    ) -> None:
        options = given_options(locals())
        super().__init__()
        self.options = options
        if family == "roberta" and pad_id is None:
            raise UserError("model: roberta counts positions from the padding id; choose a tokenizer with a pad token")
        self.family = family
        self.vocabulary_size, self.pad_id = vocabulary_size, pad_id
        self.max_length, self.dim, self.num_token_types = max_length, dim, num_token_types
        norm = partial(nn.LayerNorm, dim, eps=norm_eps)
        first_position = pad_id + 1 if family == "roberta" and pad_id is not None else 0
        self.embeddings = Embeddings(
            vocabulary_size=vocabulary_size,
            dim=dim,
            num_positions=max_length + first_position,
            num_types=num_token_types,
            norm=norm(),
            dropout=dropout,
            first_position=first_position,
        )
        self.stack = Stack(
            blocks=(
                Block(
                    attention=MultiHeadAttention(dim=dim, num_heads=num_heads, dropout=attention_dropout),
                    feed_forward=FeedForward(dim=dim, hidden_dim=feed_forward_dim, activation=activation),
                    norm=norm,
                    pre_norm=False,
                    dropout=dropout,
                )
                for _ in range(num_layers)
            ),
            norm=None,
        )
        self.masked_head = None
        if masked_head:
            head_activation: Activation = "gelu" if family == "roberta" else activation
            self.masked_head = MaskedHead(dim, vocabulary_size, head_activation, norm(), tied=tie_embeddings)
        self.pooler = nn.Linear(dim, dim) if pooling != "none" else None
        self.next_sentence = nn.Linear(dim, 2) if pooling == "next_sentence" else None
        normal_(self, 0.02)

    def encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        cache: Any = None,
    ) -> Tensor:
        """See `LanguageModel`."""
        assert cache is None, "a masked model has no cache"
        return self._encode(None, input_ids, attention_mask, token_type_ids, position_ids, document_ids)

    def encode_at(
        self,
        positions: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
    ) -> Tensor:
        """See `LanguageModel`; the last block computes queries, and all that follows, for these positions only."""
        return self._encode(positions, input_ids, attention_mask, token_type_ids, None, document_ids)

    def _encode(
        self,
        positions: Tensor | None,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
        document_ids: Tensor | None,
    ) -> Tensor:
        self.check_length(input_ids.shape[1])
        if position_ids is None:
            position_ids = self._positions(attention_mask, document_ids)
        x = self.embeddings(input_ids, position_ids, token_type_ids)  # (B, T, D)
        seen = visibility(input_ids, attention_mask, causal=False, dtype=compute_dtype(x), document_ids=document_ids)
        return self.stack(x, bias=seen.bias, positions=positions)

    def _positions(self, mask: Tensor | None, document_ids: Tensor | None) -> Tensor | None:
        """Rows of the position table (B, T); None: consecutive from `first_position`."""
        if document_ids is not None:
            positions = document_positions(document_ids) + self.embeddings.first_position
        elif self.family == "bert" or mask is None:
            return None
        else:
            positions = mask.long().cumsum(1) + self.embeddings.first_position - 1
        if self.family == "roberta" and mask is not None:
            assert self.pad_id is not None
            positions = torch.where(mask.bool(), positions, self.pad_id)
        return positions

    def output_projection(self, hidden: Tensor) -> OutputProjection:
        """See `LanguageModel`; `hidden` goes through the masked LM head up to its last linear map."""
        head = self.masked_head
        if head is None:
            raise UserError(f"this {self.family} model has no masked LM head (masked_head=false); it only encodes")
        weight = self.embeddings.word.weight if head.output is None else head.output.weight
        return OutputProjection(head(hidden), weight, head.bias)

    def pooled(self, hidden: Tensor) -> Tensor:
        """Pool hidden states (B, T, D) to tanh(W x_0 + b), (B, D)."""
        if self.pooler is None:
            raise UserError(f"this {self.family} model has no pooler (pooling=none); build it with pooling=pooler")
        return torch.tanh(self.pooler(hidden[:, 0]))

    def next_sentence_logits(self, hidden: Tensor) -> Tensor:
        """Compute logits (B, 2) from hidden states (B, T, D): 0 = second segment follows the first, 1 = random."""
        if self.next_sentence is None:
            raise UserError(
                f"this {self.family} model has no next-sentence head; build it with pooling=next_sentence, "
                "or choose an objective without next sentences"
            )
        return self.next_sentence(self.pooled(hidden))


class MaskedHead(nn.Module):
    """Masked LM head: dense layer, activation, LayerNorm, then word vectors (`tied`: the embeddings) and a bias."""

    def __init__(self, dim: int, vocabulary_size: int, activation: Activation, norm: nn.Module, *, tied: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(dim, dim)
        self.activation = ACTIVATIONS[activation]
        self.norm = norm
        self.output = None if tied else nn.Linear(dim, vocabulary_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform hidden states (..., D) to the vectors (..., D) that are multiplied with the word vectors."""
        return self.norm(self.activation(self.dense(hidden)))
