"""GPT: causal transformers, from GPT-2 to current variants."""

import math
from functools import partial
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.models.base import LanguageModel, OutputProjection, given_options
from interlace.models.embeddings import Embeddings, normal_
from interlace.nn.attention import MultiHeadAttention
from interlace.nn.block import Block
from interlace.nn.cache import KeyValueCache
from interlace.nn.feed_forward import Activation, FeedForward
from interlace.nn.linear_cross_entropy import cross_entropy_of_scores, linear_cross_entropy
from interlace.nn.norms import Norm, RMSNorm, build_norm
from interlace.nn.rotary import RotaryPositions, Rotation
from interlace.nn.stack import Inserted, Stack
from interlace.nn.visibility import causal_positions, compute_dtype, visibility

Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class GPT(LanguageModel):
    """Pre-norm decoder (Radford et al. 2019) with the options of its successors.

    GPT-2: LayerNorm, biases, learned positions, "gelu_tanh", tied head, `initialisation` "gpt2": N(0, 0.02^2), the two
    projections into the residual stream divided by sqrt(2 L). The recipe of the modded-nanogpt speed runs: "rms_plain"
    norms, rotary positions, `query_key_norm`, "relu_squared", "zero_projections" (those two projections and an untied
    head start at zero, other matrices uniform with variance 1/fan_in, embeddings N(0, 1)), `embedding_norm` (RMS norm
    of the embeddings), `logit_soft_cap` c: c tanh(logits / c) (Gemma 2, 2024), and `bigram_table`: a trained V x V
    table of logits of the next token given only the current one.

    Parameters of GPT-2: (V + T) D + L (4 D^2 + 2 D F + 9 D + F) + 2 D. Rotary positions: T D less; untied head: V D
    more; bigram table: V^2 more; without biases: 5 D + F less per layer.
    FLOPs per token with T tokens in the context: L (8 D^2 + 4 D F + 4 T D) + 2 D V (gated: 6 D F in place of 4 D F).
    """

    family = "gpt"
    direction = "causal"
    takes_condition = True

    def __init__(
        self,
        *,
        vocabulary_size: Size,
        pad_id: int | None,
        dim: Size,
        num_layers: Size,
        num_heads: Size,
        feed_forward_dim: Size,
        activation: Activation,
        gated: bool,
        norm: Norm,
        norm_eps: Annotated[float, Field(gt=0)],
        bias: bool,
        positions: Literal["learned", "rotary"],
        max_length: Size | None,
        rotary_base: Annotated[float, Field(gt=1)],
        query_key_norm: bool,
        embedding_norm: bool,
        initialisation: Literal["gpt2", "zero_projections"],
        tie_embeddings: bool,
        logit_soft_cap: Annotated[float, Field(gt=0)] | None,
        bigram_table: bool,
        dropout: Rate,
        attention_dropout: Rate,
    ) -> None:
        options = given_options(locals())
        super().__init__()
        self.options = options
        if positions == "learned" and max_length is None:
            raise UserError("model.max_length: got null; learned positions need a number; set it or positions=rotary")
        self.vocabulary_size, self.pad_id = vocabulary_size, pad_id
        self.max_length, self.dim = max_length, dim
        self.logit_soft_cap = logit_soft_cap
        learned = positions == "learned"
        self.embeddings = Embeddings(
            vocabulary_size=vocabulary_size,
            dim=dim,
            num_positions=max_length if learned else None,
            num_types=None,
            norm=RMSNorm(dim, eps=norm_eps, weighted=False) if embedding_norm else None,
            dropout=dropout,
        )
        self.rotary = None if learned else RotaryPositions(head_dim=dim // num_heads, base=rotary_base)
        self.stack = self._build_stack(options)
        self.head = None if tie_embeddings else nn.Linear(dim, vocabulary_size, bias=False)
        self.bigram = nn.Embedding(vocabulary_size, vocabulary_size) if bigram_table else None
        self._initialise(initialisation)

    @staticmethod
    def _build_stack(o: dict[str, Any]) -> Stack:
        norm = partial(build_norm, o["norm"], o["dim"], o["norm_eps"], bias=o["bias"])
        attention = partial(
            MultiHeadAttention,
            dim=o["dim"],
            num_heads=o["num_heads"],
            bias=o["bias"],
            dropout=o["attention_dropout"],
            query_key_norm=o["query_key_norm"],
        )
        feed_forward = partial(
            FeedForward,
            dim=o["dim"],
            hidden_dim=o["feed_forward_dim"],
            activation=o["activation"],
            gated=o["gated"],
            bias=o["bias"],
        )
        block = partial(Block, norm=norm, pre_norm=True, dropout=o["dropout"])
        blocks = (block(attention=attention(), feed_forward=feed_forward()) for _ in range(o["num_layers"]))
        return Stack(blocks=blocks, norm=norm())

    def _initialise(self, kind: str) -> None:
        normal_(self, 0.02)
        into_residual = [m.output for m in self.stack.modules() if isinstance(m, MultiHeadAttention)]
        into_residual += [m.down_projection for m in self.stack.modules() if isinstance(m, FeedForward)]
        if kind == "gpt2":
            for matrix in into_residual:
                nn.init.normal_(matrix.weight, std=0.02 / math.sqrt(2 * len(self.stack.layers)))
        else:
            for module in self.stack.modules():
                if isinstance(module, nn.Linear):
                    bound = math.sqrt(3 / module.in_features)
                    nn.init.uniform_(module.weight, -bound, bound)
            for matrix in into_residual:
                nn.init.zeros_(matrix.weight)
            if self.head is not None:
                nn.init.zeros_(self.head.weight)
                nn.init.normal_(self.embeddings.word.weight)
        if self.bigram is not None:
            nn.init.zeros_(self.bigram.weight)

    def encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        cache: KeyValueCache | None = None,
        prefix: Tensor | None = None,
        inserted: Inserted | None = None,
    ) -> Tensor:
        """See `LanguageModel`. With a `bigram_table` (B, T, D + V): the bigram logits follow the hidden states.

        `prefix` (B, P, D) holds vectors that precede the tokens; `attention_mask` and `position_ids` then cover it too,
        (B, P + T), and the states returned are those of the T tokens. `inserted`: see `Stack`.
        """
        if token_type_ids is not None:
            raise UserError("token_type_ids: a gpt model has no token types; leave them out")
        past = cache.length if cache is not None else 0
        if past and document_ids is not None:
            raise UserError("document_ids: packed documents cannot be read in parts with a cache; read them at once")
        length = input_ids.shape[1] + (prefix.shape[1] if prefix is not None else 0)
        self.check_length(past + length)
        if position_ids is None:
            position_ids = causal_positions(length, attention_mask, document_ids, past)
        x = self.embeddings(input_ids, position_ids, past=past, prefix=prefix)  # (B, P + T, D)
        dtype = compute_dtype(x)
        seen = visibility(x[..., 0], attention_mask, causal=True, dtype=dtype, document_ids=document_ids, past=past)
        rotation = self._rotation(position_ids, past, length, dtype)
        x = self.stack(x, bias=seen.bias, causal=seen.causal, rotation=rotation, cache=cache, inserted=inserted)
        x = x if prefix is None else x[:, prefix.shape[1] :]
        return x if self.bigram is None else torch.cat([x, self.bigram(input_ids).to(x.dtype)], -1)

    def _rotation(self, positions: Tensor | None, past: int, length: int, dtype: torch.dtype) -> Rotation | None:
        if self.rotary is None:
            return None
        if positions is None:
            positions = torch.arange(past, past + length, device=self.rotary.frequencies.device)
        return self.rotary(positions, dtype)

    def logits(self, hidden: Tensor) -> Tensor:
        """Compute logits (..., V) from hidden states (..., D), with a bigram table (..., D + V) as `encode` returns."""
        scores = F.linear(*self.output_projection(hidden))
        if self.bigram is not None:
            scores = scores + hidden[..., self.dim :]
        if self.logit_soft_cap is None:
            return scores
        return self.logit_soft_cap * torch.tanh(scores.float() / self.logit_soft_cap)

    def output_projection(self, hidden: Tensor) -> OutputProjection:
        """See `LanguageModel`; without bigram logits and soft cap."""
        weight = self.embeddings.word.weight if self.head is None else self.head.weight
        return OutputProjection(hidden if self.bigram is None else hidden[..., : self.dim], weight)

    def cross_entropy_sum(self, hidden: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """See `LanguageModel`."""
        if self.bigram is not None:
            return cross_entropy_of_scores(self.logits(hidden), labels, label_smoothing)
        return linear_cross_entropy(
            *self.output_projection(hidden), labels, soft_cap=self.logit_soft_cap, label_smoothing=label_smoothing
        )

    def start_cache(self, batch_size: int, capacity: int) -> KeyValueCache:
        """Return a cache of keys and values of each layer, 2 L D numbers per token."""
        return KeyValueCache(len(self.stack.layers), capacity)
