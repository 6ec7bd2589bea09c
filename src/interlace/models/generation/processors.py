"""Logits processors: small functions of what was said so far and the scores of what may come next.

Each takes `history` (R, T), the ids of prompt and continuation with -1 where a row is padded on its left, and
`logits` (R, V), and returns new (R, V). `-inf` bans a token. Names, formulas and order are those of the transformers
library, so that options mean here what they mean there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.models.generation.options import GenerationOptions

LogitsProcessor = Callable[[Tensor, Tensor], Tensor]
PADDING = -1
BANNED = -torch.inf


def build_processors(
    options: GenerationOptions, *, prompt_columns: int, eos_id: int | None
) -> tuple[LogitsProcessor, ...]:
    """The processors that options ask for, in order; `prompt_columns` is the width of the histories at the start."""
    processors: list[LogitsProcessor] = []
    if options.repetition_penalty != 1.0:
        processors.append(RepetitionPenalty(options.repetition_penalty))
    if options.no_repeat_ngram_size is not None:
        processors.append(NoRepeatNgram(options.no_repeat_ngram_size))
    if options.suppress_tokens:
        processors.append(SuppressTokens(options.suppress_tokens))
    if options.min_new_tokens and eos_id is not None:
        processors.append(MinNewTokens(options.min_new_tokens, prompt_columns, eos_id))
    if options.sample:
        if options.temperature != 1.0:
            processors.append(Temperature(options.temperature))
        if options.top_k is not None:
            processors.append(TopK(options.top_k))
        if options.top_p is not None and options.top_p < 1.0:
            processors.append(TopP(options.top_p))
        if options.min_p is not None:
            processors.append(MinP(options.min_p))
    return tuple(processors)


def process(processors: Sequence[LogitsProcessor], history: Tensor, logits: Tensor) -> Tensor:
    """Logits (R, V) through all processors in turn."""
    for processor in processors:
        logits = processor(history, logits)
    return logits


@dataclass(frozen=True)
class RepetitionPenalty:
    """Tokens of the history: logit / penalty when positive, logit * penalty when negative (Keskar et al. 2019)."""

    penalty: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        penalised = torch.where(logits < 0, logits * self.penalty, logits / self.penalty)
        return torch.where(_occurs(history, history >= 0, logits), penalised, logits)


@dataclass(frozen=True)
class NoRepeatNgram:
    """Bans each token that would complete an n-gram the history already holds."""

    size: int

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        columns = history.shape[1]
        if columns < self.size:
            return logits
        prefix = history[:, columns - self.size + 1 :]  # (R, n - 1): what the next token would complete
        windows = history.unfold(1, self.size, 1)  # (R, T - n + 1, n)
        same = (windows[..., :-1] == prefix[:, None]).all(-1) & (windows >= 0).all(-1)
        return logits.masked_fill(_occurs(windows[..., -1], same, logits), BANNED)


def _occurs(ids: Tensor, chosen: Tensor, logits: Tensor) -> Tensor:
    """(R, V) bool: the ids (R, N) under True of `chosen` (R, N). What is not chosen goes to a spare last column."""
    spare = logits.shape[1]
    found = torch.zeros(len(ids), spare + 1, dtype=torch.bool, device=logits.device)
    found.scatter_(1, torch.where(chosen, ids, spare).clamp(max=spare), True)
    return found[:, :spare]


@dataclass(frozen=True)
class SuppressTokens:
    """Bans fixed ids."""

    ids: tuple[int, ...]

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        return logits.index_fill(1, torch.tensor(self.ids, device=logits.device), BANNED)


@dataclass(frozen=True)
class MinNewTokens:
    """Bans the end token until the continuation has `minimum` tokens."""

    minimum: int
    prompt_columns: int
    eos_id: int

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        if history.shape[1] - self.prompt_columns >= self.minimum:
            return logits
        return logits.index_fill(1, torch.tensor([self.eos_id], device=logits.device), BANNED)


@dataclass(frozen=True)
class Temperature:
    """(logits - max) / temperature: without the shift a small temperature would overflow to inf - inf."""

    temperature: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        best = logits.amax(1, keepdim=True).clamp(min=torch.finfo(logits.dtype).min)  # finite when all are banned
        return (logits - best) / self.temperature


@dataclass(frozen=True)
class TopK:
    """Keeps the k best, and what ties with the k-th (Fan et al. 2018)."""

    k: int

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        worst_kept = logits.topk(min(self.k, logits.shape[1]))[0][:, -1:]
        return logits.masked_fill(logits < worst_kept, BANNED)


@dataclass(frozen=True)
class TopP:
    """Keeps the smallest set of best tokens whose mass is at least p (nucleus sampling, Holtzman et al. 2020)."""

    p: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        ascending, order = logits.sort(1)
        dropped = ascending.softmax(1).cumsum(1) <= 1.0 - self.p
        dropped[:, -1] = False  # the best token stays
        return logits.masked_fill(dropped.scatter(1, order, dropped), BANNED)


@dataclass(frozen=True)
class MinP:
    """Keeps tokens with at least `share` of the best token's probability (Nguyen et al. 2024)."""

    share: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        probabilities = F.softmax(logits, 1)
        return logits.masked_fill(probabilities < self.share * probabilities.amax(1, keepdim=True), BANNED)
