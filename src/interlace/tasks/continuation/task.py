"""Continuations of prompts from held-out text: repetition and diversity beside the text's own."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.metrics.diversity import distinct, sequence_repetition
from interlace.metrics.text import SignedScore
from interlace.tasks.text_task import TextTask, WrittenTexts

WORDS = "words between white space, lower case"
N = 4  # of seq-rep-n, as reported by Welleck et al. 2020


class Continuation(TextTask):
    """Texts that continue `num_prompts` prompts of `prompt_tokens` tokens, taken evenly from the test text.

    `seq_rep_4`: repeated 4-grams of words within a continuation, the mean over continuations (Welleck et al. 2020).
    `distinct_n`: different n-grams of all continuations (Li et al. 2016). `length/written`: mean number of words.
    Each stands beside the value of the held-out continuations, `.../reference`, of as many tokens: text that reads well
    is near it, not at 0 or 1.
    """

    name = "continuation"
    usual = ("seq_rep_4", "distinct_1", "distinct_2", "distinct_3")
    continues = True

    def __init__(self, *, num_prompts: Annotated[int, Field(ge=1)], prompt_tokens: Annotated[int, Field(ge=1)]) -> None:
        self.num_prompts = num_prompts
        self.prompt_tokens = prompt_tokens

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return seq-rep-4 of each continuation, [0, 1]; NaN for one of fewer than four words."""
        return {"seq_rep_4": _repetitions(written.texts)}

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return distinct-1 to 3, the same of the held-out continuations, and lengths in words."""
        held_out = written.pairs.targets
        found = {
            "seq_rep_4/reference": SignedScore(_mean(_repetitions(held_out)), ""),
            "length/written": SignedScore(float(np.mean([len(text.split()) for text in written.texts])), ""),
            "length/reference": SignedScore(float(np.mean([len(text.split()) for text in held_out])), ""),
        }
        for n in (1, 2, 3):
            found[f"distinct_{n}"] = SignedScore(distinct(written.texts, n), WORDS)
            found[f"distinct_{n}/reference"] = SignedScore(distinct(held_out, n), "")
        return found

    def signatures(self) -> Mapping[str, str]:
        """Return the definition of words."""
        return {"seq_rep_4": WORDS}


def _repetitions(texts: Sequence[str]) -> np.ndarray:
    return np.array([sequence_repetition(text.lower().split(), N) for text in texts])


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
