"""A run that continues text: prompts and held-out text of the corpus, its measures, and choices that do not fit."""

import numpy as np
import pytest

from interlace.assembly.components import build_data
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.tasks.text_task import WrittenTexts
from interlace.training import train

OPTIONS = [
    "experiment=continuation/tinyshakespeare", "data.name=null", "data.block_length=32", "data.batch_size=4",
    "model.dim=16", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=32", "trainer=cpu",
    "logger=none", "task.num_prompts=5", "task.prompt_tokens=7", "generation.max_new_tokens=20", "trainer.max_steps=2",
]  # fmt: skip


@pytest.fixture
def corpus(tmp_path):
    words = np.random.default_rng(0).choice(["a", "bee", "sees", "the", "sea", "now"], 400)
    (tmp_path / "text.txt").write_text("\n".join(" ".join(words[i : i + 8]) for i in range(0, 400, 8)))
    return f"data.train=[{tmp_path / 'text.txt'}]"


def test_a_run_continues_held_out_text_and_stands_beside_it(corpus, tmp_path):
    run = train(compose([*OPTIONS, corpus]), outputs=tmp_path / "out", quiet=True)
    table = run.predictions
    assert len(table) == 5
    data = build_data(run.config)
    ids, _ = data.documents("test")
    text = data.tokenizer.decode(ids.tolist())
    for start, source, reference, written in zip(
        table["id"], table["source"], table["reference"], table["text"], strict=True
    ):
        where = int(start.partition("-")[0])
        assert source + reference == text[where : where + 27]
        assert (len(source), len(reference)) == (7, 20)
        assert len(written) <= 20
    metrics = run.metrics
    assert np.nanmean(table["score/seq_rep_4"].astype(float)) == pytest.approx(metrics["test/seq_rep_4"], nan_ok=True)
    for name in ("distinct_1", "distinct_3", "distinct_2/reference", "length/written", "perplexity"):
        assert f"test/{name}" in metrics
    again = evaluate_run(run)
    assert again["test/distinct_1"] == metrics["test/distinct_1"]
    with pytest.raises(UserError, match=r"task.prompt_tokens, generation.max_new_tokens: 7 and 20000 tokens are more"):
        train(compose([*OPTIONS, corpus, "generation.max_new_tokens=20000"]), outputs=tmp_path / "long", quiet=True)


def test_measures_of_known_texts():
    pairs = Pairs(["p", "q"], [["one two three four five"], ["one two three four"]], ["1", "2"])
    scores = task_named("continuation").measure(WrittenTexts(pairs, ["go go go go go go", "Go on"]))
    assert scores.values["seq_rep_4"] == pytest.approx(1 - 1 / 3)  # three 4-grams, one of them different
    assert np.isnan(scores.items["seq_rep_4"][1])
    assert scores.values["seq_rep_4/reference"] == 0
    assert scores.values["distinct_1"] == pytest.approx(2 / 8)
    assert scores.values["distinct_1/reference"] == pytest.approx(5 / 9)
    assert (scores.values["length/written"], scores.values["length/reference"]) == (4, 4.5)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["experiment=pretrain/bert", "task=continuation"],
            "task=continuation: only models trained with",
        ),
        (
            ["experiment=pretrain/ngram", "task=continuation"],
            "task=continuation: only models trained with",
        ),
        (["experiment=pretrain/gpt", "task=continuation"], "generation: null, and task=continuation generates; choose"),
        (
            ["experiment=finetune/multi30k", "model=t5_v1_1", "task=continuation"],
            "it continues running text, and",
        ),
        (
            ["experiment=pretrain/gpt", "task=translation"],
            "it scores texts that are written for texts",
        ),
        (["experiment=continuation/war_and_peace", "generation=null"], "generation: null, and task=continuation"),
    ],
)
def test_choices_that_do_not_fit_are_told(overrides, message):
    with pytest.raises(UserError) as error:
        compose(overrides)
    assert message in str(error.value)
