"""Corrections: the error model, the search, symspell, the noisy channel on toys with known posteriors."""

import itertools
import json
import math

import numpy as np
import pytest
from rapidfuzz.distance import OSA

from interlace.assembly.text_algorithms import build_text_algorithm
from interlace.configuration.compose import compose_node
from interlace.data.text_pairs import Pairs
from interlace.data.typing_errors import TypingErrors
from interlace.errors import UserError
from interlace.models.ngram.text import from_text
from interlace.models.text_algorithms.channel_search import Choice, search
from interlace.models.text_algorithms.error_model import ErrorModel, script

RIGHT = [
    f"the {a} {b} {c}" for a in ("old", "big", "red") for b in ("house", "horse", "mouse") for c in ("sleeps", "moves")
]
RIGHT += [
    "a horse eats grass",
    "the horse eats grass",
    "a mouse eats cheese",
    "he paints a house",
    "she paints a house",
]


def make(name, **options):
    return build_text_algorithm({"model": {**compose_node("model", name), **options}, "seed": {"model": 0}})


def pairs(copies=8):
    errors = TypingErrors(rate=0.3, min_letters=4, letters="abcdefghijklmnopqrstuvwxyz", real_words=0.0)
    right = RIGHT * copies
    typed = [errors.corrupt(text, np.random.default_rng(row)) for row, text in enumerate(right)]
    return Pairs(typed, [[text] for text in right], [str(row) for row in range(len(right))])


def fitted(name, **options):
    model = make(name, **options)
    model.fit(pairs(), pairs(2))
    return model


def test_the_error_model_by_hand() -> None:
    # 10 times "at", of which one is typed "a", one "ta", one "ait", one "ot".
    model = ErrorModel(smoothing=1e-9).fit(
        [("at", "at")] * 6 + [("a", "at"), ("ta", "at"), ("ait", "at"), ("ot", "at")]
    )
    for typed in ("a", "ta", "ait", "ot"):  # each: 1 of 10 places; the length's rate is that of all words
        rate = (4 + 0.5) / 11
        assert model.log_probability(typed, "at") == pytest.approx(math.log(0.1) + math.log(0.4 / rate), abs=1e-6)
    assert model.log_probability("at", "at") == pytest.approx(math.log(0.6), abs=1e-6)
    # Two edits, o for a and i after a: the script a->o, then i after it, has the insertion after the intended "a".
    assert model.log_probability("oit", "at") == pytest.approx(2 * math.log(0.1) + math.log(0.4 / rate), abs=1e-6)


def test_ways_to_the_same_form_are_summed() -> None:
    # Kernighan et al.'s acress from acres: the s may be inserted after e or after s.
    model = ErrorModel(smoothing=0.5).fit([("acress", "acres"), ("acres", "acres"), ("caress", "caress")] * 3)
    parts = [model.edit_probability("insertion", key) for key in ("es", "ss")]
    rate = model.error_rate(5) / ((3 + 0.5) / (9 + 1))
    assert model.log_probability("acress", "acres") == pytest.approx(math.log(rate * sum(parts)))


@pytest.mark.parametrize("typed", ["acress", "across", "caress", "acrss", "xacres", "", "ca"])
def test_a_script_has_as_few_edits_as_the_distance(typed: str) -> None:
    assert len(script(typed, "acres")) == OSA.distance(typed, "acres")


def test_short_words_that_are_never_wrong_are_not_suspected() -> None:
    model = ErrorModel(smoothing=1.0).fit([("in", "in")] * 5000 + [("hose", "house"), ("house", "house")] * 200)
    assert model.error_rate(2) < 0.001
    assert model.error_rate(5) > 0.45
    restored = ErrorModel.from_state(json.loads(json.dumps(model.state())))
    assert restored.log_probability("hose", "house") == model.log_probability("hose", "house")


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_search_finds_the_best_of_all_sentences(order: int) -> None:
    model = from_text(["a b c", "b a c", "c c a b", "a a b"], order)
    ids = {unit: index for index, unit in enumerate(model.settings.units)}
    drawn = np.random.default_rng(order)
    for length in (0, 1, 4):
        sentence = [[Choice(unit, ids[unit], float(drawn.normal())) for unit in "abc"] for _ in range(length)]
        wanted = {
            tuple(choice.word for choice in path): sum(choice.channel for choice in path)
            + 0.7 * math.log(10) * model.log10_sentence([choice.unit for choice in path])
            for path in itertools.product(*sentence)
        }
        for beam in (100, 9):
            best = search([sentence, sentence[:1]], model, weight=0.7, beam_size=beam)[0][0]
            assert best.words == max(wanted, key=lambda words: wanted[words])
            assert best.score == pytest.approx(wanted[best.words], abs=1e-4)


