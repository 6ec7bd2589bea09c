"""Whole retrieval runs: trained, kept, used again, evaluated on other data, and what does not fit."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import interlace
from interlace.assembly import assemble
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.models.static_embedding import StaticEmbedding
from interlace.objectives.retrieval import InBatchNegatives
from interlace.retrieval.loading import reranker_of
from tests.data.passages.beir import small_beir

SMALL = ["logger=none", "trainer=cpu", "trainer.threads=1", "trainer.max_epochs=2", "data=passages"]
SMALL += ["data.batch_size=8"]
ENCODER = ["tokenizer.vocabulary_size=200", "tokenizer.min_frequency=1", "model.dim=16"]
BERT = ["model.dim=8", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=16"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_beir(tmp_path_factory.mktemp("beir"))


def run(folder, out, *overrides):
    return interlace.train(interlace.compose([*SMALL, f"data.path={folder}", *overrides]), outputs=out, quiet=True)


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The runs that train."""
    out = tmp_path_factory.mktemp("out")
    dense = run(folder, out, "experiment=retrieval/dense", *ENCODER, "objective.hard_negatives=2",
                "optimizer.learning_rate=0.02", "trainer.max_epochs=6")  # fmt: skip
    reranker = run(folder, out, "experiment=retrieval/reranker", *ENCODER[:2], *BERT)
    return dense, reranker, out


def test_a_bi_encoder_learns_and_leaves_what_studies_and_others_need(trained, folder) -> None:
    dense = trained[0]
    metrics = dense.metrics
    table = pd.read_parquet(dense.directory / "predictions.parquet")
    assert metrics["test/hit@10"] > 0.5  # by chance 10 of 40
    for name in ("hit@1", "hit@10", "mrr", "ndcg@10"):
        assert table[f"score/{name}"].mean() == pytest.approx(metrics[f"test/{name}"])
    assert list(table["cluster"].unique()) == ["c3", "c2", "c1", "c0", "c4"]
    rows = [line.split() for line in (dense.directory / "ranking.trec").read_text().splitlines()]
    first = {row[0]: row[2] for row in rows if row[3] == "1"}
    assert first == dict(zip(table["id"], table["passage"], strict=True))
    history = dense.history
    assert history["val/loss"].dropna().iloc[-1] < history["val/loss"].dropna().iloc[0]


def test_the_kept_index_answers_questions_as_the_run_did(trained) -> None:
    dense = trained[0]
    table = pd.read_parquet(dense.directory / "predictions.parquet")
    found = dense.predict([{"id": name, "text": text} for name, text in zip(table["id"], table["query"], strict=True)])
    assert [each["passages"][0]["id"] for each in found] == table["passage"].tolist()
    assert [each["id"] for each in found] == table["id"].tolist()
    assert set(found[0]["passages"][0]) == {"id", "title", "text", "score"}
    scores = [passage["score"] for passage in found[0]["passages"]]
    assert scores == sorted(scores, reverse=True)


def test_trained_models_are_ranked_with_and_evaluated_on_other_data(trained, folder, tmp_path) -> None:
    dense, reranker, out = trained
    both = run(folder, out, "experiment=retrieval/bm25", "retrieval=weighted", f"model.encoder={dense.directory}",
               f"model.reranker={reranker.directory}")  # fmt: skip
    assert set(both.results["chosen"]) == {"vectors", "reranker"}
    assert both.results["num_parameters"] > 0
    found = both.predict([{"text": "which"}])
    assert len(found[0]["passages"]) == 10
    assert evaluate_run(both)["test/mrr"] == pytest.approx(both.metrics["test/mrr"])
    other = small_beir(tmp_path / "other", 24)
    assert 0 <= evaluate_run(dense, [f"data.path={other}"])["test/hit@10"] <= 1
    # The same encoder alone, from its run.
    alone = run(folder, out, "experiment=retrieval/bm25", "retrieval=dense", f"model.encoder={dense.directory}")
    assert alone.metrics["test/mrr"] == pytest.approx(dense.metrics["test/mrr"])


