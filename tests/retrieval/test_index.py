"""An index folder: what is saved is found again, and a stranger's or changed one is refused in one sentence."""

import json

import numpy as np
import pytest
import torch

from interlace.data.passages.collection import Collection, Queries
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.static_embedding import StaticEmbedding
from interlace.retrieval.encoding import TextEncoder
from interlace.retrieval.hits import Hits
from interlace.retrieval.index import Index, open_index
from interlace.retrieval.retriever import Retriever
from interlace.retrieval.settings import Ranking

TEXTS = ["ada met bob in rome", "rome is a city", "bob left for paris", "cats sleep", ""]
OPTIONS = {"windows": "passage", "terms": "words", "k1": 1.5, "b": 0.75, "rrf_constant": 60, "depth": 5,
           "rerank_depth": 2, "weight": 0.5, "choose_by": "mrr"}  # fmt: skip


def encoder(seed=0, max_tokens=16):
    torch.manual_seed(seed)
    tokenizer = TextTokenizer.train("wordpiece", TEXTS, 60)
    model = StaticEmbedding(vocabulary_size=len(tokenizer), pad_id=tokenizer.pad_id, dim=8, dropout=0.0)
    return TextEncoder(model, tokenizer, max_tokens=max_tokens)


def index(combine="weighted", **options):
    collection = Collection([f"p{i}" for i in range(len(TEXTS))], ["Title"] * len(TEXTS), list(TEXTS))
    ranking = Ranking(combine=combine, **{**OPTIONS, **options})
    return Index(collection, Retriever.build(ranking, collection.searched(False), encoder()), False)


@pytest.mark.parametrize("windows", ["passage", "sentences"])
@pytest.mark.parametrize("combine", ["bm25", "dense", "rrf", "weighted"])
def test_an_opened_index_ranks_as_the_saved_one(tmp_path, combine, windows):
    saved = index(combine, windows=windows)
    saved.save(tmp_path / "index")
    again = open_index(tmp_path / "index", None if combine == "bm25" else encoder())
    asked = ["bob in rome", "zzz"]
    for ours, theirs in zip(again.retriever.search(asked), saved.retriever.search(asked), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.collection == saved.collection
    saved.save(tmp_path / "index")  # in place of itself


def test_a_changed_encoder_tokenizer_or_length_is_refused(tmp_path) -> None:
    index().save(tmp_path / "index")
    with pytest.raises(UserError, match="another encoder: its weights is"):
        open_index(tmp_path / "index", encoder(seed=1))
    with pytest.raises(UserError, match="another encoder: its longest text is 16, that of the model given 8"):
        open_index(tmp_path / "index", encoder(max_tokens=8))
    with pytest.raises(UserError, match=r"needs the encoder that made it; name its run \(model.encoder=DIR\)"):
        open_index(tmp_path / "index")
    other = encoder()
    other.tokenizer = TextTokenizer.train("wordpiece", ["other words"], 60)
    with pytest.raises(UserError, match="another encoder: its tokenizer is"):
        open_index(tmp_path / "index", other)


def seal(folder, **changes):
    path = folder / "index.json"
    content = json.loads(path.read_text())
    content.update(changes)
    path.write_text(json.dumps(content))


def damage(folder, how):
    content = json.loads((folder / "index.json").read_text())
    if how == "passages":
        (folder / "corpus.jsonl").write_text('{"_id": "1", "text": "other"}\n')
    elif how == "format":
        seal(folder, format=99)
    elif how == "outside":
        seal(folder, files={"../../etc/passwd": "0"})
    elif how == "absent":
        (folder / "vectors.npy").unlink()
    elif how == "ranking":
        seal(folder, ranking={**content["ranking"], "depth": "many"})
    elif how == "weights":
        seal(folder, weights={"vectors": 7})
    elif how == "kinds":
        (folder / "index.json").write_text("[]")
    elif how == "pickle":
        np.save(folder / "vectors.npy", np.array([print], dtype=object), allow_pickle=True)
        seal(folder, files={})
    elif how == "shape":
        np.save(folder / "vectors.npy", np.zeros((5, 3), dtype=np.float32))
        seal(folder, files={})
    elif how == "nan":
        np.save(folder / "vectors.npy", np.full((5, 8), np.nan, dtype=np.float32))
        seal(folder, files={})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("passages", "corpus.jsonl: damaged, its checksum is not the saved one; build the index again"),
        ("format", "format 99, expected 1; build the index again"),
        ("outside", "it names '../../etc/passwd', which is no file of its folder"),
        ("absent", "vectors.npy: No such file or directory; build the index again"),
        ("ranking", r"ranking.depth: .*valid integer.*; build the index again"),
        ("weights", "a weight is 7, expected a number from 0 to 1"),
        ("kinds", "not what an index has; expected an index folder"),
        ("pickle", r"vectors.npy: cannot be read \(it holds Python objects, which are never unpickled"),
        ("shape", r"float32 of shape \(5, 3\), expected finite float32 \(5, 8\); build the index again"),
        ("nan", "expected finite float32"),
    ],
)
def test_a_damaged_folder_is_one_sentence(tmp_path, how, message):
    index().save(tmp_path / "index")
    damage(tmp_path / "index", how)
    with pytest.raises(UserError, match=message):
        open_index(tmp_path / "index", encoder())


def test_what_is_no_index_is_told_and_never_replaced(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"no index.json in it; expected an index folder"):
        open_index(tmp_path)
    with pytest.raises(UserError, match="already exists and is no index; choose another folder"):
        index("bm25").save(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_library_for_vectors_plugs_in(tmp_path) -> None:
    class Reversed:
        def __init__(self, vectors):
            self.number = len(vectors)

        def search(self, queries, k):
            rows = np.tile(np.arange(self.number)[::-1][:k], (len(queries), 1))
            return Hits(rows, np.zeros(rows.shape, dtype=np.float32))

    index("dense").save(tmp_path / "index")
    found = open_index(tmp_path / "index", encoder(), vector_search=Reversed)
    assert found.retriever.search(["bob"]).rows.tolist() == [[4, 3, 2, 1, 0]]


def test_open_weights_are_chosen_on_queries_and_need_some() -> None:
    made = index(weight=None).retriever
    with pytest.raises(UserError, match=r"retrieval.weight: null is chosen on validation queries"):
        made.choose(Queries())
    queries = Queries()
    queries.add("q", "bob rome", {0: 1}, "c")
    made.choose(queries)
    assert 0 <= made.weights.vectors <= 1
    with pytest.raises(UserError, match=r"retrieval.choose_by: got 'f1'; expected one of hit@1"):
        Ranking(combine="bm25", **{**OPTIONS, "choose_by": "f1"})


def test_an_empty_text_has_the_vector_of_its_frame_and_every_other_has_length_one() -> None:
    vectors = encoder().encode(TEXTS, batch_size=2)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(encoder().encode(TEXTS[::-1])[::-1], vectors, atol=1e-6)  # whatever the batches
