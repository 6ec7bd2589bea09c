"""Logits processors: functions of the tokens so far and the logits of the next token.

Each takes `history` (R, T), the ids of prompt and continuation with -1 for padding on the left, and `logits` (R, V),
and returns new logits (R, V). `-inf` bans a token. Names, formulas and order are those of the transformers library, so
that options have the same meaning.
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
    """Return the processors for the options, in order; `prompt_columns` is the width of the initial histories."""
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
    """Apply all processors in order to logits (R, V)."""
    for processor in processors:
        logits = processor(history, logits)
    return logits


@dataclass(frozen=True)
class RepetitionPenalty:
    """Penalises past tokens: logit / penalty if positive, logit * penalty if negative (Keskar et al. 2019)."""

    penalty: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        penalised = torch.where(logits < 0, logits * self.penalty, logits / self.penalty)
        return torch.where(_occurs(history, history >= 0, logits), penalised, logits)


@dataclass(frozen=True)
class NoRepeatNgram:
    """Bans each token that would complete an n-gram already in the history."""

    size: int

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        columns = history.shape[1]
        if columns < self.size:
            return logits
        prefix = history[:, columns - self.size + 1 :]  # (R, n - 1): the n-gram without its last token
        windows = history.unfold(1, self.size, 1)  # (R, T - n + 1, n)
        same = (windows[..., :-1] == prefix[:, None]).all(-1) & (windows >= 0).all(-1)
        return logits.masked_fill(_occurs(windows[..., -1], same, logits), BANNED)


def _occurs(ids: Tensor, selected: Tensor, logits: Tensor) -> Tensor:
    """Mask (R, V) bool of the ids (R, N) where `selected` (R, N); other ids go to a spare last column, cut off."""
    spare = logits.shape[1]
    found = torch.zeros(len(ids), spare + 1, dtype=torch.bool, device=logits.device)
    found.scatter_(1, torch.where(selected, ids, spare).clamp(max=spare), True)
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
    """Computes (logits - max) / temperature; without the shift a small temperature would overflow to inf - inf."""

    temperature: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        best = logits.amax(1, keepdim=True).clamp(min=torch.finfo(logits.dtype).min)  # finite when all are banned
        return (logits - best) / self.temperature


@dataclass(frozen=True)
class TopK:
    """Keeps the k most probable tokens and those that tie with the k-th (Fan et al. 2018)."""

    k: int

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        worst_kept = logits.topk(min(self.k, logits.shape[1]))[0][:, -1:]
        return logits.masked_fill(logits < worst_kept, BANNED)


@dataclass(frozen=True)
class TopP:
    """Keeps the smallest set of most probable tokens with mass at least p (nucleus sampling, Holtzman et al. 2020)."""

    p: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        ascending, order = logits.sort(1)
        dropped = ascending.softmax(1).cumsum(1) <= 1.0 - self.p
        dropped[:, -1] = False  # the most probable token is always kept
        return logits.masked_fill(dropped.scatter(1, order, dropped), BANNED)


@dataclass(frozen=True)
class MinP:
    """Keeps tokens with at least `share` of the highest probability (Nguyen et al. 2024)."""

    share: float

    def __call__(self, history: Tensor, logits: Tensor) -> Tensor:
        """(R, T), (R, V) -> (R, V)."""
        probabilities = F.softmax(logits, 1)
        return logits.masked_fill(probabilities < self.share * probabilities.amax(1, keepdim=True), BANNED)
