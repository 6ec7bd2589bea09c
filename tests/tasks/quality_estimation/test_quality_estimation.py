"""Quality estimation: word translations, correlations, the regressor, and metrics of the task."""

import numpy as np
import pytest
from scipy import stats

from interlace.assembly.text_algorithms import build_text_algorithm
from interlace.configuration.compose import compose_node
from interlace.configuration.tasks import task_named
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.correlation import correlations
from interlace.models.text_algorithms.ibm1 import WordTranslation
from interlace.tasks.quality_estimation.regressor import QualityRegressor, with_edits
from interlace.tasks.text_task import WrittenTexts

WORDS = {"the": "der", "dog": "hund", "cat": "kater", "sees": "sieht", "a": "ein", "hears": "hoert", "big": "grosse"}


def pairs(number, seed=0):
    draw = np.random.default_rng(seed)
    sources = [list(draw.choice(list(WORDS), int(draw.integers(3, 9)))) for _ in range(number)]
    targets = [[" ".join(WORDS[str(word)] for word in source)] for source in sources]
    return Pairs([" ".join(map(str, source)) for source in sources], targets, list(map(str, range(number))))


def test_one_iteration_of_ibm_model_1_by_hand() -> None:
    # "a b" - "x y" and "a" - "x". Each x and y of the first pair is shared by NULL, a, b (1/3), x of the second by
    # NULL and a (1/2). Counts: a-x 1/3 + 1/2, a-y 1/3: t(x | a) = (5/6) / (7/6) = 5/7; t(x | b) = 1/2.
    found = WordTranslation([["a", "b"], ["a"]], [["x", "y"], ["x"]], iterations=1)
    assert found.word_scores(["a"], ["x"])[0] == pytest.approx(np.log(5 / 7))  # NULL has the same counts as a
    assert found.word_scores(["b"], ["y"])[0] == pytest.approx(np.log((2 / 7 + 1 / 2) / 2))
    assert found.word_scores(["q"], ["z"])[0] == pytest.approx(np.log(1e-7))
    best, value = found.best()["a"]
    assert best == "x"
    assert value == pytest.approx(np.log(5 / 7))


def test_word_translations_are_found_and_saved(tmp_path) -> None:
    node = {"model": compose_node("model", "word_by_word"), "seed": {"model": 0}}
    model = build_text_algorithm(node)
    model.fit(pairs(200), pairs(5))
    answers = model.write(["the big dog", "the unseen cat", "?"])
    assert [each.text for each in answers] == ["der grosse hund", "der unseen kater", "?"]
    assert answers[0].confidence is not None
    assert answers[2].confidence is None
    model.save(tmp_path)
    again = build_text_algorithm(node)
    again.load(tmp_path)
    assert again.write(["the big dog"]) == answers[:1]


def test_correlations_are_scipys_and_intervals_hold_them() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=200)
    y = x + draw.normal(size=200)
    x[3] = np.nan
    found = correlations(x, y)
    kept = np.isfinite(x)
    assert found["pearson"].value == pytest.approx(stats.pearsonr(x[kept], y[kept])[0])
    assert found["kendall"].value == pytest.approx(stats.kendalltau(x[kept], y[kept])[0])
    for each in found.values():
        assert each.low < each.value < each.high
    assert np.isnan(correlations(np.ones(5), y[:5])["pearson"].value)


def test_known_edits_lower_the_estimate() -> None:
    draw = np.random.default_rng(0)
    regressor = QualityRegressor(pairs(400), 150, 0)
    test = pairs(60, seed=9)
    pool = list(WORDS.values())
    means = [regressor(test.sources, [with_edits(t, n, pool, draw) for t in test.targets]).mean() for n in (0, 2, 6)]
    assert means[0] > means[1] > means[2]
    assert np.isfinite(regressor(["the dog"], [""])).all()
    with pytest.raises(UserError, match=r"task\.edited: 50 of 20"):
        QualityRegressor(pairs(20), 50, 0)


def test_the_task_tells_a_good_estimate_from_noise() -> None:
    task = task_named("quality_estimation", edited=100)
    task.fit(pairs(300))
    test, draw = pairs(80, seed=5), np.random.default_rng(1)
    numbers = [row % 5 for row in range(80)]
    texts = [with_edits(t, n, list(WORDS.values()), draw) for t, n in zip(test.targets, numbers, strict=True)]
    scores = task.measure(WrittenTexts(test, texts, [float(-n) for n in numbers]))
    assert scores.values["pearson/log_probability"] > 0.5
    assert scores.values["kendall/regressor"] > 0.3
    assert scores.values["pearson/regressor"] > scores.values["pearson/length"]
    interval = [scores.values[f"pearson/regressor/{end}"] for end in ("low", "high")]
    assert interval[0] < scores.values["pearson/regressor"] < interval[1]
