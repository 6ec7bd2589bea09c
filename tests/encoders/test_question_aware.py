"""The encoder of a question and its context: matching words, word vectors, parameters."""

import pytest
import torch

from interlace.encoders.question_aware import QuestionAwareLSTM, spelling_tables
from interlace.errors import UserError
from interlace.tokens import ModalitySpec, RawBatch

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "Run", "run", "##ning", "##s", "1801", "?", "USA", "%")
OPTIONS = {"dim": 8, "embedding_dim": 6, "dropout": 0.0, "match": True, "match_widths": [3], "path": None}


def build(**changed) -> QuestionAwareLSTM:
    torch.manual_seed(0)
    spec = ModalitySpec("text", (20,), vocabulary_size=len(WORDS), words=WORDS, pair_separator=3)
    return QuestionAwareLSTM(spec=spec, **{**OPTIONS, **changed}).eval()


def raw(*tokens: str) -> RawBatch:
    ids = torch.tensor([[WORDS.index(token) for token in tokens]])
    return RawBatch(ids, torch.tensor([ids.shape[1]]), torch.tensor([True]))


def test_words_pieces_and_beginnings_of_the_question_are_found_in_any_casing() -> None:
    encoder = build()
    text = raw("[CLS]", "run", "##ning", "1801", "[SEP]", "Run", "##ning", "run", "##s", "USA", "1801", "[SEP]")
    found = encoder._matches(encoder._pair(text))[0].int().tolist()
    # Word, piece, first piece: "Running" is the question's word, "runs" begins like it, "USA" is new, "1801" is there.
    assert found[5:11] == [[1, 1, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, 1]]


def test_spellings_have_features() -> None:
    folded, shapes, starts = spelling_tables(WORDS, len(WORDS))
    assert folded[WORDS.index("Run")] == WORDS.index("run")
    assert folded[WORDS.index("USA")] == WORDS.index("USA")  # no "usa"
    assert shapes[WORDS.index("1801")].tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert shapes[WORDS.index("USA")].tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert shapes[WORDS.index("##s")].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert shapes[WORDS.index("%")].tolist() == [0, 0, 0, 0, 0, 1, 0]
    assert starts.tolist() == [not word.startswith("##") for word in WORDS]


def test_the_question_changes_the_states_of_the_context_only_through_what_is_seen() -> None:
    text = raw("[CLS]", "run", "?", "[SEP]", "USA", "run", "1801", "[SEP]")
    other = raw("[CLS]", "1801", "?", "[SEP]", "USA", "run", "1801", "[SEP]")
    encoder = build()
    assert not torch.allclose(encoder(text).x[:, 4:], encoder(other).x[:, 4:])
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.startswith(("first", "embedding")):
                parameter.zero_()
    torch.testing.assert_close(encoder(text).x, encoder(other).x)  # zero states attend to zero states


def test_parameters_are_as_documented() -> None:
    d, e, v = OPTIONS["dim"], OPTIONS["embedding_dim"], len(WORDS)
    width = 2 * e + 11 + 2 * len(OPTIONS["match_widths"])
    expected = v * e + e**2 + 2 * e + 1 + 4 * d * (width + 2 * d + 4) + 5 * d**2 + 2 * d
    assert sum(parameter.numel() for parameter in build().parameters()) == expected


def test_embeddings_start_from_word_vectors(tmp_path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("run 1 2 3 4 5 6\n1801 6 5 4 3 2 1\nusa 1 1 1 1 1 2\n")
    with pytest.warns(UserWarning, match="words"):
        encoder = build(path=str(path))
    rows = encoder.embedding.weight.detach()
    scale = rows[WORDS.index("run"), 0].item()
    torch.testing.assert_close(rows[WORDS.index("run")], scale * torch.arange(1.0, 7.0))
    torch.testing.assert_close(rows[WORDS.index("USA")], scale * torch.tensor([1.0, 1, 1, 1, 1, 2]))
    assert rows[1:].std().item() == pytest.approx(0.1, rel=1e-4)
    assert not rows[0].any()
    assert encoder.without_file()["path"] is None
    with pytest.raises(UserError, match=r"encoder.text.embedding_dim: got 5, and the vectors .* have 6"):
        build(path=str(path), embedding_dim=5)


@pytest.mark.parametrize(("changed", "told"), [({"dim": 7}, "dim: got 7"), ({"match_widths": [2]}, "odd numbers")])
def test_options_that_cannot_be_followed_are_told(changed, told) -> None:
    with pytest.raises(UserError, match=told):
        build(**changed)
