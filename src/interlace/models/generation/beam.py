"""Batched beam search with the semantics of `generate` of the transformers library."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from interlace.models.generation.options import GenerationOptions
from interlace.models.generation.processors import BANNED, LogitsProcessor, process
from interlace.models.generation.results import Reason, ending
from interlace.models.generation.steps import Steps

GROUP = 64  # tokens of a group whose best is taken first


class Candidate(NamedTuple):
    """A running hypothesis extended by one token."""

    score: float  # sum of log p after the logits processors
    log_probability: float  # sum of log p of the model itself
    beam: int  # index of the running hypothesis that it extends
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
    """Hypotheses of one prompt. `running` are its K beams, best first; unused beams have the score -inf."""

    options: GenerationOptions
    eos_id: int | None
    limit: int
    running: list[Candidate] = field(default_factory=list)
    finished: list[Hypothesis] = field(default_factory=list)
    done: bool = False

    def __post_init__(self) -> None:
        first = Candidate(0.0, 0.0, 0, -1, [])
        # All beams start equal: without -inf for the others, each would be extended by the same tokens.
        self.running = [first, *[first._replace(score=BANNED)] * (self.options.num_beams - 1)]

    def advance(self, candidates: Sequence[Candidate]) -> None:
        """Update `running`, `finished` and `done` with the 2 K best extensions, best first.

        2 K, because at most K of them end with the end token and K must continue. An extension that ends is finished
        only if it is among the best K: a worse one ranks behind K running hypotheses.
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
        """Add a finished hypothesis and keep the K best; its length counts the end token or stop sequence."""
        length = max(len(candidate.tokens), 1)
        tokens = candidate.tokens[: len(candidate.tokens) - surplus]
        score = candidate.score / length**self.options.length_penalty
        self.finished.append(Hypothesis(score, candidate.log_probability, tokens, reason))
        self.finished.sort(key=lambda hypothesis: hypothesis.score, reverse=True)
        del self.finished[self.options.num_beams :]

    def _fill(self, beams: Sequence[Candidate]) -> None:
        """Finish the present beams when every next token is banned, until there are enough results."""
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
    """Return the num_return_sequences best continuations of each of P prompts, `history` (P, T), best first.

    At each step the K running hypotheses of a prompt are extended by every token, the 2 K best sums of log p are
    considered, and finished prompts are removed. Processors get log probabilities, as in the transformers library.
    """
    beams = [PromptBeams(options, eos_id, limit) for limit in limits]
    live, width = list(range(len(beams))), options.num_beams
    index = torch.arange(len(beams), device=history.device).repeat_interleave(width)
    logits = steps.next_logits(history)[index]  # (P K, V): the beams of a prompt share the first forward pass
    steps.select(index)
    history = history[index]
    while True:
        log_probabilities = logits.log_softmax(1)
        scores = process(processors, history, log_probabilities)
        candidates = _extensions(log_probabilities, scores, [beams[prompt] for prompt in live])
        for prompt, extensions in zip(live, candidates, strict=True):
            beams[prompt].advance(extensions)
        kept = [row for row, prompt in enumerate(live) if not beams[prompt].done]
        if not kept:
            return [item.finished[: options.num_return_sequences] for item in beams]
        chosen = [(row * width + beam.beam, beam.token) for row in kept for beam in beams[live[row]].running]
        parents, tokens = torch.tensor(chosen, device=history.device).unbind(1)
        history = torch.cat([history[parents], tokens[:, None]], 1)
        steps.select(parents, same_prompt=len(kept) == len(live))
        live = [live[row] for row in kept]
        logits = steps.next_logits(history)


def largest_sums(sums: Tensor, scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the n largest of the sums[p, k] + scores[p K + k, v] of each prompt, (P, n) descending, and their indices
    k V + v, given sums (P, K) and scores (P K, V).

    The groups of tokens with the n largest maxima hold them: `topk` of all K V takes several times as long on CPUs.
    """
    prompts, width = sums.shape
    vocabulary, device = scores.shape[1], scores.device
    groups = vocabulary // GROUP
    if groups < n:
        return (sums[:, :, None] + scores.unflatten(0, (prompts, width))).flatten(1).topk(n, 1)
    grouped = groups * GROUP
    maxima = scores[:, :grouped].unflatten(1, (groups, GROUP)).amax(2).unflatten(0, (prompts, width))
    beam_and_group = (sums[:, :, None] + maxima).flatten(1).topk(n, 1).indices  # (P, n)
    first = beam_and_group // groups * vocabulary + beam_and_group % groups * GROUP
    inside = first[:, :, None] + torch.arange(GROUP, device=device)  # (P, n, GROUP)
    rest = torch.arange(width, device=device)[:, None] * vocabulary + torch.arange(grouped, vocabulary, device=device)
    indices = torch.cat([inside.flatten(1), rest.flatten().expand(prompts, -1)], 1)
    total = sums.gather(1, indices // vocabulary) + scores.unflatten(0, (prompts, width)).flatten(1).gather(1, indices)
    best, places = total.topk(n, 1)
    return best, indices.gather(1, places)


def _extensions(log_probabilities: Tensor, scores: Tensor, beams: Sequence[PromptBeams]) -> list[list[Candidate]]:
    """Return the 2 K best extensions of each prompt's beams, given log p before and after processing, (P K, V) each."""
    width, vocabulary = beams[0].options.num_beams, scores.shape[1]
    sums = torch.tensor([[beam.score for beam in item.running] for item in beams], device=scores.device)  # (P, K)
    best, indices = largest_sums(sums, scores, min(2 * width, width * vocabulary))
    unprocessed = log_probabilities.unflatten(0, (-1, width)).flatten(1).gather(1, indices).tolist()
    result = []
    for item, values, row, logs in zip(beams, best.tolist(), indices.tolist(), unprocessed, strict=True):
        extensions = []
        for score, index, log_probability in zip(values, row, logs, strict=True):
            beam, token = divmod(index, vocabulary)
            parent = item.running[beam]
            extensions.append(
                Candidate(score, parent.log_probability + log_probability, beam, token, [*parent.tokens, token])
            )
        result.append(extensions)
    return result
