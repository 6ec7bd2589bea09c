"""T5: encoder-decoder transformer from text to text."""

from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.models.base import LanguageModel, LanguageModelOutput, OutputProjection, given_options
from interlace.nn.attention import MultiHeadAttention
from interlace.nn.block import Block
from interlace.nn.cache import KeyValueCache
from interlace.nn.dropout import build_dropout
from interlace.nn.feed_forward import Activation, FeedForward
from interlace.nn.norms import RMSNorm
from interlace.nn.positions import RelativePositions
from interlace.nn.stack import Inserted, Stack
from interlace.nn.visibility import additive, compute_dtype, visibility

Size = Annotated[int, Field(ge=1)]


class T5(LanguageModel):
    """Encoder and decoder of pre-norm blocks with RMS norms and without biases (Raffel et al. 2020).

    Attention scores are not divided by sqrt(d); a relative-position bias, one table per stack, is added in every
    self-attention layer, not in cross-attention. v1.0: relu, tied head, decoder output times D^-1/2 before it
    (`scale_logits`). v1.1: gated "gelu_tanh", untied, unscaled. `dropout` also acts on attention weights and inside
    feed-forward layers. `causal_encoder`: a source token is encoded from itself and those before it alone (Elbayad et
    al. 2020). The decoder starts with `decoder_start_id`; None: with `pad_id`. Initial standard
    deviations: embeddings 1, Q (D d)^-1/2, K, V, up projection and position biases D^-1/2, attention output (H d)^-1/2,
    down projection F^-1/2 (Mesh TensorFlow); untied head D^-1/2 (t5x).

    Parameters, I = H d, g = 2 if gated else 1, L encoder and M decoder layers: V D + L (4 D I + (g + 1) D F + 2 D)
    + M (8 D I + (g + 1) D F + 3 D) + 2 buckets H + 2 D; V D more if untied.
    FLOPs, S source and T target tokens: S (L (8 D I + 2 (g + 1) D F + 4 S I) + 4 M D I)
    + T (M (12 D I + 2 (g + 1) D F + 4 (T + S) I) + 2 D V).
    """

    family = "t5"
    direction = "seq2seq"
    takes_condition = True

    def __init__(
        self,
        *,
        vocabulary_size: Size,
        pad_id: int | None,
        dim: Size,
        num_layers: Size,
        num_decoder_layers: Size,
        num_heads: Size,
        head_dim: Size,
        feed_forward_dim: Size,
        activation: Activation,
        gated: bool,
        num_buckets: Annotated[int, Field(ge=4)],
        max_distance: Size,
        norm_eps: Annotated[float, Field(gt=0)],
        tie_embeddings: bool,
        scale_logits: bool,
        dropout: Annotated[float, Field(ge=0, lt=1)],
        decoder_start_id: Annotated[int, Field(ge=0)] | None = None,  # absent from the saved options of older runs
        causal_encoder: bool = False,
    ) -> None:
        options = given_options(locals())
        super().__init__()
        self.options = options
        _check_buckets(num_buckets, max_distance)
        if decoder_start_id is not None and decoder_start_id >= vocabulary_size:
            raise UserError(f"model.decoder_start_id: got {decoder_start_id}; expected an id below {vocabulary_size}")
        self.vocabulary_size, self.pad_id = vocabulary_size, pad_id
        self.start_id = pad_id if decoder_start_id is None else decoder_start_id
        self.max_length, self.dim = None, dim
        self.scale_logits = scale_logits
        self.causal_encoder = causal_encoder
        self.embedding = nn.Embedding(vocabulary_size, dim)
        attention = partial(
            MultiHeadAttention, dim=dim, num_heads=num_heads, head_dim=head_dim, bias=False, scale=1.0, dropout=dropout
        )
        feed_forward = partial(
            FeedForward, dim=dim, hidden_dim=feed_forward_dim, activation=activation, gated=gated, bias=False,
            dropout=dropout,
        )  # fmt: skip
        norm = partial(RMSNorm, dim, eps=norm_eps, weighted=True)
        block = partial(Block, norm=norm, pre_norm=True, dropout=dropout)
        self.encoder = Stack(
            blocks=(block(attention=attention(), feed_forward=feed_forward()) for _ in range(num_layers)), norm=norm()
        )
        self.decoder = Stack(
            blocks=(
                block(attention=attention(), cross_attention=attention(), feed_forward=feed_forward())
                for _ in range(num_decoder_layers)
            ),
            norm=norm(),
        )
        positions = partial(RelativePositions, num_buckets=num_buckets, max_distance=max_distance, num_heads=num_heads)
        self.encoder_positions = positions(bidirectional=True)
        self.decoder_positions = positions(bidirectional=False)
        self.head = None if tie_embeddings else nn.Linear(dim, vocabulary_size, bias=False)
        self.dropout = build_dropout(dropout)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        self.embedding.weight.normal_()
        if self.head is not None:
            self.head.weight.normal_(std=self.dim**-0.5)
        for module in self.modules():
            if isinstance(module, MultiHeadAttention):
                inner = module.num_heads * module.head_dim
                module.projection.weight.normal_(std=self.dim**-0.5)
                module.projection.weight[:inner].mul_(module.head_dim**-0.5)
                module.output.weight.normal_(std=inner**-0.5)
            elif isinstance(module, FeedForward):
                module.up_projection.weight.normal_(std=self.dim**-0.5)
                module.down_projection.weight.normal_(std=module.down_projection.in_features**-0.5)
            elif isinstance(module, RelativePositions):
                module.embedding.weight.normal_(std=self.dim**-0.5)

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
        """See `LanguageModel`; the encoder's output, (B, S, D), is the memory of `decode`."""
        if token_type_ids is not None or position_ids is not None:
            raise UserError("token_type_ids, position_ids: a t5 model has neither; leave them out")
        assert cache is None, "only the decoder has a cache"
        return self.encode_embedded(self.embedding(input_ids), attention_mask, document_ids=document_ids)

    def encode_embedded(
        self, x: Tensor, attention_mask: Tensor | None = None, *, document_ids: Tensor | None = None
    ) -> Tensor:
        """`encode` for vectors (B, S, D) in place of ids."""
        x = self.dropout(x)
        dtype, length = compute_dtype(x), x.shape[1]
        causal = self.causal_encoder
        seen = visibility(x[..., 0], attention_mask, causal=causal, dtype=dtype, document_ids=document_ids)
        bias = self.encoder_positions(length, length).to(dtype)  # (1, H, S, S)
        if seen.bias is not None:
            bias = bias + seen.bias
        elif seen.causal:
            bias = bias + additive(torch.ones(length, length, dtype=torch.bool, device=x.device).tril(), dtype)
        return self.dropout(self.encoder(x, bias=bias))

    def decode(
        self,
        decoder_input_ids: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        *,
        decoder_mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
        inserted: Inserted | None = None,
    ) -> Tensor:
        """See `LanguageModel`. With `cache` the keys and values of the memory are computed at the first call only.

        `memory_mask` (B, S), or (B, T, S) where a target token sees a part of the memory (at least one of its tokens).
        `inserted`: modules between the layers of the decoder; see `Stack`.
        """
        past = cache.length if cache is not None else 0
        x = self.dropout(self.embedding(decoder_input_ids))  # (B, T, D)
        dtype, length = compute_dtype(x), decoder_input_ids.shape[1]
        bias = self.decoder_positions(length, past + length).to(dtype)  # (1, H, T, past + T)
        seen = visibility(decoder_input_ids, decoder_mask, causal=True, dtype=dtype, past=past)
        if seen.bias is not None:
            bias = bias + seen.bias
        elif seen.causal:
            bias = bias + additive(torch.ones(length, length, dtype=torch.bool, device=x.device).tril(), dtype)
        if memory_mask is not None and memory_mask.dim() == 3:
            memory_bias: Tensor | None = additive(memory_mask, dtype).unsqueeze(1)  # (B, 1, T, S)
        else:
            memory_bias = visibility(memory[..., 0], memory_mask, causal=False, dtype=dtype).bias
        x = self.decoder(x, bias=bias, memory=memory, memory_bias=memory_bias, cache=cache, inserted=inserted)
        return self.dropout(x)

    def output_projection(self, hidden: Tensor) -> OutputProjection:
        """See `LanguageModel`; the states of the decoder are scaled in v1.0."""
        weight = self.embedding.weight if self.head is None else self.head.weight
        return OutputProjection(hidden * self.dim**-0.5 if self.scale_logits else hidden, weight)

    def start_cache(self, batch_size: int, capacity: int) -> KeyValueCache:
        """Return a cache of keys and values of each decoder layer, of the target tokens and of the memory."""
        return KeyValueCache(len(self.decoder.layers), capacity)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
    ) -> LanguageModelOutput:
        """Compute logits (B, T, V) of `decoder_input_ids` (B, T) given `input_ids` (B, S)."""
        if decoder_input_ids is None or document_ids is not None:
            raise UserError("a t5 model needs decoder_input_ids (B, T) and has no packed documents; omit document_ids")
        memory = self.encode(input_ids, attention_mask, token_type_ids=token_type_ids, position_ids=position_ids)
        hidden = self.decode(decoder_input_ids, memory, attention_mask)
        return LanguageModelOutput(self.logits(hidden), hidden)


def _check_buckets(num_buckets: int, max_distance: int) -> None:
    if num_buckets % 2 or max_distance <= num_buckets // 2:
        raise UserError(
            f"model: num_buckets={num_buckets} must be even and max_distance={max_distance} larger than half of it; "
            "change either"
        )
