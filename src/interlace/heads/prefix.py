"""Decoder that reads the tokens of a fusion as a prefix of the text."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.heads.text_decoder import TextDecoder, check_condition
from interlace.models.base import LanguageModel
from interlace.models.t5 import T5
from interlace.nn.attention import zero_masked
from interlace.tokens import Condition


class PrefixDecoder(TextDecoder):
    """Tokens of a fusion, projected to the width of the embeddings, as prefix of the text (Liu et al. 2023, figure 1).

    In a GPT the prefix precedes the text like earlier tokens; in a T5 it precedes the input of the encoder.
    `num_layers` of the projector: 1 is linear (LLaVA), 2 the MLP with a GELU of LLaVA-1.5. Masked tokens have no
    position: positions count real tokens and the text only.

    Parameters of the bridge: d D + D + (n - 1) (D^2 + D) from width d to D with n layers. Cost: that of the
    language model for M more tokens.
    """

    def __init__(
        self, *, language_model: LanguageModel, in_dim: int, num_layers: Annotated[int, Field(ge=1, le=4)]
    ) -> None:
        super().__init__(language_model=language_model, in_dim=in_dim)
        self.num_layers = num_layers
        layers: list[nn.Module] = [nn.Linear(in_dim, self.dim)]
        for _ in range(num_layers - 1):
            layers += [nn.GELU(), nn.Linear(self.dim, self.dim)]
        self.bridge = nn.Sequential(*layers)

    def expected_parameters(self) -> int:
        """See the class."""
        d, n = self.dim, self.num_layers
        return self.condition_dim * d + d + (n - 1) * (d * d + d)

    def num_prefix_tokens(self, condition: Condition) -> int:
        """Return M. Only causal models need to count them: a T5's relative positions have no limit."""
        return condition.tokens.shape[1]

    def _prefix(self, condition: Condition, rows: int) -> Tensor:
        check_condition(condition, rows, self.condition_dim)
        prefix: Tensor = self.bridge(zero_masked(condition.tokens, condition.mask))  # (B, M, D)
        return prefix

    def encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        cache: Any = None,
        condition: Condition | None = None,
    ) -> Tensor:
        """See `LanguageModel` and `TextDecoder`. `attention_mask` and `position_ids` are those of the text only."""
        if condition is None:
            return self.language_model.encode(
                input_ids,
                attention_mask,
                token_type_ids=token_type_ids,
                position_ids=position_ids,
                document_ids=document_ids,
                cache=cache,
            )
        if document_ids is not None or token_type_ids is not None:
            raise UserError("document_ids, token_type_ids: texts with a prefix are neither packed nor typed; omit them")
        if self.direction == "seq2seq":
            return self.encode_source(input_ids, attention_mask, condition=condition)[0]
        past = cache.length if cache is not None else 0
        rows, length = input_ids.shape
        if attention_mask is None:
            words = max(past - condition.tokens.shape[1], 0) + length
            attention_mask = torch.ones(rows, words, dtype=torch.bool, device=input_ids.device)
        mask = torch.cat([condition.mask, attention_mask.bool()], 1)  # (B, M + T_total)
        given: dict[str, Any] = {} if past else {"prefix": self._prefix(condition, rows)}
        if position_ids is not None:
            position_ids = position_ids + condition.mask.sum(1, keepdim=True)
            if not past:
                before = (condition.mask.long().cumsum(1) - 1).clamp_min(0)
                position_ids = torch.cat([before, position_ids], 1)
        return self.language_model.encode(input_ids, mask, position_ids=position_ids, cache=cache, **given)

    def encode_source(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """See `LanguageModel`. With a condition the memory has its real tokens, then the text, then padding."""
        if condition is None:
            return self.language_model.encode_source(input_ids, attention_mask)
        model = self.language_model
        assert isinstance(model, T5), "the only sequence-to-sequence family that takes a condition"
        words = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        x = model.embedding(input_ids)
        x = torch.cat([self._prefix(condition, len(input_ids)).to(x.dtype), x], 1)  # (B, M + S, D)
        x, mask = padded_behind(x, torch.cat([condition.mask, words.bool()], 1))
        return model.encode_embedded(x, mask), mask

    def decode(
        self,
        decoder_input_ids: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        *,
        decoder_mask: Tensor | None = None,
        cache: Any = None,
        condition: Condition | None = None,
    ) -> Tensor:
        """See `LanguageModel`; the memory includes the condition."""
        return self.language_model.decode(
            decoder_input_ids, memory, memory_mask, decoder_mask=decoder_mask, cache=cache
        )


def padded_behind(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return x (B, N, D) with the real tokens of each row, by `mask` (B, N), moved to the front in order, and the mask.

    Relative positions then count real tokens only. Columns that are padding in every row are removed.
    """
    length = int(mask.sum(1).max()) if mask.device.type == "cpu" else mask.shape[1]
    order = mask.int().sort(dim=1, descending=True, stable=True).indices[:, :length]  # (B, N')
    x = x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.shape[2]))
    return x, mask.gather(1, order)
