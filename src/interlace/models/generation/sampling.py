"""Greedy decoding and sampling: one token a row a step, finished rows drop out."""

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from interlace.models.generation.processors import BANNED, LogitsProcessor, process
from interlace.models.generation.results import Continuation
from interlace.models.generation.steps import Steps

Choose = Callable[[Tensor, Sequence[torch.Generator]], Tensor]


def continue_rows(
    steps: Steps,
    history: Tensor,
    rows: Sequence[Continuation],
    processors: Sequence[LogitsProcessor],
    generators: Sequence[torch.Generator] | None,
) -> None:
    """Extends each row until it ends. `history` (P, T) holds P prompts; rows are P times the same number of copies.

    Greedy without `generators`; else row i draws from generators[i] alone, one number a step, so that what else is
    in the batch cannot change it.
    """
    logits = steps.next_logits(history)  # (P, V): copies of a prompt share its first pass
    if len(rows) > len(history):
        index = torch.arange(len(history), device=history.device).repeat_interleave(len(rows) // len(history))
        steps.select(index)
        history, logits = history[index], logits[index]
    live = list(range(len(rows)))
    while True:
        scores = process(processors, history, logits)  # (R, V)
        tokens = scores.argmax(1) if generators is None else draw(scores, [generators[row] for row in live])
        _extend([rows[row] for row in live], tokens, logits, scores)
        kept = [place for place, row in enumerate(live) if rows[row].reason is None]
        if not kept:
            return
        history = torch.cat([history, tokens[:, None]], 1)
        if len(kept) < len(live):
            index = torch.tensor(kept, device=history.device)
            steps.select(index)
            history = history[index]
            live = [live[place] for place in kept]
        logits = steps.next_logits(history)


def _extend(rows: Sequence[Continuation], tokens: Tensor, logits: Tensor, scores: Tensor) -> None:
    """Gives each row its token, or ends it where all tokens are banned."""
    chosen = tokens[:, None]
    log_probabilities = logits.log_softmax(1).gather(1, chosen)[:, 0].tolist()
    blocked = (scores.gather(1, chosen)[:, 0] == BANNED).tolist()
    for row, token, log_probability, nothing_left in zip(
        rows, tokens.tolist(), log_probabilities, blocked, strict=True
    ):
        if nothing_left:
            row.block()
        else:
            row.add(token, log_probability)


def draw(scores: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """One token a row of logits (R, V) -> (R,), by inverting the cumulated probabilities at one uniform number a row.

    In float64, so that the rounding of a sum over a large vocabulary cannot favour any token; a banned token (-inf)
    adds nothing to the sum and is never met. A row with every token banned gives any banned token.
    """
    uniform = torch.stack([torch.rand((), dtype=torch.float64, generator=generator) for generator in generators])
    best = scores.amax(1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
    cumulated = (scores - best).double().exp().cumsum(1)  # (R, V)
    total = cumulated[:, -1:]
    place = torch.minimum(uniform.to(total.device)[:, None] * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cumulated, place, right=True)[:, 0].clamp(max=scores.shape[1] - 1)


def generator_of(seed: int, prompt: Sequence[int], sequence: int) -> torch.Generator:
    """The random numbers of one continuation: a function of seed, prompt and its number among the prompt's own.

    Different prompts get unrelated numbers from one seed; the same prompt always gets the same.
    """
    key = f"{seed} {sequence} {' '.join(map(str, prompt))}"
    digest = hashlib.sha256(key.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
