"""Greedy decoding and sampling: one token per row and step; finished rows are removed."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

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
) -> Iterator[None]:
    """Extend each row until it ends, and yield after each token; `history` (P, T) holds P prompts, `rows` the same
    number of copies of each.

    Greedy without `generators`; else row i draws only from generators[i], one number per step, so that its result does
    not depend on the rest of the batch.
    """
    logits = steps.next_logits(history)  # (P, V): copies of a prompt share the first forward pass
    if len(rows) > len(history):
        index = torch.arange(len(history), device=history.device).repeat_interleave(len(rows) // len(history))
        steps.select(index)
        history, logits = history[index], logits[index]
    live = list(range(len(rows)))
    while True:
        scores = process(processors, history, logits)  # (R, V)
        tokens = scores.argmax(1) if generators is None else draw(scores, [generators[row] for row in live])
        _extend([rows[row] for row in live], tokens, logits, scores)
        yield
        kept = [i for i, row in enumerate(live) if rows[row].reason is None]
        if not kept:
            return
        history = torch.cat([history, tokens[:, None]], 1)
        if len(kept) < len(live):
            index = torch.tensor(kept, device=history.device)
            steps.select(index)
            history = history[index]
            live = [live[i] for i in kept]
        logits = steps.next_logits(history)


def _extend(rows: Sequence[Continuation], tokens: Tensor, logits: Tensor, scores: Tensor) -> None:
    """Append its token to each row, or end the row where all tokens are banned."""
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
    """Draw one token (R,) for each row of logits (R, V) by inverse transform sampling with one uniform number per row.

    It computes in float64, so that rounding in a sum over a large vocabulary favours no token; a banned token (-inf)
    has probability zero and is never drawn. A row with every token banned gives any banned token.
    """
    uniform = torch.stack([torch.rand((), dtype=torch.float64, generator=generator) for generator in generators])
    best = scores.amax(1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
    cumulated = (scores - best).double().exp().cumsum(1)  # (R, V)
    total = cumulated[:, -1:]
    below_total = torch.nextafter(total, torch.zeros_like(total))
    target = torch.minimum(uniform.to(total.device)[:, None] * total, below_total)
    return torch.searchsorted(cumulated, target, right=True)[:, 0].clamp(max=scores.shape[1] - 1)


def generator_of(seed: int, prompt: Sequence[int], sequence: int) -> torch.Generator:
    """Return the random generator of one continuation, a function of seed, prompt and index of the continuation.

    Different prompts get unrelated numbers from one seed; the same prompt always gets the same numbers.
    """
    key = f"{seed} {sequence} {' '.join(map(str, prompt))}"
    digest = hashlib.sha256(key.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
