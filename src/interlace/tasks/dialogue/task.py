"""Replies in a conversation: overlap with the right reply, distinct n-grams, and choice of the right reply."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.answers import answer_f1
from interlace.metrics.candidates import candidate_ranks
from interlace.metrics.diversity import distinct
from interlace.metrics.text import SignedScore
from interlace.tasks.text_task import CandidateScore, TextTask, Trivial, WrittenTexts

RECALL_AT = (1, 2, 5)


class Dialogue(TextTask):
    """Replies to a conversation.

    F1 is the overlap of words with the right reply (Dinan et al. 2020, ConvAI2). Distinct-n is over all replies
    together (Li et al. 2016), beside that of the right replies (`distinct_n/reference`), which are not a maximum to
    reach but the value of text by people. `recall@k`: the share of contexts whose right reply is among the k that
    the model rates highest of `num_candidates` (Lowe et al. 2015, "1 in 10 R@k"); the others are drawn by `seed` from
    the replies of the split with another wording.
    """

    name = "dialogue"
    usual = ("f1", "distinct_1", "distinct_2", "recall@1", "recall@2", "recall@5", "mrr")

    def __init__(
        self,
        *,
        num_candidates: Annotated[int, Field(ge=2)],
        candidate_score: CandidateScore,
        seed: Annotated[int, Field(ge=0)],
    ) -> None:
        self.num_candidates = num_candidates
        self.candidate_score = candidate_score
        self.seed = seed

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return the F1 of each reply, [0, 1]; with scores of candidates recall at k and reciprocal rank."""
        pairs = list(zip(written.texts, written.pairs.references, strict=True))
        items = {"f1": np.array([max(answer_f1(text, answer) for answer in given) for text, given in pairs])}
        if written.candidate_scores is not None:
            ranks = candidate_ranks(written.candidate_scores)
            items |= {f"recall@{k}": ranks.recall(k) for k in RECALL_AT if k < self.num_candidates}
            items["mrr"] = ranks.reciprocal()
        return items

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return distinct-1 and distinct-2 of the replies and of the right replies, [0, 1]."""
        signature = "words between white space, lower case|n-grams within a reply|unique / all"
        found = {}
        for n in (1, 2):
            found[f"distinct_{n}"] = SignedScore(distinct(written.texts, n), signature)
            found[f"distinct_{n}/reference"] = SignedScore(distinct(written.pairs.targets, n), "")
        return found

    def signatures(self) -> Mapping[str, str]:
        """Return the normalisation of F1, and how candidates are drawn."""
        drawn = f"{self.num_candidates} candidates|drawn from the split|seed:{self.seed}|ties: their expectation"
        ranked = [f"recall@{k}" for k in RECALL_AT if k < self.num_candidates]
        return {
            "f1": "squad normalisation (case, punctuation, English articles)",
            **dict.fromkeys([*ranked, "mrr"], drawn),
        }

    def candidates(self, pairs: Pairs) -> list[list[str]]:
        """Return `num_candidates` replies for each context (N,), the right one first."""
        different = {_plain(text): text for text in pairs.targets}
        if len(different) < self.num_candidates:
            raise UserError(
                f"task.num_candidates: got {self.num_candidates}, and the split has {len(different)} different "
                "replies; lower it"
            )
        keys, texts = list(different), list(different.values())
        place = {key: index for index, key in enumerate(keys)}
        found = []
        for row, right in enumerate(pairs.targets):
            rng = np.random.Generator(np.random.PCG64([self.seed, row]))
            others = rng.choice(len(keys) - 1, self.num_candidates - 1, replace=False)
            others += others >= place[_plain(right)]  # skips the right one
            found.append([right, *(texts[int(i)] for i in others)])
        return found

    def trivial(self, train: Pairs, test: Pairs) -> Trivial:
        """Return the most frequent reply of training."""
        counts = Counter(train.targets)
        best = min(counts, key=lambda text: (-counts[text], text))
        return Trivial(f"most frequent reply ({best})", [best] * len(test))


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
