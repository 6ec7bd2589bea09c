"""Utterances: an opinion about a topic, and a clause that names the channel to believe."""

import numpy as np

from interlace.scenes.sentiment.facts import CHANNELS, LEVELS

# Noun and whether it is plural.
TOPICS = (
    ("soup", False), ("film", False), ("song", False), ("hotel", False), ("book", False), ("cake", False),
    ("shoes", True), ("pancakes", True), ("pictures", True), ("seats", True),
)  # fmt: skip
# By level; {topic} is "the soup" or "the shoes", {are} agrees with it in number.
OPINIONS: dict[int, tuple[str, ...]] = {
    -2: ("I hate {topic}", "{topic} {are} awful", "{topic} {are} terrible"),
    -1: ("I do not like {topic}", "{topic} {are} rather poor", "{topic} {are} disappointing"),
    0: ("I have no opinion of {topic}", "{topic} {are} all right", "{topic} {are} average"),
    1: ("I like {topic}", "{topic} {are} nice", "{topic} {are} pretty good"),
    2: ("I love {topic}", "{topic} {are} wonderful", "{topic} {are} fantastic"),
}
# By channel.
CLAUSES: dict[str, tuple[str, ...]] = {
    "words": ("and I mean it", "take my word for it"),
    "face": ("as you can see", "just look at me"),
    "voice": ("as you can hear", "just listen to me"),
}
NUM_OPINIONS = 3
NUM_CLAUSES = 2


def utterance(level: int, channel: str, topic: int, opinion: int, clause: int) -> str:
    """A sentence such as "The shoes are awful, as you can hear."."""
    noun, plural = TOPICS[topic]
    opinion_text = OPINIONS[level][opinion].format(topic=f"the {noun}", are="are" if plural else "is")
    return f"{opinion_text[0].upper()}{opinion_text[1:]}, {CLAUSES[channel][clause]}."


def all_utterances() -> list[str]:
    """Every possible sentence."""
    return [
        utterance(level, channel, topic, opinion, clause)
        for level in LEVELS
        for channel in CHANNELS
        for topic in range(len(TOPICS))
        for opinion in range(NUM_OPINIONS)
        for clause in range(NUM_CLAUSES)
    ]


def draw_utterances(rng: np.random.Generator, levels: np.ndarray, deciders: np.ndarray) -> list[str]:
    """Sentences for the levels (n,) of the words and the decisive channels (n,); topic and wording are independent of
    both.
    """
    num = len(levels)
    choices = zip(
        rng.integers(0, len(TOPICS), num),
        rng.integers(0, NUM_OPINIONS, num),
        rng.integers(0, NUM_CLAUSES, num),
        strict=True,
    )
    return [
        utterance(int(level), CHANNELS[decider], int(topic), int(opinion), int(clause))
        for level, decider, (topic, opinion, clause) in zip(levels, deciders, choices, strict=True)
    ]
