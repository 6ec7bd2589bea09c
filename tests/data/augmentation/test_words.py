from collections import Counter

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.augmentation import (
    EasyDataAugmentation,
    Neighbours,
    Thesaurus,
    TrainingText,
    Vocabulary,
    WordDropout,
    WordNoise,
)
from interlace.data.augmentation.replacements import split_marks
from interlace.errors import UserError

TEXT = "the quick brown fox jumps over the lazy dog while another dog sleeps near it all day long today"  # 19 words
ROWS = [TrainingText((TEXT,), "a", "1"), TrainingText(("some other words here",), "b", "2")]
sentences = st.lists(st.sampled_from(TEXT.split()), min_size=1, max_size=30)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def eda(**options):
    alphas = {f"alpha_{name}": 0.0 for name in ("replacement", "insertion", "swap", "deletion")}
    defaults = {"replacements": Vocabulary(), "stop_words": None, "num_copies": 0, "every_epoch": True}
    made = EasyDataAugmentation(**{**alphas, **defaults, **options})
    made.expand(ROWS, 0)
    return made


@settings(max_examples=60)
@given(sentences, st.integers(0, 1000))
def test_a_swap_keeps_the_words_and_moves_at_most_two_for_each_change(words: list[str], seed: int) -> None:
    changed = eda(alpha_swap=0.1).change(words, rng(seed))
    assert Counter(changed) == Counter(words)
    assert sum(a != b for a, b in zip(changed, words, strict=True)) <= 2 * max(1, int(0.1 * len(words)))


@settings(max_examples=60)
@given(sentences, st.integers(0, 1000))
def test_an_insertion_adds_the_stated_number_and_keeps_the_order(words: list[str], seed: int) -> None:
    changed = eda(alpha_insertion=0.2).change(words, rng(seed))
    assert len(changed) == len(words) + max(1, int(0.2 * len(words)))
    left = iter(changed)
    assert all(word in left for word in words), "the words are a subsequence"


@settings(max_examples=60)
@given(sentences, st.integers(0, 1000))
def test_a_replacement_changes_all_occurrences_of_n_distinct_words(words: list[str], seed: int) -> None:
    changed = eda(alpha_replacement=0.2).change(words, rng(seed))
    different = {old for old, new in zip(words, changed, strict=True) if old != new}
    assert len(different) <= max(1, int(0.2 * len(words)))
    assert len(different) >= 1
    for word in different:
        replacements = {new for old, new in zip(words, changed, strict=True) if old == word}
        assert len(replacements) == 1


def test_a_deletion_drops_alpha_of_the_words_on_average_and_never_all() -> None:
    made = eda(alpha_deletion=0.3)
    words = TEXT.split()
    lengths = [len(made.change(words, rng(seed))) for seed in range(400)]
    assert np.mean(lengths) == pytest.approx(0.7 * len(words), abs=0.3)
    assert eda(alpha_deletion=1.0).change(words, rng())[0] in words
    assert len(eda(alpha_deletion=1.0).change(words, rng())) == 1


def test_stop_words_are_not_replaced() -> None:
    made = eda(alpha_replacement=1.0, stop_words="english")
    words = TEXT.split()
    for seed in range(20):
        for old, new in zip(words, made.change(words, rng(seed)), strict=True):
            assert old == new or old not in {"the", "over", "while", "another", "it", "all"}


def test_each_variant_is_made_by_one_operation_drawn_evenly() -> None:
    made = eda(alpha_replacement=0.1, alpha_insertion=0.1, alpha_swap=0.1, alpha_deletion=0.9)
    words, kinds = TEXT.split(), Counter()
    for seed in range(800):
        changed = made.change(words, rng(seed))
        same = Counter(changed) == Counter(words)
        kinds[
            "swap" if same else "replacement" if len(changed) == 19 else "more" if len(changed) > 19 else "fewer"
        ] += 1
    assert all(count == pytest.approx(200, abs=50) for count in kinds.values())
    assert len(kinds) == 4


def test_alphas_of_zero_change_nothing_and_are_refused() -> None:
    with pytest.raises(UserError, match="every alpha is 0"):
        eda()


def test_dropout_and_blanks() -> None:
    words = TEXT.split()
    blanks = WordDropout(probability=0.25, mask="_", num_copies=0, every_epoch=True)
    made = [blanks.change(words, rng(seed)) for seed in range(300)]
    assert all(new in (old, "_") for each in made for old, new in zip(words, each, strict=True))
    assert np.mean([each.count("_") for each in made]) == pytest.approx(0.25 * 19, abs=0.35)
    gone = WordDropout(probability=1.0, mask=None, num_copies=0, every_epoch=True)
    assert len(gone.change(words, rng())) == 1


