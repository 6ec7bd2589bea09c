"""Beam search over whole batches, with the semantics of the transformers library's `generate`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from interlace.models.generation.options import GenerationOptions
from interlace.models.generation.processors import BANNED, LogitsProcessor, process
from interlace.models.generation.results import Reason, ending
from interlace.models.generation.steps import Steps


class Candidate(NamedTuple):
    """A running hypothesis with one more token."""

    score: float  # sum of log p as the options changed it
    log_probability: float  # sum of the model's own log p
    beam: int  # which running hypothesis of its prompt it extends
    token: int
    tokens: list[int]


class Hypothesis(NamedTuple):
    """A finished continuation; `score` is log p / length^length_penalty."""

    score: float
    log_probability: float
    tokens: list[int]
    reason: Reason


@dataclass
class PromptBeams:
    """The hypotheses of one prompt. `running` are its K beams, best first; spare ones have the score -inf."""

    options: GenerationOptions
    eos_id: int | None
    limit: int
    running: list[Candidate] = field(default_factory=list)
    finished: list[Hypothesis] = field(default_factory=list)
    done: bool = False

    def __post_init__(self) -> None:
        first = Candidate(0.0, 0.0, 0, -1, [])
        # All beams start alike: without -inf for the others each would be extended by the same tokens.
        self.running = [first, *[first._replace(score=BANNED)] * (self.options.num_beams - 1)]

    def advance(self, candidates: Sequence[Candidate]) -> None:
        """Takes the 2 K best extensions, best first; sets `running`, `finished` and `done`.

        2 K, because at most K of them end with the end token, and K must go on. Only an ending among the best K
        counts as finished: a worse one stands behind K running hypotheses.
        """
        width = self.options.num_beams
        previous, running = self.running, []
        for rank, candidate in enumerate(candidates):
            if candidate.score == BANNED:
                break
            reason, surplus = ending(
                candidate.tokens,
                eos_id=self.eos_id,
                stops=self.options.stop_sequences,
                minimum=self.options.min_new_tokens,
                limit=self.limit,
            )
            if reason is None:
                running.append(candidate)
            elif rank < width:
                self._finish(candidate, reason, surplus)
        self.running = running[:width]
        if not running:
            self.done = True
            self._fill(previous)
        else:
            self.running += [running[-1]._replace(score=BANNED)] * (width - len(self.running))
            self.done = self._nothing_to_gain()

    def _finish(self, candidate: Candidate, reason: Reason, surplus: int) -> None:
        """Keeps the K best finished; their length counts what ended them."""
        length = max(len(candidate.tokens), 1)
        tokens = candidate.tokens[: len(candidate.tokens) - surplus]
        score = candidate.score / length**self.options.length_penalty
        self.finished.append(Hypothesis(score, candidate.log_probability, tokens, reason))
        self.finished.sort(key=lambda hypothesis: hypothesis.score, reverse=True)
        del self.finished[self.options.num_beams :]

    def _fill(self, beams: Sequence[Candidate]) -> None:
        """When no token may follow: the hypotheses so far stand in for what could not be finished."""
        for beam in beams:
            if beam.score > BANNED and len(self.finished) < self.options.num_return_sequences:
                self._finish(beam, "blocked", 0)

    def _nothing_to_gain(self) -> bool:
        if len(self.finished) < self.options.num_beams:
            return False
        if self.options.early_stopping is True:
            return True
        length = len(self.running[0].tokens)
        if self.options.early_stopping == "never" and self.options.length_penalty > 0:
            length = self.limit
        return self.running[0].score / length**self.options.length_penalty <= self.finished[-1].score


def beam_search(
    steps: Steps,
    history: Tensor,
    limits: Sequence[int],
    options: GenerationOptions,
    processors: Sequence[LogitsProcessor],
    eos_id: int | None,
) -> list[list[Hypothesis]]:
    """For each of P prompts, `history` (P, T), its num_return_sequences best continuations, best first.

    At each step the K running hypotheses of a prompt are extended by every token, the 2 K best sums of log p are
    looked at, and finished prompts drop out. Processors see log probabilities, as in the transformers library.
    """
    beams = [PromptBeams(options, eos_id, limit) for limit in limits]
    live, width = list(range(len(beams))), options.num_beams
    index = torch.arange(len(beams), device=history.device).repeat_interleave(width)
    logits = steps.next_logits(history)[index]  # (P K, V): the beams of a prompt share its first pass
    steps.select(index)
    history = history[index]
    while True:
        own = logits.log_softmax(1)
        candidates = _extensions(own, process(processors, history, own), [beams[prompt] for prompt in live])
        for prompt, extensions in zip(live, candidates, strict=True):
            beams[prompt].advance(extensions)
        kept = [place for place, prompt in enumerate(live) if not beams[prompt].done]
        if not kept:
            return [item.finished[: options.num_return_sequences] for item in beams]
        moves = [(place * width + beam.beam, beam.token) for place in kept for beam in beams[live[place]].running]
        parents, tokens = torch.tensor(moves, device=history.device).unbind(1)
        history = torch.cat([history[parents], tokens[:, None]], 1)
        steps.select(parents, same_prompt=len(kept) == len(live))
        live = [live[place] for place in kept]
        logits = steps.next_logits(history)


def _extensions(own: Tensor, scores: Tensor, beams: Sequence[PromptBeams]) -> list[list[Candidate]]:
    """The 2 K best extensions of each prompt's beams: log p of the model and as processed, both (P K, V)."""
    width, vocabulary = beams[0].options.num_beams, own.shape[1]
    sums = torch.tensor([[beam.score for beam in item.running] for item in beams], device=own.device)  # (P, K)
    total = (sums[:, :, None] + scores.unflatten(0, (-1, width))).flatten(1)  # (P, K V)
    best, places = total.topk(min(2 * width, total.shape[1]), 1)
    log_probabilities = own.unflatten(0, (-1, width)).flatten(1).gather(1, places).tolist()
    result = []
    for item, values, row, logs in zip(beams, best.tolist(), places.tolist(), log_probabilities, strict=True):
        extensions = []
        for score, place, log_probability in zip(values, row, logs, strict=True):
            beam, token = divmod(place, vocabulary)
            parent = item.running[beam]
            extensions.append(
                Candidate(score, parent.log_probability + log_probability, beam, token, [*parent.tokens, token])
            )
        result.append(extensions)
    return result
