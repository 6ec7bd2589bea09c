"""Dialogue runs: perplexity of replies, candidates, generated replies, turns with a cache, baselines, commands."""

import io
import itertools
import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from interlace.assembly import assemble
from interlace.assembly.components import build_data
from interlace.assembly.dialogue import open_conversation, reply_log_probabilities
from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.data.dialogue.datamodule import contexts_of
from interlace.data.dialogue.messages import Message
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.models.generation import GenerationOptions
from interlace.runs import load_run
from interlace.training import train

OPTIONS = [
    "experiment=dialogue/taskmaster4", "data=dialogues", "data.batch_size=8", "tokenizer=byte", "task=dialogue",
    "task.num_candidates=3", "logger=none", "trainer=cpu", "generation.max_new_tokens=12",
]  # fmt: skip
GPT = ["model.dim=32", "model.num_layers=2", "model.num_heads=2", "model.feed_forward_dim=64"]
DRINKS, SIZES = ("mocha", "latte", "tea"), ("small", "large")


def conversation(drink, size):
    texts = [f"a {drink}", f"what size of {drink}?", size, f"one {size} {drink}"]
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("orders")
    lines = [json.dumps({"messages": conversation(*each)}) for each in itertools.product(DRINKS, SIZES)]
    for split, number in (("train", 4), ("val", 1), ("test", 1)):
        (path / f"{split}.jsonl").write_text("\n".join(lines * number) + "\n")
        if number > 1:
            text = "\n".join(json.dumps({"id": i, **json.loads(line)}) for i, line in enumerate(lines * number))
            (path / f"{split}.jsonl").write_text(text + "\n")
    return path


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    config = compose([*OPTIONS, *GPT, f"data.path={folder}", "trainer.max_steps=60", "trainer.max_epochs=30"])
    return train(config, outputs=tmp_path_factory.mktemp("out"), quiet=True)


def test_the_loss_is_that_of_the_replies_alone(trained):
    data, model = build_data(trained.config), trained.model()
    nats, count = 0.0, 0
    for each in data.splits["test"].encoded:
        ids = torch.tensor([each.ids])
        with torch.inference_mode():
            losses = F.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
        chosen = torch.tensor(each.is_reply[1:])
        nats, count = nats + float(losses[chosen].sum()), count + int(chosen.sum())
    assert trained.metrics["test/loss"] == pytest.approx(nats / count, rel=1e-4)
    assert trained.metrics["test/perplexity"] == pytest.approx(np.exp(nats / count), rel=1e-4)


def test_log_probabilities_of_replies_are_those_of_one_row_alone(trained):
    data, model = build_data(trained.config), trained.model()
    contexts = contexts_of(data.splits["test"].conversations)
    rows = [(contexts[0], "what size of mocha?"), (contexts[1], "no"), ([], "one")]
    sums, lengths = reply_log_probabilities(model, data, rows)
    for (messages, text), found, length in zip(rows, sums, lengths, strict=True):
        reply = data.template.reply(text)
        ids = torch.tensor([[*data.template.prompt(messages, 200), *reply]])
        with torch.inference_mode():
            table = model(ids).logits[0].log_softmax(-1)
        start = ids.shape[1] - len(reply)
        right = sum(float(table[start + i - 1, token]) for i, token in enumerate(reply))
        assert (length, found) == (len(text) + 1, pytest.approx(right, rel=1e-4))


def test_metrics_are_means_of_the_items(trained):
    table, metrics = trained.predictions, trained.metrics
    assert len(table) == 12
    for name in ("f1", "recall@1", "recall@2", "mrr"):
        assert table[f"score/{name}"].mean() == pytest.approx(metrics[f"test/{name}"])
    assert "test/recall@5" not in metrics  # of three candidates
    assert metrics["test/recall@1"] > 1 / 3
    assert 0 < metrics["test/distinct_1"] <= 1
    told = json.loads((trained.directory / "data_description.json").read_text())
    assert told["trivial"]["name"].startswith("most frequent reply")
    assert evaluate_run(trained)["test/f1"] == pytest.approx(metrics["test/f1"])


@pytest.mark.parametrize("model", ["gpt", "lstm"])
def test_turns_with_the_cache_kept_are_those_read_from_the_start(folder, model):
    from interlace.assembly.models import build_language_model

    sizes = GPT if model == "gpt" else ["model.dim=32"]
    config = compose([*OPTIONS, f"model={model}", *sizes, f"data.path={folder}"])
    data = build_data(config)
    network = build_language_model(config, data.tokenizer).eval()
    torch.manual_seed(1)
    for parameter in network.parameters():  # untrained projections are zero, and nothing would depend on the context
        torch.nn.init.normal_(parameter, std=0.2)
    talks = {
        cache: open_conversation(network, data, GenerationOptions(max_new_tokens=9, use_cache=cache))
        for cache in (True, False)
    }
    for talk in talks.values():
        talk.add([Message("system", "Be brief.")])
        for text in ("a mocha", "small", "thanks"):
            talk.add([Message("user", text)])
            talk.reply()
    kept, again = talks[True], talks[False]
    assert kept.messages == again.messages
    assert len(kept.messages) == 7
    assert kept.tokens_read < again.tokens_read
    # Each token is read once: all but the last generated token of the last turn, which nothing follows.
    whole = sum(map(len, kept._turns))
    generated = sum(len(turn) for turn, m in zip(kept._turns, kept.messages, strict=True) if m.role == "assistant")
    assert kept.tokens_read <= whole - generated + 3 * 3


