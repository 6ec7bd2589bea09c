"""BEIR's files and SQuAD's: in and out, and bad lines told with their numbers."""

import json

import numpy as np
import pytest

from interlace.data.passages.beir import read_collection, read_queries, write_run
from interlace.data.passages.collection import Collection, Queries
from interlace.data.passages.datamodule import Passages
from interlace.data.passages.squad import read_squad
from interlace.errors import UserError
from tests.data.passages.beir import small_beir, small_collection

OPTIONS = {"name": None, "val_articles": 1, "test_articles": 1, "with_titles": True, "max_query_tokens": 16,
           "max_passage_tokens": 32, "train_fraction": 1.0, "seed": 0, "batch_size": 4}  # fmt: skip


def test_what_is_written_is_read_again(tmp_path) -> None:
    collection, splits = small_collection()
    folder = small_beir(tmp_path)
    again = read_collection(folder / "corpus.jsonl")
    assert again == collection
    assert read_queries(folder, again) == splits


def test_a_run_is_what_trec_eval_reads(tmp_path) -> None:
    queries, collection = Queries(), Collection(["d 1", "d2"], ["", ""], ["a", "b"])
    queries.add("q1", "?", {0: 1}, "c")
    write_run(tmp_path / "run", queries, collection, np.array([[1, 0, -1]]), np.array([[2.5, 1.0, -np.inf]]), "bm25")
    assert (tmp_path / "run").read_text() == "q1 Q0 d2 1 2.500000 bm25\nq1 Q0 d_1 2 1.000000 bm25\n"


def test_grades_of_zero_are_not_relevant_and_titles_precede_texts(tmp_path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "a", "title": "T", "text": "x"}\n{"_id": "b", "text": ""}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "q"}\n{"_id": "2", "text": "r"}\n')
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n2\tb\t0\n")
    data = Passages(path=str(tmp_path), **OPTIONS)
    data.prepare()
    assert data.queries["test"].relevant == [{0: 2}]
    assert data.queries["test"].ids == ["1"]
    assert data.searched() == ["T x", ""]
    assert data.notes() == ["1 of 2 passages have no text: no query finds them"]
    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [0, 0, 1]


def test_without_a_validation_split_every_tenth_training_query_is_one(tmp_path) -> None:
    folder = small_beir(tmp_path)
    (folder / "qrels/dev.tsv").unlink()
    data = Passages(path=str(folder), **OPTIONS)
    data.prepare()
    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [18, 2, 10]
    half = Passages(path=str(folder), **{**OPTIONS, "train_fraction": 0.5})
    half.prepare()
    assert set(half.queries["train"].ids) < set(data.queries["train"].ids)


def write(folder, **files):
    small_beir(folder)
    for name, content in files.items():
        path = folder / {"corpus": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/test.tsv"}[name]
        path.write_text(content)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"corpus": '{"_id": 1.5, "text": "x"}\n'}, r"line 1: no id: _id is '1.5'"),
        ({"corpus": '{"_id": "a"}\n'}, r"line 1: wrong type: text is NoneType"),
        ({"corpus": "[1]\n"}, r"line 1: not an object"),
        ({"corpus": '{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}\n'}, r"the passage 'a' stands there twice"),
        ({"corpus": ""}, r"no passages in it"),
        ({"corpus": '{"_id": "a\\tb", "text": "x"}\n'}, r"wrong id: .*tab or a line end"),
        ({"queries": '{"_id": "q0", "text": " "}\n'}, r"empty text: the query 'q0' has no words"),
        ({"qrels": "q0\tp0\t1\n"}, r"its first line is not query-id corpus-id score"),
        ({"qrels": "query-id\tcorpus-id\tscore\nq0\tnone\t1\n"}, r"line 2: unknown passage: 'none' is not in corpus"),
        ({"qrels": "query-id\tcorpus-id\tscore\nzz\tp0\t1\n"}, r"line 2: unknown query: 'zz' is not in queries.jsonl"),
        ({"qrels": "query-id\tcorpus-id\tscore\nq0\tp0\tyes\n"}, r"line 2: wrong grade: 'yes', expected a whole"),
        ({"qrels": "query-id\tcorpus-id\tscore\nq0 p0 1\n"}, r"line 2: wrong number of columns: 1, expected 3"),
    ],
)
def test_bad_files_are_one_sentence_with_the_line(tmp_path, files, message):
    write(tmp_path, **files)
    with pytest.raises(UserError, match=message):
        Passages(path=str(tmp_path), **OPTIONS).prepare()


def squad(folder, articles=4, **question):
    data = [
        {"title": f"A_{a}", "paragraphs": [{"context": f"text {a} {p}", "qas": [
            {"id": f"{a}-{p}", "question": f"what {a} {p}?", "answers": [{"text": f"{a}", "answer_start": 5}],
             **question}
        ]} for p in range(2)]}
        for a in range(articles)
    ]  # fmt: skip
    path = folder / "squad.json"
    path.write_text(json.dumps({"data": data}))
    return path


def test_squad_is_split_by_article_and_paragraphs_are_passages(tmp_path) -> None:
    collection, splits = read_squad(squad(tmp_path), {"val": 1, "test": 1})
    assert collection.ids == [f"A_{a}/{p}" for a in range(4) for p in range(2)]
    assert splits["val"].ids == ["2-0", "2-1"]
    assert splits["test"].relevant == [{6: 1}, {7: 1}]
    assert splits["test"].clusters == ["A_3/0", "A_3/1"]
    assert splits["train"].answers[0] == ["0"]
    with pytest.raises(UserError, match="leave none to train on; lower them"):
        read_squad(squad(tmp_path, 2), {"val": 1, "test": 1})
    with pytest.raises(UserError, match="question 'x' stands there twice"):
        read_squad(squad(tmp_path, 4, id="x"), {"val": 1, "test": 1})
    with pytest.raises(UserError, match="the question 'q' has no words"):
        read_squad(squad(tmp_path, 4, id="q", question=" "), {"val": 1, "test": 1})
    assert len(read_squad(squad(tmp_path, 4, is_impossible=True), {"val": 1, "test": 1})[1]["test"]) == 0


@pytest.mark.parametrize("content", ["[]", '{"data": []}', "{", '{"data": [{"title": "x", "paragraphs": [{}]}]}'])
def test_another_layout_is_told(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(UserError, match=r"expected SQuAD's"):
        read_squad(tmp_path / "x.json", {"val": 0, "test": 0})


def test_one_source_and_a_folder_are_asked_for(tmp_path) -> None:
    with pytest.raises(UserError, match=r"data.name, data.path: expected one of them"):
        Passages(path=None, **OPTIONS)
    with pytest.raises(UserError, match=r"data.name: got 'nq'; expected squad-1.1-dev"):
        Passages(path=None, **{**OPTIONS, "name": "nq"})
    with pytest.raises(UserError, match=r"is no folder; expected one of BEIR's files"):
        Passages(path=str(tmp_path / "x.tsv"), **OPTIONS).prepare()
