import numpy as np
import pytest

from interlace.data.augmentation import BackTranslation, LanguageModelSynthesis, TrainingText, tagged
from interlace.errors import UserError

ROWS = [TrainingText((f"text number {i}",), "pos" if i % 2 else "neg", str(i)) for i in range(10)]


def writer(run: str):
    assert run == "outputs/lm"

    def sample(prompts, seed):
        numbers = np.random.default_rng(seed).integers(40, size=len(prompts))
        return [f" {prompt}says {number}\nand then more" for prompt, number in zip(prompts, numbers, strict=True)]

    return sample


def synthesis(open_sampler=writer, **options):
    defaults = {"run": "outputs/lm", "prompt": "{label}: ", "num_per_class": 6, "novel": True, "max_rounds": 20}
    return LanguageModelSynthesis(**{**defaults, **options}, open_sampler=open_sampler)


def test_a_language_model_writes_the_same_number_of_distinct_texts_for_every_class() -> None:
    rows = synthesis().expand(ROWS, 5)
    assert rows[:10] == ROWS
    made = rows[10:]
    assert [row.label for row in made] == ["neg"] * 6 + ["pos"] * 6
    assert all(row.texts[0].startswith(f"{row.label}: says ") for row in made), "the first line, and nothing around it"
    assert len({row.texts for row in made}) == 12
    assert len({row.id for row in rows}) == 22
    assert synthesis().expand(ROWS, 5) == rows
    assert synthesis().expand(ROWS, 6) != rows


def test_copies_of_training_texts_and_empty_ones_are_no_use() -> None:
    def copier(run):
        texts = ["Text  Number 1", "", "  \n", "new"]
        return lambda prompts, seed: [texts[i % 4] for i in range(len(prompts))]

    with pytest.raises(UserError, match="wrote 1 usable texts of class 'neg' in 3 rounds, expected 6"):
        synthesis(copier, max_rounds=3).expand(ROWS, 0)
    kept = synthesis(copier, max_rounds=3, novel=False, num_per_class=1).expand(ROWS[:1], 0)[1:]
    assert [row.texts[0] for row in kept] == ["Text  Number 1"], "allowed when asked for"


def test_the_key_changes_with_the_weights_of_the_model() -> None:
    def opened(identity):
        def sample(prompts, seed):
            return prompts

        sample.identity = identity
        return lambda run: sample

    assert synthesis(opened("a")).arguments() != synthesis(opened("b")).arguments()
    assert synthesis().arguments()["model"] == "outputs/lm"


def test_prompts_name_the_class_and_pairs_are_refused() -> None:
    with pytest.raises(UserError, match=r"augmentation\.prompt"):
        synthesis(prompt="text: ")
    with pytest.raises(UserError, match="these data have pairs"):
        synthesis().expand([TrainingText(("a", "b"), "x", "1")], 0)
    assert tagged([TrainingText(("a\n b",), "pos", "1")], "<{label}> ") == ["<pos> a b"]


def back_translation(there, back, fraction=1.0):
    runs = {"en-de": there, "de-en": back}
    return BackTranslation(
        forward_model="en-de", backward_model="de-en", fraction=fraction, open_translator=runs.__getitem__
    )


def test_back_translations_are_added_unless_nothing_changed() -> None:
    german = {"text": "Text", "number": "Nummer"}
    english = {"Text": "passage", "Nummer": "number"}

    def translator(table):
        return lambda texts: [" ".join(table.get(w, w) for w in t.split()) for t in texts]

    rows = back_translation(translator(german), translator(english)).expand(ROWS, 0)
    assert rows[:10] == ROWS
    assert [(r.texts, r.label, r.id) for r in rows[10:]] == [
        ((f"passage number {i}",), ROWS[i].label, f"{i}+back") for i in range(10)
    ]
    same = back_translation(lambda texts: texts, lambda texts: [t.upper() for t in texts])
    assert same.expand(ROWS, 0) == ROWS, "case alone is no change"
    half = back_translation(translator(german), translator(english), 0.5)
    assert len(half.expand(ROWS, 0)) == 15
    assert half.expand(ROWS, 0) == half.expand(ROWS, 0)
    assert half.expand(ROWS, 1) != half.expand(ROWS, 0)


def test_both_texts_of_a_pair_come_back_in_their_places() -> None:
    pairs = [TrainingText((f"a{i}", f"b{i}"), "x", str(i)) for i in range(3)]
    made = back_translation(lambda t: [f"<{x}" for x in t], lambda t: [f"{x}>" for x in t]).expand(pairs, 0)[3:]
    assert [row.texts for row in made] == [(f"<a{i}>", f"<b{i}>") for i in range(3)]


def test_a_translator_that_loses_texts_is_found_out() -> None:
    with pytest.raises(ValueError, match="en-de gave 9 translations of 10 texts"):
        back_translation(lambda t: t[1:], lambda t: t).expand(ROWS, 0)
