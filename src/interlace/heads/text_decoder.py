"""Base class of decoders: a language model that generates text from the tokens of a fusion."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from interlace.errors import UserError
from interlace.models.base import LanguageModel, LanguageModelOutput, OutputProjection
from interlace.tokens import Condition


class TextDecoder(LanguageModel, ABC):
    """A language model conditioned on a `Condition` through a `bridge`; itself a language model with one more argument.

    `encode`, `decode` and `encode_source` take `condition` (tokens (B, M, `condition_dim`), mask (B, M)); without it,
    and for rows whose mask is all False, the result is that of the language model alone. A decoder has no state between
    calls except the caches of the caller, so that it can be used by several threads and with activation checkpointing.

    `language_model`: of a family that supports conditions (gpt, t5), pretrained or not. `expected_parameters`: the
    parameter count of the bridge by the formula of the class docstring.
    """

    def __init__(self, *, language_model: LanguageModel, in_dim: int) -> None:
        super().__init__()
        name = type(self).__name__
        if not language_model.takes_condition:
            raise UserError(
                f"{name}: a {language_model.family} model cannot read other modalities while it writes; "
                "choose a gpt or t5"
            )
        self.language_model = language_model
        self.condition_dim = in_dim
        self.family = language_model.family
        self.direction = language_model.direction  # type: ignore[misc]  # that of what is inside
        self.vocabulary_size, self.pad_id = language_model.vocabulary_size, language_model.pad_id
        self.max_length, self.dim = language_model.max_length, language_model.dim
        self.start_id = language_model.start_id

    @abstractmethod
    def expected_parameters(self) -> int:
        """Return the parameter count of the bridge."""

    def output_projection(self, hidden: Tensor) -> OutputProjection:
        """See `LanguageModel`."""
        return self.language_model.output_projection(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """See `LanguageModel`."""
        return self.language_model.logits(hidden)

    def cross_entropy_sum(self, hidden: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """See `LanguageModel`."""
        return self.language_model.cross_entropy_sum(hidden, labels, label_smoothing=label_smoothing)

    def start_cache(self, batch_size: int, capacity: int) -> Any:
        """See `LanguageModel`; `capacity` includes the positions of `num_prefix_tokens`."""
        return self.language_model.start_cache(batch_size, capacity)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        condition: Condition | None = None,
    ) -> LanguageModelOutput:
        """See `LanguageModel`: scores at the positions of `input_ids`, for seq2seq of `decoder_input_ids`."""
        given: dict[str, Any] = {} if condition is None else {"condition": condition}
        if self.direction == "seq2seq":
            if decoder_input_ids is None or document_ids is not None:
                raise UserError(f"a {self.family} model needs decoder_input_ids (B, T) and takes no document_ids")
            memory, memory_mask = self.encode_source(input_ids, attention_mask, **given)
            hidden = self.decode(decoder_input_ids, memory, memory_mask, **given)
        else:
            hidden = self.encode(
                input_ids, attention_mask, position_ids=position_ids, document_ids=document_ids, **given
            )
        return LanguageModelOutput(self.logits(hidden), hidden)


def check_condition(condition: Condition, rows: int, dim: int) -> None:
    """Raise UserError unless a condition has one row per text and tokens of width `dim`."""
    if condition.tokens.shape[0] != rows or condition.tokens.shape[2] != dim:
        raise UserError(
            f"condition: got {tuple(condition.tokens.shape)}; expected ({rows}, M, {dim}): a row for each text, and "
            "tokens as wide as the fusion makes them"
        )