def test_unigram_noise_draws_words_as_often_as_they_occur() -> None:
    noise = WordNoise(gamma=1.0, smoothing="unigram", num_copies=0, every_epoch=True)
    noise.expand([TrainingText(("a a a b", "c"), "x", "1")], 0)
    drawn = Counter(noise.change(["z"] * 20000, rng()))
    assert {word: n / 20000 for word, n in drawn.items()} == pytest.approx({"a": 0.6, "b": 0.2, "c": 0.2}, abs=0.015)
    some = WordNoise(gamma=0.3, smoothing="unigram", num_copies=0, every_epoch=True)
    some.expand([TrainingText(("a a a b",), "x", "1")], 0)
    assert some.change(["z"] * 20000, rng()).count("z") / 20000 == pytest.approx(0.7, abs=0.015)


def test_kneser_ney_noise_follows_the_diversity_of_contexts() -> None:
    """Counted by hand in "san francisco" x 3, "the cat", "the dog": N1+(san *) = 1 of 3, N1+(the *) = 2 of 2."""
    noise = WordNoise(gamma=0.6, smoothing="kneser_ney", num_copies=0, every_epoch=True)
    texts = ["san francisco", "san francisco", "san francisco", "the cat", "the dog"]
    noise.expand([TrainingText((text,), "x", str(i)) for i, text in enumerate(texts)], 0)
    start = 2 / 5  # san and the begin five texts
    assert noise.probabilities(["san", "francisco"]) == pytest.approx([0.6 * start, 0.6 * 1 / 3])
    assert noise.probabilities(["the", "cat"]) == pytest.approx([0.6 * start, 0.6 * 2 / 2])
    weights = np.diff(noise.cumulative, prepend=0)
    assert dict(zip(noise.words, weights, strict=True)) == pytest.approx(dict.fromkeys(noise.words, 0.2))


@pytest.fixture
def vectors(tmp_path):
    words = [*dict.fromkeys(TEXT.split()), "cat", "fast"]
    made = KeyedVectors(6)
    made.add_vectors(words, np.random.default_rng(0).normal(size=(len(words), 6)).astype(np.float32))
    paths = {"text": tmp_path / "v.txt", "binary": tmp_path / "v.bin", "glove": tmp_path / "glove.txt"}
    made.save_word2vec_format(str(paths["text"]))
    made.save_word2vec_format(str(paths["binary"]), binary=True)
    paths["glove"].write_text("\n".join(paths["text"].read_text().splitlines()[1:]) + "\n")
    return made, paths


@pytest.mark.parametrize("kind", ["text", "binary", "glove"])
def test_neighbours_are_those_that_gensim_finds(vectors, kind) -> None:
    made, paths = vectors
    neighbours = Neighbours(file=str(paths[kind]), num_neighbours=4, min_similarity=0.1, max_words=1000)
    neighbours.learn([(TEXT + " Fox, unheard",)])
    for word in set(TEXT.split()):
        expected = [w for w, score in made.most_similar(word, topn=4) if score >= 0.1]
        assert neighbours.options[word] == expected
    assert "unheard" not in neighbours.options
    assert neighbours.draw("unheard", rng()) is None
    drawn = neighbours.draw("“Fox,", rng())
    assert drawn[0] == "“"
    assert drawn[-1] == ","
    assert drawn[1:-1].lower() in neighbours.options["fox"]
    assert drawn[1].isupper()


def test_neighbours_say_what_is_wrong_with_a_file(tmp_path) -> None:
    with pytest.raises(UserError, match="no such file; expected word vectors"):
        Neighbours(file=str(tmp_path / "no"), num_neighbours=1, min_similarity=0, max_words=9).learn([("a",)])
    (tmp_path / "bad.txt").write_text("2 3\na 1 2 x\n")
    with pytest.raises(UserError, match=r"bad\.txt, byte 12: the file ends within word 1"):
        Neighbours(file=str(tmp_path / "bad.txt"), num_neighbours=1, min_similarity=0, max_words=9).learn([("a",)])


def test_a_thesaurus_gives_synonyms(tmp_path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("Film\tmovie\tpicture\tfilm\n\ndog\thound\n")
    thesaurus = Thesaurus(file=str(path))
    thesaurus.learn([])
    assert {thesaurus.draw("film", rng(seed)) for seed in range(20)} == {"movie", "picture"}
    assert thesaurus.draw("(Dog).", rng()) == "(Hound)."
    assert eda(alpha_replacement=0.1, replacements=thesaurus).change(["a", "dog"], rng()) == ["a", "hound"]
    assert eda(alpha_insertion=0.1, replacements=thesaurus).change(["a", "b"], rng()) == ["a", "b"], "nothing to insert"
    path.write_text("film movie\n")
    with pytest.raises(UserError, match="line 1: expected word<TAB>synonym"):
        Thesaurus(file=str(path)).learn([])


@pytest.mark.parametrize(
    ("word", "parts"), [("a", ("", "a", "")), ("(it's!)", ("(", "it's", "!)")), ("--", ("", "--", ""))]
)
def test_marks_are_set_apart(word, parts) -> None:
    assert split_marks(word) == parts


def test_a_pair_is_varied_text_by_text() -> None:
    made = eda(alpha_deletion=0.5)
    first, second = made.vary(("a b c d e f g h", "z"), rng(1))
    assert set(first.split()) <= set("abcdefgh")
    assert second == "z"
