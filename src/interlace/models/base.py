"""Base class of language models: token ids to hidden states, hidden states to logits."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.nn.linear_cross_entropy import linear_cross_entropy
from interlace.nn.stack import Stack, pick
from interlace.tokens import Condition

Direction = Literal["causal", "masked", "seq2seq"]


class LanguageModelOutput(NamedTuple):
    """Logits (B, T, V) of every position and the hidden states (B, T, D) they are computed from."""

    logits: Tensor
    hidden: Tensor


class OutputProjection(NamedTuple):
    """Operands of the final linear map: logits = hidden (..., D) times weight (V, D), transposed, plus bias (V,)."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None = None


class Cache(Protocol):
    """State of the tokens read so far, so that the next token costs one step."""

    @property
    def length(self) -> int:
        """Number of tokens read so far, padding included."""

    def reorder(self, index: Tensor) -> None:
        """Replace row i by the former row index[i]; index (B',) int64 may repeat or drop rows (beam search)."""


class LanguageModel(nn.Module):
    """Base class of all language-model families.

    `family` names the architecture; `direction` is the kind of prediction; `max_length` is the number of positions, the
    longest sequence (None = any); `dim` is D; `options` rebuilds the model: `type(model)(**model.options)`.
    """

    family: str
    direction: ClassVar[Direction]
    #: True if `heads` can condition the model on a `Condition`: `encode` or `decode` takes `prefix` or `inserted`.
    takes_condition: ClassVar[bool] = False
    vocabulary_size: int
    pad_id: int | None
    #: Seq2seq only: the token that the decoder starts with; None: the padding token.
    start_id: int | None = None
    max_length: int | None
    dim: int
    #: Number of token types of `token_type_ids`; 1: none.
    num_token_types: int = 1
    options: dict[str, Any]

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
        """Compute the hidden states before the output head, (B, T, D), from ids (B, T).

        `attention_mask` (B, T), 1 = real; None: all tokens are real. `document_ids` (B, T): packed documents; each
        token sees only its own document, and positions restart at 0 in each. With `cache` (causal models) `input_ids`
        are the new tokens and `attention_mask` covers cached and new positions (B, T_total). Hidden states at masked
        positions are finite but meaningless.
        """
        raise NotImplementedError

    def encode_at(
        self,
        positions: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        document_ids: Tensor | None = None,
    ) -> Tensor:
        """`encode` at the positions (B, K) of each row only, (B, K, D); a model may skip the computation of others."""
        hidden = self.encode(input_ids, attention_mask, token_type_ids=token_type_ids, document_ids=document_ids)
        return pick(hidden, positions)

    def logits(self, hidden: Tensor) -> Tensor:
        """Compute logits (..., V) from hidden states (..., D)."""
        return F.linear(*self.output_projection(hidden))

    def output_projection(self, hidden: Tensor) -> OutputProjection:
        """Operands of the linear map from hidden states (..., D) to logits."""
        raise NotImplementedError

    def cross_entropy_sum(self, hidden: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Sum of -log softmax(logits(hidden))[label] in nats over rows (N, D); labels (N,) of -100 are ignored.

        On CPUs this is faster than going through `logits` and needs much less memory; see `linear_cross_entropy`.
        """
        return linear_cross_entropy(*self.output_projection(hidden), labels, label_smoothing=label_smoothing)

    def start_cache(self, batch_size: int, capacity: int) -> Cache:
        """Return an empty cache for `batch_size` sequences of up to `capacity` tokens (seq2seq: of the decoder)."""
        raise UserError(f"a {self.family} model predicts masked tokens and cannot generate; choose gpt, t5 or lstm")

    def decode(
        self,
        decoder_input_ids: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        *,
        decoder_mask: Tensor | None = None,
        cache: Any = None,
    ) -> Tensor:
        """Seq2seq only: compute the decoder's hidden states (B, T, D) from ids (B, T) and memory (B, S, D)."""
        raise UserError(f"a {self.family} model has no decoder with cross-attention; choose t5")

    def encode_source(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Seq2seq only: compute memory (B, S', D) and memory_mask (B, S') for `decode` from source ids (B, S).

        Only models of `interlace.heads` accept a `condition`.
        """
        if condition is not None:
            raise UserError(f"condition: a {self.family} model alone accepts text only; wrap it in a decoder")
        return self.encode(input_ids, attention_mask), attention_mask

    def num_prefix_tokens(self, condition: Condition) -> int:
        """Number of positions that a condition takes; 0 unless it is read as tokens before the text."""
        return 0

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
        """Compute logits and hidden states of ids (B, T); for seq2seq, of `decoder_input_ids` (B, T')."""
        if decoder_input_ids is not None:
            raise UserError(f"decoder_input_ids: a {self.family} model has no decoder; leave them out or choose t5")
        hidden = self.encode(
            input_ids,
            attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            document_ids=document_ids,
        )
        return LanguageModelOutput(self.logits(hidden), hidden)

    def enable_activation_checkpointing(self) -> None:
        """Turn on activation checkpointing: keep only the inputs of each block and recompute the rest in the backward.

        The memory of activations falls from about 34 D bytes per token and layer to 2 D (Korthikanti et al. 2022,
        section 4, in half precision); a step costs about one more forward pass (a third).
        """
        stacks = [module for module in self.modules() if isinstance(module, Stack)]
        if not stacks:
            raise UserError(f"a {self.family} model has no transformer blocks to checkpoint; turn the option off")
        for stack in stacks:
            stack.checkpointed = True

    def check_length(self, length: int) -> None:
        """Raise UserError if a sequence of `length` tokens is longer than the model's positions."""
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"a sequence of {length} tokens is longer than the {self.max_length} positions of this {self.family} "
                "model; truncate it, or train a model with a larger max_length"
            )


def given_options(local_variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a constructor's arguments from its `locals()`, which must be taken on its first line."""
    return {name: value for name, value in local_variables.items() if name not in ("self", "__class__")}