def test_the_posterior_of_a_toy_by_hand() -> None:
    """One word, unigram model: the posterior is P(typed | word) P(word) over its sum, an unknown word costing e^-7."""
    model = make("noisy_channel", order=1, lm_weight=[1.0], unknown=[7.0], beam_size=10)
    model.fit(pairs(), pairs(1))
    typed = "hosse"
    prior = {word: 10 ** model.model.score([[model.ids.get(word, 0)]])[0][0] for word in ("house", "horse", typed)}
    joint = {word: prior[word] * math.exp(model.errors.log_probability(typed, word)) for word in prior}
    joint[typed] *= math.exp(-7)
    answer = model.write([typed])[0]
    assert answer.text == max(joint, key=lambda word: joint[word])
    assert answer.text != typed
    assert answer.confidence == pytest.approx(joint[answer.text] / sum(joint.values()), rel=1e-4)


def test_the_context_decides_and_capitals_and_marks_stay() -> None:
    model = fitted("noisy_channel", unknown=[12.0])
    texts = [
        answer.text
        for answer in model.write(
            ["A hoose eats grass!", "He paints a HOOSE.", "the mouse eats grass", "", "İstanbul hoose ½ ﬁ"]
        )
    ]
    assert texts[:2] == ["A horse eats grass!", "He paints a HOUSE."]
    assert texts[3] == ""
    assert texts[4].startswith("İstanbul ") and texts[4].endswith(" ½ ﬁ")  # noqa: PT018


@pytest.mark.parametrize("name", ["noisy_channel", "symspell"])
def test_corrections_are_better_than_copies_and_saved(name: str, tmp_path) -> None:
    model = fitted(name)
    test = pairs(1)
    answers = model.write(test.sources)
    assert sum(a.text == b for a, b in zip(answers, test.targets, strict=True)) > sum(
        a == b for a, b in zip(test.sources, test.targets, strict=True)
    )
    model.save(tmp_path)
    again = make(name)
    again.load(tmp_path)
    assert again.write(test.sources) == answers
    assert again.num_parameters == model.num_parameters > 0
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(UserError, match="train the run again"):
        make(name).load(tmp_path)


def test_symspell_takes_the_nearest_then_the_most_frequent(tmp_path) -> None:
    (tmp_path / "words.txt").write_text("house 10\nhorse 20\nhouses 500\n")
    model = make("symspell", dictionary=str(tmp_path / "words.txt"), min_letters=3)
    model.fit(pairs(), pairs(1))
    texts = ["Hosse", "houzes", "house", "xyzxyz", "ho"]
    assert [each.text for each in model.write(texts)] == ["Horse", "houses", "house", "xyzxyz", "ho"]


@pytest.mark.parametrize(
    ("content", "told"),
    [("house ten\n", "line 1: expected a word and its number"), ("", "no words"), (None, "model.dictionary")],
)
def test_bad_dictionaries_are_told(content: str | None, told: str, tmp_path) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=told):
        make("symspell", dictionary=str(path)).fit(pairs(), pairs(1))


def test_pairs_without_errors_are_told() -> None:
    same = Pairs(RIGHT, [[text] for text in RIGHT], [str(row) for row in range(len(RIGHT))])
    with pytest.raises(UserError, match="no word of the training sources differs"):
        make("noisy_channel").fit(same, same)


def test_a_language_model_ranks_the_best_sentences_again(tmp_path) -> None:
    class Prefers:
        identity = "x"

        def __call__(self, texts):
            return [10.0 if "mouse" in text else 0.0 for text in texts]

    node = {**compose_node("model", "noisy_channel"), "language_model": "run", "unknown": [12.0]}
    from interlace.models.text_algorithms.noisy_channel import NoisyChannel

    options = {key: value for key, value in node.items() if key != "_target_"}
    model = NoisyChannel(**options, open_scorer=lambda run: Prefers())
    only = Pairs(["the moose sleeps"] * 4, [["the mouse sleeps"]] * 4, list("abcd"))
    model.fit(pairs(), only)
    model.chosen["rescoring_weight"] = 100.0
    assert model.write(["the big rouse moves", "the big hmouse moves"])[1].text == "the big mouse moves"
    model.save(tmp_path)
    plain = make("noisy_channel")
    with pytest.raises(UserError, match=r"model\.language_model"):
        plain.load(tmp_path)
