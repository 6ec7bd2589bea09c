"""Quality estimation: word translations, correlations, the regressor, metrics of the task, and arms of estimates."""

import json
import math

import numpy as np
import pytest
from scipy import stats

import interlace
from interlace.assembly.text_algorithms import build_text_algorithm
from interlace.comparison import compare_texts
from interlace.configuration.compose import compose, compose_node
from interlace.configuration.tasks import task_named
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.correlation import correlations
from interlace.metrics.text import sentence_chrf
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
    assert scores.values["pearson/regressor"] > scores.values["pearson/source_length"]
    interval = [scores.values[f"pearson/regressor/{end}"] for end in ("low", "high")]
    assert interval[0] < scores.values["pearson/regressor"] < interval[1]


def edited_texts(number, seed=5):
    test, draw = pairs(number, seed), np.random.default_rng(1)
    return test, [with_edits(t, i % 5, list(WORDS.values()), draw) for i, t in enumerate(test.targets)]


def test_one_estimate_is_a_mean_over_texts_also_within_groups() -> None:
    task = task_named("quality_estimation", estimate="log_probability", edited=0)
    test, texts = edited_texts(60)
    groups = {"half": ["ab"[row % 2] for row in range(60)]}
    drawn = np.random.default_rng(2).normal(size=60).tolist()
    written = WrittenTexts(Pairs(test.sources, test.references, test.ids, groups), texts, drawn)
    scores = task.measure(written)
    for kind, measure in (("pearson", stats.pearsonr), ("kendall", stats.kendalltau)):
        chrf = scores.items["sentence_chrf"]
        assert scores.values[kind] == pytest.approx(measure(drawn, chrf)[0])
        assert scores.items[kind].mean() == pytest.approx(scores.values[kind])
        assert scores.values[f"{kind}/a"] == pytest.approx(measure(drawn[::2], chrf[::2])[0])
    assert not {name for name in scores.values if name.endswith("log_probability")}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"estimate": "round_trip", "back": None}, r"task\.estimate: round_trip needs task\.back"),
        ({"estimate": "regressor", "edited": 0}, r"task\.edited: 0, and task\.estimate=regressor"),
    ],
)
def test_an_estimate_without_what_it_needs_is_refused(options, told) -> None:
    with pytest.raises(UserError, match=told):
        task_named("quality_estimation", **options)


def test_the_length_ratio_is_best_at_that_of_training() -> None:
    task = task_named("quality_estimation", estimate="length_ratio")
    task.fit(Pairs(["ab", "abcd"], [["abcd"], ["abcdefgh"]], ["0", "1"]))
    asked = Pairs(["abc"] * 3, [["x"]] * 3, ["0", "1", "2"])
    found = task.estimates(WrittenTexts(asked, ["a" * 6, "a" * 3, "a" * 12]))["length_ratio"]
    assert found.tolist() == pytest.approx([0.0, -math.log(7 / 4), -math.log(13 / 7)])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four estimates of the texts of one translator, and a weak translator in the other direction."""
    folder, outputs = tmp_path_factory.mktemp("pairs"), tmp_path_factory.mktemp("out")
    for number, split in enumerate(("train", "val", "test")):
        made = pairs(120 if split == "train" else 40, number)
        noisy = edited_texts(len(made), number)[1]
        lines = [json.dumps({"en": a, "de": b}) for a, b in zip(made.sources, noisy, strict=True)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    base = ["experiment=finetune/multi30k", "data=parallel_text", f"data.path={folder}", "data.source=en",
            "data.target=de", "logger=none", "task=quality_estimation", "task.edited=40"]  # fmt: skip
    made = {}
    for name in ("log_probability", "source_length"):
        options = ["model=word_by_word", f"task.estimate={name}"]
        made[name] = interlace.train(compose([*base, *options]), outputs=outputs, quiet=True)
    turned = ["data.source=de", "data.target=en", "model=word_by_word", "task=translation", "data.train_fraction=0.02"]
    made["backwards"] = interlace.train(
        compose([*[each for each in base if not each.startswith(("data.source", "data.target", "task"))], *turned]),
        outputs=outputs, quiet=True,
    )  # fmt: skip
    again = ["model=finished_run", f"model.run={made['source_length'].directory}", "task.estimate=regressor"]
    made["regressor"] = interlace.train(compose([*base, *again]), outputs=outputs, quiet=True)
    back = [f"task.back={made['backwards'].directory}", "model=word_by_word", "task.estimate=round_trip"]
    made["round_trip"] = interlace.train(compose([*base, *back]), outputs=outputs, quiet=True)
    return made


def test_estimates_of_the_same_texts_are_compared_text_by_text(runs) -> None:
    tables = {name: run.predictions for name, run in runs.items()}
    assert tables["regressor"]["text"].tolist() == tables["source_length"]["text"].tolist()
    compared = [name for name in runs if name != "backwards"]
    for name in compared:
        run = runs[name]
        measured = stats.pearsonr(tables[name]["estimate"], tables[name]["score/sentence_chrf"])[0]
        assert run.metrics["test/pearson"] == pytest.approx(measured)
        assert tables[name]["score/pearson"].mean() == pytest.approx(measured)
    others = [name for name in compared if name != "source_length"]
    found = compare_texts([runs["source_length"], *(runs[name] for name in others)])
    for result, name in zip(found.values(), others, strict=True):
        for kind in ("pearson", "kendall"):
            assert result[kind].first == pytest.approx(runs["source_length"].metrics[f"test/{kind}"])
            assert result[kind].second == pytest.approx(runs[name].metrics[f"test/{kind}"])
            assert result[kind].low < result[kind].second - result[kind].first < result[kind].high
        assert (result["bleu"].low, result["bleu"].high) == (0.0, 0.0)


def test_a_round_trip_is_chrf_of_the_source_with_what_comes_back(runs) -> None:
    table = runs["round_trip"].predictions
    back = [answer.text for answer in runs["backwards"].model().write(table["text"].tolist())]
    assert table["estimate"].tolist() == pytest.approx(sentence_chrf(back, [[each] for each in table["source"]]))


def test_only_finished_runs_that_write_for_texts_are_passed_on(runs, tmp_path) -> None:
    node = {**compose_node("model", "finished_run"), "run": str(tmp_path)}
    with pytest.raises(UserError, match=r"model\.run: .* is no run directory"):
        build_text_algorithm({"model": node, "seed": {"model": 0}})
    sources = ["the big dog", "a cat"]
    node["run"] = str(runs["regressor"].directory)  # itself one that passes texts on
    passed = build_text_algorithm({"model": node, "seed": {"model": 0}}).write(sources)
    assert passed == runs["source_length"].model().write(sources)
