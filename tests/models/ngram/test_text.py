import os
from pathlib import Path

import numpy as np
import pytest

from interlace.errors import UserError
from interlace.models.ngram import estimate_file, from_text
from interlace.models.ngram.words import blocks_of_lines, read_corpus, split_words

pytestmark = pytest.mark.filterwarnings("ignore::interlace.models.ngram.DiscountWarning")


def test_words_are_split_as_lmplz_splits_them() -> None:
    line = " a\tb\r\0c\u00a0d \u2028e\x0b\x0cf  g "
    words = ["a", "b", "c\u00a0d", "\u2028e\x0b\x0cf", "g"]
    assert split_words(line) == words
    corpus = read_corpus(blocks_of_lines([line, "", "g a\n"]), "here", "refuse")
    assert corpus.words == ["<unk>", "<s>", "</s>", *words]
    assert corpus.token_ids.tolist() == [3, 4, 5, 6, 7, 7, 3]
    assert corpus.document_bounds.tolist() == [0, 5, 5, 7]


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_blocks_of_lines_change_nothing(block: int) -> None:
    lines = ["b a", "", "c b d", "a"]
    corpus = read_corpus(blocks_of_lines(lines, block), "here", "refuse")
    assert corpus.words[3:] == ["b", "a", "c", "d"]
    assert corpus.token_ids.tolist() == [3, 4, 5, 3, 6, 4]
    assert corpus.document_bounds.tolist() == [0, 2, 2, 5, 6]


def test_special_words_are_refused_skipped_or_counted() -> None:
    lines = ["a b", "a <unk> b", "b"]
    with pytest.raises(UserError, match=r"text, line 2: .*contains the special word <unk>; special_words='count'"):
        from_text(lines, 2)
    skipped, without = from_text(lines, 2, special_words="skip"), from_text(["a b", "a b", "b"], 2)
    np.testing.assert_array_equal(skipped.next_distribution([3]), without.next_distribution([3]))
    counted = from_text(lines, 2, special_words="count")
    assert counted.next_distribution(counted.encode("a"))[0] > 0.2
    with pytest.raises(UserError, match="line 2: the text contains the special word </s>; remove it"):
        from_text(["a", "b </s>"], 2, special_words="count")


def test_texts_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="text: no line of text"):
        from_text([], 2)
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(UserError, match=r"empty.txt: no line of text"):
        estimate_file(tmp_path / "empty.txt", 2, None)
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin.txt: the word b'caf\\xe9' is not UTF-8"):
        estimate_file(tmp_path / "latin.txt", 2, None)
    with pytest.raises(UserError, match=r"cannot be read .No such file"):
        estimate_file(tmp_path / "none.txt", 2, None)
    with pytest.raises(UserError, match="order: 9 is out of range"):
        from_text(["a"], 9)


def test_last_line_without_its_end_is_a_whole_document(tmp_path: Path) -> None:
    (tmp_path / "open.txt").write_text("a b\nc d")
    (tmp_path / "closed.txt").write_text("a b\nc d\n")
    models = [estimate_file(tmp_path / name, 3, None) for name in ("open.txt", "closed.txt")]
    for context in ([], [3], [5, 6]):
        left, right = (model.next_distribution(context) for model in models)
        np.testing.assert_array_equal(left, right)


def test_blank_text_predicts_the_end() -> None:
    probs = from_text(["", " "], 2).next_distribution([])
    assert probs.tolist() == pytest.approx([0.25, 0.0, 0.75], abs=0.26)
    assert probs.sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.slow
def test_war_and_peace_scores_as_kenlm_and_beats_lower_orders(tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")
    folders = [Path(part) / "war-and-peace" for part in os.environ.get("INTERLACE_DATA", "").split(os.pathsep) if part]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        pytest.skip("no folder 'war-and-peace' in INTERLACE_DATA")
    lines = (folder / "wap.valid.txt").read_text(encoding="utf-8").split("\n")
    perplexities = []
    for order in (1, 2, 3):
        model = estimate_file(folder / "wap.train.txt", order, tmp_path / "m.arpa", discount_fallback=None)
        perplexities.append(model.perplexity([model.encode(line) for line in lines]).perplexity)
    theirs = kenlm.Model(str(tmp_path / "m.arpa"))
    scores = model.score([model.encode(line) for line in lines])
    np.testing.assert_allclose([s.sum() for s in scores], [theirs.score(line) for line in lines], atol=1e-4)
    assert perplexities[0] > 1.5 * perplexities[1] > 1.5 * perplexities[2]