def test_a_conversation_beyond_its_limit_leaves_out_the_oldest_turns(folder):
    config = compose([*OPTIONS, *GPT, f"data.path={folder}", "data.max_tokens=40"])
    data = build_data(config)
    from interlace.assembly.models import build_language_model

    talk = open_conversation(build_language_model(config, data.tokenizer), data, GenerationOptions(max_new_tokens=4))
    talk.add([Message("system", "short")])
    for number in range(6):
        talk.add([Message("user", f"turn {number}")])
        talk.reply()
    assert len(talk.messages) == 13
    assert len(talk._turns) < 13
    assert talk._turns[0] == data.template.turn(Message("system", "short"))[0]
    with pytest.raises(UserError, match="a reply follows a message of the user"):
        talk.reply()


@pytest.mark.parametrize("model", ["most_frequent_text", "nearest_source"])
def test_baselines_answer_rate_and_are_loaded(folder, tmp_path, model):
    options = [*OPTIONS, f"data.path={folder}", f"model={model}"]
    run = train(compose(options), outputs=tmp_path, quiet=True)
    table = run.predictions
    if model == "most_frequent_text":
        assert len(set(table["text"])) == 1
        assert run.metrics["test/f1"] == pytest.approx(run_description(run)["trivial"]["f1"], abs=1e-4)
    else:  # every test context is one of training
        assert (run.metrics["test/f1"], run.metrics["test/recall@1"]) == (1, 1)
    asked = [{"messages": conversation("latte", "large")[:3]}]
    assert run.predict(asked)[0]["text"] == load_run(run.directory).predict(asked)[0]["text"]
    file = next((run.directory / "checkpoints" / "algorithm").iterdir())
    file.write_text("{}")
    with pytest.raises(UserError):
        load_run(run.directory).predict(asked)


def run_description(run):
    return json.loads((run.directory / "data_description.json").read_text())


def test_candidates_are_drawn_without_the_right_reply_and_without_each_other():
    targets = ["Yes.", "yes.", "no", "maybe", "later", "no"]
    pairs = Pairs(list("abcdef"), [[text] for text in targets], list("123456"))
    task = task_named("dialogue", num_candidates=4)
    found = task.candidates(pairs)
    for right, row in zip(targets, found, strict=True):
        assert row[0] == right
        assert len({text.lower() for text in row}) == 4
    assert found == task.candidates(pairs)
    with pytest.raises(UserError, match="got 5, and the split has 4 different replies; lower it"):
        task_named("dialogue", num_candidates=5).candidates(pairs)


def test_commands_continue_conversations(trained, tmp_path, capsys, monkeypatch):
    directory = str(trained.directory)
    file = tmp_path / "asked.jsonl"
    asked = [conversation("tea", "small")[:1], conversation("latte", "large")[:3]]
    file.write_text("".join(json.dumps({"messages": each}) + "\n" for each in asked))
    assert command(["predict", directory, "--input", str(file), "--output", str(tmp_path / "out.jsonl")]) == 0
    replies = [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a tea\n\nsmall\n")))
    assert command(["chat", directory]) == 0
    streamed = capsys.readouterr().out.splitlines()
    assert len(streamed) == 2
    assert streamed[0].rstrip() == replies[0]


def test_parts_that_do_not_fit_are_told(folder):
    with pytest.raises(UserError, match=r"objective=causal: it learns from running text.*choose objective=dialogue"):
        compose([*OPTIONS, "objective=causal", f"data.path={folder}"])
    with pytest.raises(UserError, match="objective=dialogue: it trains causal models, and bert is masked"):
        compose([*OPTIONS, "model=bert", f"data.path={folder}"])
    short = compose([*OPTIONS, "model=gpt2", "model.max_length=100", f"data.path={folder}"])
    with pytest.raises(UserError, match=r"data.max_tokens: got 256, and the model has positions for 100"):
        assemble(short).build_task()
    with pytest.raises(UserError, match=r"generation: null, and replies are generated; choose generation=greedy"):
        assemble(compose([*[o for o in OPTIONS if "max_new" not in o], "generation=null", f"data.path={folder}"]))
