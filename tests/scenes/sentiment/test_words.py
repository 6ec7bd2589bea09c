from collections import Counter
from itertools import product

import numpy as np
import pytest

from interlace.scenes.sentiment.facts import CHANNELS, LEVELS
from interlace.scenes.sentiment.words import (
    CLAUSES,
    NUM_CLAUSES,
    NUM_OPINIONS,
    OPINIONS,
    TOPICS,
    all_utterances,
    draw_utterances,
    utterance,
)


def test_verbs_agree_with_their_nouns_in_every_sentence() -> None:
    for level, channel, topic, opinion, clause in product(
        LEVELS, CHANNELS, range(len(TOPICS)), range(NUM_OPINIONS), range(NUM_CLAUSES)
    ):
        text = utterance(level, channel, topic, opinion, clause)
        noun, plural = TOPICS[topic]
        assert plural == noun.endswith("s")
        assert f"the {noun}" in text or text.startswith(f"The {noun}")
        if not text.startswith("I "):
            assert text.split()[2] == ("are" if plural else "is"), text
        assert text[0].isupper()
        assert text.endswith(".")
        assert text.count(",") == 1
        assert "{" not in text
        assert text.split(", ")[1].rstrip(".") in CLAUSES[channel]


def test_sentences_differ_and_opinions_are_of_one_level() -> None:
    texts = all_utterances()
    assert len(set(texts)) == len(texts) == 5 * 3 * len(TOPICS) * NUM_OPINIONS * NUM_CLAUSES
    opinions = [each for level in LEVELS for each in OPINIONS[level]]
    assert len(set(opinions)) == len(opinions) == 5 * NUM_OPINIONS
    assert all(len(clauses) == NUM_CLAUSES for clauses in CLAUSES.values())


def test_topics_and_wordings_say_nothing_of_the_level() -> None:
    levels = np.repeat(LEVELS, 4000)
    texts = draw_utterances(np.random.Generator(np.random.PCG64(1)), levels, np.zeros(len(levels), dtype=int))
    counts = Counter(
        (int(level), next(i for i, (noun, _) in enumerate(TOPICS) if f"e {noun}" in text))
        for level, text in zip(levels, texts, strict=True)
    )
    assert len(counts) == 5 * len(TOPICS)
    assert max(counts.values()) / min(counts.values()) == pytest.approx(1.0, abs=0.35)
