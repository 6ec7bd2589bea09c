"""Decoder with gated cross-attention to the tokens of a fusion between the layers of a language model."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, cast

from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.heads.text_decoder import TextDecoder, check_condition
from interlace.models.base import Cache, LanguageModel
from interlace.nn.attention import zero_masked
from interlace.nn.cache import LayerCache
from interlace.nn.gated_cross_attention import GatedCrossAttention, gated_parameters
from interlace.nn.stack import Inserted, Stack
from interlace.tokens import Condition


class ConditionedCache:
    """Caches of a language model and, for each inserted layer, of the condition."""

    def __init__(self, words: Cache, num_inserted: int) -> None:
        self.words = words
        self.memories = [LayerCache(0) for _ in range(num_inserted)]

    @property
    def length(self) -> int:
        """Number of cached tokens of the text."""
        return self.words.length

    def reorder(self, index: Tensor) -> None:
        """Replace the rows by the rows `index`."""
        self.words.reorder(index)
        for memory in self.memories:
            memory.reorder(index)


class GatedCrossAttentionDecoder(TextDecoder):
    """Gated cross-attention before every `every`-th block of the generating stack (Alayrac et al. 2022, section 2.2).

    The stack is that of a GPT, or the decoder of a T5; a layer is inserted before block i (from 0) if i + 1 is a
    multiple of `every`. With `initial_gate` 0 the initial scores are exactly those of the language model alone. The
    condition is projected to the width D and normalised once for all layers.

    Parameters of the bridge: d D + 3 D from width d, and for each inserted layer those of `GatedCrossAttention`.
    """

    def __init__(
        self,
        *,
        language_model: LanguageModel,
        in_dim: int,
        every: Annotated[int, Field(ge=1)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
        initial_gate: float,
    ) -> None:
        super().__init__(language_model=language_model, in_dim=in_dim)
        depth = len(self._stack().layers)
        if every > depth:
            raise UserError(f"decoder.every: got {every}, and the model has {depth} layers; expected at most {depth}")
        self.ratio = feed_forward_ratio
        self.layer_indices = [i for i in range(depth) if (i + 1) % every == 0]
        layers = (
            GatedCrossAttention(
                dim=self.dim, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout, initial_gate=initial_gate
            )
            for _ in self.layer_indices
        )
        self.bridge = nn.ModuleDict(
            {
                "projection": nn.Linear(in_dim, self.dim),
                "norm": nn.LayerNorm(self.dim),
                "inserted": nn.ModuleList(layers),
            }
        )

    def _stack(self) -> Stack:
        stack: Stack = getattr(self.language_model, "stack" if self.direction == "causal" else "decoder")
        return stack

    def expected_parameters(self) -> int:
        """See the class."""
        d = self.dim
        return self.condition_dim * d + 3 * d + len(self.layer_indices) * gated_parameters(d, self.ratio)

    def start_cache(self, batch_size: int, capacity: int) -> ConditionedCache:
        """See `LanguageModel`."""
        return ConditionedCache(self.language_model.start_cache(batch_size, capacity), len(self.layer_indices))

    def _inserted(self, condition: Condition, rows: int, cache: ConditionedCache | None) -> Inserted:
        """Return the gated layers, bound to the condition, by the index of the block that follows."""
        check_condition(condition, rows, self.condition_dim)
        tokens, mask = condition
        memories: Sequence[LayerCache | None] = [None] * len(self.layer_indices) if cache is None else cache.memories
        if cache is None or cache.memories[0].memory is None:  # else its keys and values are cached
            tokens = self.bridge["norm"](self.bridge["projection"](zero_masked(tokens, mask)))  # (B, M, D)
        layers = cast(nn.ModuleList, self.bridge["inserted"])
        return {
            index: partial(layer, memory=tokens, mask=mask, cache=memory)
            for index, layer, memory in zip(self.layer_indices, layers, memories, strict=True)
        }

    def encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        cache: ConditionedCache | None = None,
        condition: Condition | None = None,
    ) -> Tensor:
        """See `LanguageModel` and `TextDecoder`; the encoder of a T5 reads the text only."""
        given: dict[str, Any] = {}
        if condition is not None and self.direction == "causal":
            given["inserted"] = self._inserted(condition, len(input_ids), cache)
        return self.language_model.encode(
            input_ids,
            attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            document_ids=document_ids,
            cache=None if cache is None else cache.words,
            **given,
        )

    def encode_source(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """See `LanguageModel`; the condition is used in `decode`."""
        return self.language_model.encode_source(input_ids, attention_mask)

    def decode(
        self,
        decoder_input_ids: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        *,
        decoder_mask: Tensor | None = None,
        cache: ConditionedCache | None = None,
        condition: Condition | None = None,
    ) -> Tensor:
        """See `LanguageModel` and `TextDecoder`."""
        given: dict[str, Any] = {}
        if condition is not None:
            given["inserted"] = self._inserted(condition, len(decoder_input_ids), cache)
        return self.language_model.decode(
            decoder_input_ids,
            memory,
            memory_mask,
            decoder_mask=decoder_mask,
            cache=None if cache is None else cache.words,
            **given,
        )
