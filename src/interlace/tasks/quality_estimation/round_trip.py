"""Round trip: translations are translated back and compared with their sources."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from interlace.errors import UserError
from interlace.metrics.text import sentence_chrf

BATCH = 64


def round_trip(run: str, sources: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Return the chrF (N,) of each source with what the run makes of its translation by greedy search.

    Raises UserError for a run that is no encoder-decoder.
    """
    from interlace.models.generation import GenerationOptions, generate
    from interlace.pretrained.parents import load_with_tokenizer

    model, tokenizer = load_with_tokenizer(Path(run))
    end = tokenizer.eos_id
    if getattr(model, "direction", "causal") != "seq2seq" or end is None:
        raise UserError(
            f"task.back: {run} translates nothing; give a run of objective=text_to_text in the other direction"
        )
    options = GenerationOptions(max_new_tokens=128)
    back: list[str] = []
    for start in range(0, len(texts), BATCH):
        ids = [[*tokenizer.encode(text), end] for text in texts[start : start + BATCH]]
        made = generate(
            model, ids, options, eos_id=end, pad_id=tokenizer.pad_id, seed=[0] * len(ids),
            decode=tokenizer.decode,
        )  # fmt: skip
        back += [result.text or "" for result in made]
    return sentence_chrf(back, [[source] for source in sources])
