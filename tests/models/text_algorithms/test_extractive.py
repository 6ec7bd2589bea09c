"""Extractive summaries: units, speakers, lengths, what is learned, and what is saved."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.assembly.text_algorithms import build_text_algorithm
from interlace.configuration.compose import compose_node
from interlace.data.sentences import Turn, split_turns, split_units
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.rouge import rouge, rouge_of_words, words
from interlace.models.text_algorithms.reported_speech import reported
from interlace.models.text_algorithms.sentence_extractor import greedy_labels

NAMES = ("lead", "lexrank", "sentence_extractor")
DIALOGUE = "#Person1#: Hello. How are you?\n#Person2#: I'm fine.\n\nMs. Dawson: My dog saw you. It ran!\nthe end"


def make(name, **options):
    return build_text_algorithm({"model": {**compose_node("model", name), **options}, "seed": {"model": 0}})


def pairs(number=30):
    """The target repeats the only line with a number in it, which stands anywhere."""
    drawn = np.random.default_rng(0)
    sources, targets = [], []
    for i in range(number):
        lines = [" ".join(drawn.choice(list("abcdefgh"), 5)) for _ in range(5)]
        lines[i % 5] = f"train {i} leaves at {i + 3}"
        sources.append("\n".join(lines))
        targets.append(lines[i % 5])
    return Pairs(sources, [[each] for each in targets], [str(i) for i in range(number)])


def test_units_and_turns() -> None:
    assert split_units("One. Two!  Three?\nfour", "sentence") == ["One.", "Two!", "Three?", "four"]
    assert split_units("我来。你去！", "sentence") == ["我来。", "你去！"]
    assert split_units(' "Yes." No\n \n', "line") == ['"Yes." No']
    assert split_units("  ", "sentence") == []
    assert split_turns(DIALOGUE, "line") == [
        Turn("#Person1#", "Hello. How are you?"), Turn("#Person2#", "I'm fine."),
        Turn("Ms. Dawson", "My dog saw you. It ran!"), Turn("", "the end"),
    ]  # fmt: skip
    assert split_turns(DIALOGUE, "sentence")[1] == Turn("#Person1#", "How are you?")
    assert split_turns("note that: it is so", "line") == [Turn("", "note that: it is so")]


def test_speech_is_reported_with_names() -> None:
    turns = split_turns("#A#: I'm sure you like my dog.\n#B#: You're right, I ' ve told your mother.", "line")
    assert reported(turns, [0, 1]) == [
        "#A# #A# is sure #B# like #A#'s dog.", "#B# #A# is right, #B# has told #A#'s mother."
    ]  # fmt: skip
    three = split_turns("A: I see you.\nB: Yes.\nC: No.", "line")
    assert reported(three, [0]) == ["A A see you."], "of three speakers nobody knows who is meant"
    assert reported([Turn("", "I see you.")], [0]) == ["I see you."]


@given(st.text(alphabet="ab :.\n?IyouM", max_size=60), st.sampled_from(NAMES[:2]))
@settings(max_examples=60, deadline=None)
def test_any_text_has_a_summary_of_its_own_words_in_its_order(text, name) -> None:
    for speech in ("keep", "strip"):
        model = make(name, max_sentences=[2], max_words=[5], speech=speech, unit="sentence")
        written = model.write([text])[0]
        found = written.text.split()
        assert len(found) <= 5
        left = iter(
            " ".join(part for turn in split_turns(text, "sentence") for part in (f"{turn.speaker}:", turn.text)).split()
        )
        assert all(word in left for word in found)
        assert written.details["units"] == sorted(set(written.details["units"]))


@pytest.mark.parametrize("name", NAMES)
def test_lengths_are_kept_and_the_best_is_chosen_by_validation(name) -> None:
    train, val = pairs(12), pairs(6)
    model = make(name, max_sentences=[1, None], max_words=[2, None], redundancy=1.0)
    model.fit(train, val)
    worth = {}
    for sentences, most in itertools.product([1, None], [2, None]):
        one = make(name, max_sentences=[sentences], max_words=[most], redundancy=1.0)
        one.fit(train, val)
        texts = [answer.text for answer in one.write(val.sources)]
        assert all(len(text.split()) <= (most or 1000) for text in texts)
        assert all(len(answer.details["units"]) <= (sentences or 5) for answer in one.write(val.sources))
        worth[sentences, most] = np.mean(list(rouge(texts, val.references).values()))
    chosen = (model.chosen["max_sentences"], model.chosen["max_words"])
    assert worth[chosen] == max(worth.values())
    assert model.chosen["validation_rouge"] == pytest.approx(worth[chosen], abs=1e-4)


def test_what_repeats_is_passed_over() -> None:
    text = "the cat sat here\nthe cat sat here\na dog"
    assert make("lead", max_sentences=[2]).write([text])[0].details["units"] == [1, 2]
    assert make("lead", max_sentences=[2], redundancy=0.5).write([text])[0].details["units"] == [1, 3]


def test_the_extractor_learns_which_sentences_references_tell() -> None:
    train, test = pairs(40), pairs(20)
    model = make("sentence_extractor", max_sentences=[1])
    model.fit(train, test)
    assert [answer.text for answer in model.write(test.sources)] == test.targets
    lead = make("lead", max_sentences=[1]).write(test.sources)
    assert sum(answer.text == target for answer, target in zip(lead, test.targets, strict=True)) < 10


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4))
def test_greedy_labels_end_where_no_other_text_helps(texts) -> None:
    reference = "a b c"
    labels = greedy_labels(texts, reference)

    def worth(taken):
        first, second, _ = rouge_of_words([w for i in sorted(taken) for w in words(texts[i])], words(reference))
        return first + second

    taken = set(np.flatnonzero(labels))
    for other in set(range(len(texts))) - taken:
        assert worth(taken | {other}) <= worth(taken) + 1e-12
    if taken:
        assert worth(taken) >= max(worth({i}) for i in range(len(texts))) - 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_writes_the_same(name, tmp_path) -> None:
    model, again = (make(name, max_sentences=[1, 2], max_words=[5, None]) for _ in range(2))
    model.fit(pairs(), pairs(10))
    model.save(tmp_path)
    again.load(tmp_path)
    assert again.write([DIALOGUE, "", pairs().sources[3]]) == model.write([DIALOGUE, "", pairs().sources[3]])
    assert again.num_parameters == model.num_parameters
    state = json.loads((tmp_path / "state.json").read_text())
    wrong, incomplete = {**state, "limit": 3}, {key: value for key, value in state.items() if key != "limit"}
    for content, message in (
        (json.dumps(incomplete), "not what a text algorithm has saved"), (json.dumps(wrong), "damaged"),
        ("{", "cannot be read"),
    ):  # fmt: skip
        (tmp_path / "state.json").write_text(content)
        with pytest.raises(UserError, match=message):
            again.load(tmp_path)


def test_texts_of_one_line_have_nothing_to_choose_from() -> None:
    with pytest.raises(UserError, match=r"model\.unit=line: no training source has several units"):
        make("sentence_extractor").fit(Pairs(["one line"], [["one"]], ["1"]), pairs(2))
