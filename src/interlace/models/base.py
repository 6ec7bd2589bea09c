"""What every language model is: token ids to hidden states, hidden states to scores of the vocabulary."""

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
    """Scores (B, T, V) of every position, and the hidden states (B, T, D) that they were made from."""

    logits: Tensor
    hidden: Tensor


class Output(NamedTuple):
    """What scores are made of: rows (..., D) times a matrix (V, D), transposed, plus a bias (V,)."""

    rows: Tensor
    weight: Tensor
    bias: Tensor | None = None


class Cache(Protocol):
    """What a model keeps of the tokens that it has read, so that the next one costs one step."""

    @property
    def length(self) -> int:
        """Tokens read so far, padding included."""

    def reorder(self, index: Tensor) -> None:
        """Row i becomes what row index[i] was; index (B',) int64 may repeat, drop or add rows (beam search)."""


class LanguageModel(nn.Module):
    """Base of all families.

    `family` names the architecture; `direction` says what is predicted; `max_length` is the longest sequence that
    has positions (None = any); `dim` is D; `options` rebuilds the model: `type(model)(**model.options)`.
    """

    family: str
    direction: ClassVar[Direction]
    #: Whether `heads` can make it write about a `Condition`: its code takes prefixes and what is inserted in stacks.
    takes_condition: ClassVar[bool] = False
    vocabulary_size: int
    pad_id: int | None
    #: Seq2seq only: the token that a decoder begins with; None: it has none of its own, and begins with padding.
    start_id: int | None = None
    max_length: int | None
    dim: int
    #: Kinds of tokens that `token_type_ids` may tell apart; 1: none.
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
        """Ids (B, T) -> hidden states before the output head, (B, T, D).

        `attention_mask` (B, T), 1 = real; without it every token is. `document_ids` (B, T): packed documents, each
        token sees its own document only and positions start anew with each. With `cache` (causal models) `input_ids`
        are the new tokens and `attention_mask` covers cached and new positions (B, T_total). Hidden states under the
        mask are finite and mean nothing.
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
        """`encode` at the positions (B, K) of each row alone, (B, K, D): a model may skip the rest."""
        hidden = self.encode(input_ids, attention_mask, token_type_ids=token_type_ids, document_ids=document_ids)
        return pick(hidden, positions)

    def logits(self, hidden: Tensor) -> Tensor:
        """Any rows of hidden states (..., D) -> scores (..., V)."""
        return F.linear(*self.output(hidden))

    def output(self, hidden: Tensor) -> Output:
        """The last product that makes scores of hidden states (..., D)."""
        raise NotImplementedError

    def cross_entropy_sum(self, hidden: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Sum of -log softmax(logits(hidden))[label] in nats over rows (N, D), labels (N,) of -100 left out.

        On CPUs faster and much leaner than by way of `logits`, which it equals: see `linear_cross_entropy`.
        """
        return linear_cross_entropy(*self.output(hidden), labels, label_smoothing=label_smoothing)

    def start_cache(self, batch_size: int, capacity: int) -> Cache:
        """An empty cache for `batch_size` sequences of up to `capacity` tokens (seq2seq: of the decoder)."""
        raise UserError(f"a {self.family} model predicts masked tokens and cannot generate; choose a gpt, t5 or lstm")

    def decode(
        self,
        decoder_input_ids: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        *,
        decoder_mask: Tensor | None = None,
        cache: Any = None,
    ) -> Tensor:
        """Seq2seq only: ids (B, T) and the encoder's memory (B, S, D) -> hidden states of the decoder (B, T, D)."""
        raise UserError(f"a {self.family} model has no decoder that reads a memory; choose a t5")

    def read(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, condition: Condition | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Seq2seq only: source ids (B, S) -> what `decode` takes as memory (B, S', D) and memory_mask (B, S').

        A `condition` is for models that read one (`interlace.heads`).
        """
        if condition is not None:
            raise UserError(f"condition: a {self.family} model alone reads words only; put a decoder around it")
        return self.encode(input_ids, attention_mask), attention_mask

    def num_prefix_tokens(self, condition: Condition) -> int:
        """How many positions of the context a condition takes; none unless it is read as tokens before the text."""
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
        """Ids (B, T) -> scores of every position; for seq2seq, of the positions of `decoder_input_ids` (B, T')."""
        if decoder_input_ids is not None:
            raise UserError(f"decoder_input_ids: a {self.family} model has no decoder; leave them out or choose a t5")
        hidden = self.encode(
            input_ids,
            attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            document_ids=document_ids,
        )
        return LanguageModelOutput(self.logits(hidden), hidden)

    def checkpoint_activations(self) -> None:
        """From now on training keeps only the inputs of each block and computes the rest again in the backward pass.

        Memory of activations falls from about 34 D bytes a token and layer to 2 D (Korthikanti et al. 2022, section
        4, in half precision); a step costs about one forward pass more (a third).
        """
        stacks = [module for module in self.modules() if isinstance(module, Stack)]
        if not stacks:
            raise UserError(f"a {self.family} model has no transformer blocks whose activations could be recomputed")
        for stack in stacks:
            stack.checkpointed = True

    def check_length(self, length: int) -> None:
        """UserError when a sequence of `length` tokens has no positions."""
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"a sequence of {length} tokens is longer than the {self.max_length} positions of this {self.family} "
                "model; cut it, or train a model with a larger max_length"
            )


def given_options(local_variables: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor from its `locals()`, taken on its first line."""
    return {name: value for name, value in local_variables.items() if name not in ("self", "__class__")}
