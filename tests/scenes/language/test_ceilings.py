"""Exact ceilings beside values worked out by hand, and beside a brute-force count on what was drawn."""

from collections import Counter, defaultdict
from collections.abc import Callable

import pytest

from interlace.data.datamodule import DataModule
from interlace.data.split import Split
from interlace.scenes.language.ceilings import ideal_captions, ideal_translations, ideal_video_captions
from interlace.scenes.settings import LEVELS, Settings


def settings_of(**options) -> Settings:
    return Settings(**{**LEVELS[1], **options}, image_size=32, sample_rate=16000, seconds=0.32)  # type: ignore[arg-type]


def test_captions_by_hand() -> None:
    """Three shapes, three colours, three pitches, two objects of six ordered places each, all uniform."""
    level = settings_of()
    assert ideal_captions(level, {"both": 1.0}, "scene") == {
        "prompt": round(1 / 27, 6),
        "prompt+image": round(1 / 6, 6),  # which of two sounds, and how high
        "prompt+audio": round(1 / 3, 6),  # its colour
        "prompt+image+audio": 1.0,
    }
    assert ideal_captions(level, {"both": 1.0}, "picture") == {
        # 3 pairs of shapes, 6 pairs of colours, 12 layouts; a sound names one of the shapes
        "prompt": round(1 / 216, 6),
        "prompt+image": 1.0,
        "prompt+audio": round(1 / 144, 6),
        "prompt+image+audio": 1.0,
    }
    assert ideal_captions(level, {"both": 1.0}, "sound")["prompt"] == round(1 / 9, 6)


def test_videos_by_hand() -> None:
    """Six pairs of shapes, sixteen pairs of ways, six sounds."""
    assert ideal_video_captions(3) == {
        "prompt": round(1 / 576, 6),
        "prompt+video": round(1 / 6, 6),
        "prompt+audio": round(1 / 96, 6),
        "prompt+video+audio": 1.0,
    }


def test_translations_by_hand() -> None:
    """Circle m/m/个, triangle n/m/个, cross n/f/个: German splits 1:2, French 2:1, Chinese not at all."""
    kinds = {"text": 1.0, "image": 1.0, "audio": 1.0, "both": 1.0, "either": 1.0}
    ideal = ideal_translations(settings_of(), kinds, ["de", "fr", "zh"], 0.0)
    two_thirds = round((2 / 3 + 2 / 3 + 1) / 3, 4)
    assert ideal["prompt"]["text"] == 1.0
    assert [ideal["prompt"][kind] for kind in ("image", "audio", "both", "either")] == [two_thirds] * 4
    assert ideal["prompt"]["zh"] == 1.0
    assert set(ideal["prompt+image+audio"].values()) == {1.0}
    assert ideal["prompt+image"]["image"] == ideal["prompt+image"]["either"] == 1.0
    assert ideal["prompt+audio"]["audio"] == ideal["prompt+audio"]["either"] == 1.0
    assert ideal["prompt+image"]["both"] < 1.0
    assert ideal["prompt+audio"]["both"] < 1.0
    # The other of two, given the one that sounds: de 2/3 (circle sounds: es 1; else er or es, 1/2), fr likewise.
    assert ideal["prompt+audio"]["both"] == two_thirds
    # The picture shows two of three: a pair of one German gender in 1/3 of pictures, else a guess of 1/2.
    assert ideal["prompt+image"]["both"] == two_thirds


def test_a_star_is_counted_with_another_word_in_chinese() -> None:
    ideal = ideal_translations(settings_of(num_shapes=5), {"both": 1.0}, ["zh"], 0.0)
    assert ideal["prompt"]["zh"] == 0.8
    assert ideal["prompt+audio"]["zh"] == 0.8, "a star that sounds: 个; else 颗 for one of the other four"


@pytest.mark.parametrize("masked_words", [0.0, 0.4, 1.0])
def test_translations_are_what_the_best_rule_reaches_on_many_examples(
    build: Callable[..., DataModule], masked_words: float
) -> None:
    """The exact ceiling lies between a rule fitted by counting on other examples and one fitted on the same."""
    write = {
        "_target_": "interlace.scenes.language.writing.Translation",
        "targets": ["de", "fr", "zh"],
        "masked_words": masked_words,
    }
    sizes = {"num_train": 12000, "num_val": 1, "num_test": 12000, "image_size": 16, "sample_rate": 4000, "seconds": 0.1}
    data = build("scenes_translation", write=write, num_shapes=3, **sizes)
    data.prepare()
    ideal, train, test = data.describe()["ideal"], data.splits["train"], data.splits["test"]
    for kind in ("overall", "both"):
        fair, lucky = (_counted(fitted, test, kind) for fitted in (train, test))
        assert fair - 0.01 <= ideal["prompt"][kind] <= lucky + 0.01
        assert lucky - fair < 0.1, "the bounds are close"


def _counted(fitted: Split, scored: Split, kind: str) -> float:
    """Exact match of the most frequent translation of each prompt in `fitted`, on `scored`."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for prompt, target, requires in zip(fitted.prompts, fitted.targets, fitted.groups["requires"], strict=True):
        if kind in ("overall", requires):
            counts[prompt][target] += 1
    right = [
        bool(counts[prompt]) and counts[prompt].most_common(1)[0][0] == target
        for prompt, target, requires in zip(scored.prompts, scored.targets, scored.groups["requires"], strict=True)
        if kind in ("overall", requires)
    ]
    return sum(right) / len(right)


def test_hidden_words_cost_what_they_said() -> None:
    kinds = {"text": 1.0}
    open_, all_hidden = (
        ideal_translations(settings_of(), kinds, ["de"], share)["prompt"]["de"] for share in (0.0, 1.0)
    )
    assert (open_, all_hidden) == (1.0, round(1 / 9, 4))
    # "A red circle is hidden.": both words stand with 1/4, one with 1/2 (a guess of three), none with 1/4 (of nine).
    half = ideal_translations(settings_of(), kinds, ["de"], 0.5)["prompt"]["de"]
    assert half == round(1 / 4 + 1 / 2 / 3 + 1 / 4 / 9, 4)