def test_a_re_ranker_is_loaded_as_it_was(trained) -> None:
    reranker = reranker_of(trained[1].directory)
    state = torch.load(trained[1].directory / "checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(reranker.model.score.weight, state["model.score.weight"])
    rows = np.array([[0, 1, -1]])
    found = reranker.scores(["which one"], ["a b", "c"], rows)
    assert np.isneginf(found[0, 2])
    np.testing.assert_allclose(found, reranker.scores(["which one"], ["a b", "c"], rows, batch_size=1), rtol=1e-4)
    with pytest.raises(UserError, match=r"the run of no cross-encoder; .*\(model.reranker\)"):
        reranker_of(trained[0].directory)


def test_a_batch_is_a_function_of_rows_seed_and_epoch(folder) -> None:
    config = interlace.compose([*SMALL, f"data.path={folder}", "experiment=retrieval/dense", *ENCODER,
                                "objective.hard_negatives=2"])  # fmt: skip
    one, two = assemble(config), assemble(config)
    for each in (one, two):
        each.build_task()
    rows = np.array([3, 1, 4])
    for epoch in (0, 1):
        ours, theirs = (each.objective.batch(each.data.splits["train"], rows, epoch) for each in (one, two))
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    later = one.objective.batch(one.data.splits["train"], rows, 7)
    assert not all(later[k].shape == ours[k].shape and torch.equal(later[k], ours[k]) for k in ours)
    # Three queries and as many spans; their passages, and two hard negatives of each query.
    assert len(ours["queries"]) == 6
    assert len(ours["passages"]) == 12
    relevant = one.data.splits["train"].queries.relevant
    assert all(row not in relevant[i] for i, each in enumerate(one.data.splits["train"].negatives) for row in each)


def test_a_relevant_passage_of_another_query_is_no_negative() -> None:
    torch.manual_seed(0)
    objective = InBatchNegatives(temperature=0.5, hard_negatives=0, pretext_queries=0.0)
    model = StaticEmbedding(vocabulary_size=9, pad_id=0, dim=4, dropout=0.0)
    ids = torch.tensor([[1, 2], [3, 4]])
    mask = torch.ones(2, 2, dtype=torch.bool)
    batch = {"queries": ids, "queries_mask": mask, "passages": ids + 4, "passages_mask": mask}
    vectors = {name: torch.nn.functional.normalize(model.word(batch[name]).mean(1), dim=1) for name in list(batch)[::2]}
    scores = vectors["queries"] @ vectors["passages"].T / 0.5
    both = -torch.log_softmax(scores, 1).diagonal()
    loss, _ = objective.loss(model, {**batch, "relevant": torch.zeros(2, 2, dtype=torch.bool)})
    assert loss.item() == pytest.approx(both.mean().item(), rel=1e-5)
    # The second passage is relevant for the first query too: only the second query has a negative.
    loss, _ = objective.loss(model, {**batch, "relevant": torch.tensor([[False, True], [False, False]])})
    assert loss.item() == pytest.approx(both[1].item() / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["experiment=retrieval/bm25", "retrieval=dense"], r"retrieval.combine: dense needs an encoder; name one with"),
        (["experiment=retrieval/bm25", "retrieval=null"], r"retrieval: null, and the run ranks passages; choose"),
        (["experiment=retrieval/bm25", "model.encoder={folder}"], r"model.encoder: .*plays no part in retrieval=bm25"),
        (["experiment=retrieval/dense", "retrieval=bm25"], r"retrieval=bm25: it ranks without the encoder that"),
        (["experiment=retrieval/reranker", "retrieval=rrf"], r"retrieval.combine: rrf needs vectors, and objective="),
        (["experiment=retrieval/dense", "tokenizer=null"], r"tokenizer: an encoder reads tokens; choose tokenizer="),
        (["experiment=retrieval/dense", "objective=masked"], r"objective=masked: .*choose objective=in_batch_negat"),
        (["experiment=retrieval/dense", "data.max_passage_tokens=600", "model=bert"], r"data.max_passage_tokens: a "),
        (["experiment=retrieval/dense", "tokenizer=word", "model=gpt"], None),
        (["experiment=pretrain/gpt", "model=retriever"], r"model=retriever: it ranks passages, and data="),
        (["data=multi30k", "model=retriever", "fusion=null"], r"model=retriever: it ranks passages, and data="),
    ],
)
def test_what_does_not_fit_is_one_sentence(folder, overrides, message):
    overrides = [each.replace("{folder}", str(folder)) for each in overrides]
    own = [*SMALL, f"data.path={folder}"] if "retrieval/" in overrides[0] else []
    if message is None:  # a causal model is an encoder too
        assemble(interlace.compose([*own, *overrides])).build_task()
        return
    with pytest.raises(UserError, match=message):
        assemble(interlace.compose([*own, *overrides])).build_task()


def test_data_without_judgements_for_a_split_are_told(folder, tmp_path) -> None:
    own = small_beir(tmp_path)
    (own / "qrels/train.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(UserError, match=r"the train split has no query with a relevant passage; give qrels/train.tsv"):
        assemble(interlace.compose([*SMALL, f"data.path={own}", "experiment=retrieval/dense"]))
    line = json.loads((own / "queries.jsonl").read_text().split("\n")[0])
    assert set(line) == {"_id", "text", "metadata"}
