"""Every configuration file composes, builds and says everything; every experiment preset runs a step."""

import inspect
import json
import os
from pathlib import Path

import pytest

import interlace
from interlace.assembly import constructor
from interlace.configuration.checking import resolve_target, signature_of
from interlace.configuration.compose import compose_node
from interlace.configuration.names import choices, conf_file, description, groups
from interlace.configuration.schema import INJECTED
from interlace.data.tokenizers import TextTokenizer
from interlace.nn.transformer import TransformerEncoder
from interlace.tokens import ModalitySpec
from tests.data.manifest.test_layouts import MADE
from tests.data.passages.beir import small_beir
from tests.data.text_classification.test_glue import glue

SECTIONS = {group: group.split("/")[0] for group in groups()}
FILES = [(g, n) for g in sorted(groups()) for n in choices(g) if conf_file(g, n).package is None]
COMPONENTS = [(g, n) for g, n in FILES if SECTIONS[g] in INJECTED]
SPECS = {
    "text": ModalitySpec("text", (8,), vocabulary_size=20),
    "image": ModalitySpec("image", (3, 32, 32)),
    "audio": ModalitySpec("audio", (4000,), sample_rate=16000),
    "features": ModalitySpec("features", (2, 5)),
    "video": ModalitySpec("video", (4, 3, 32, 32)),
    "graph": ModalitySpec("graph", (3, 2 + 3)),
}


def injected(group, name):
    if group.startswith("encoder/"):
        return {"spec": SPECS[group.split("/")[1]]} | ({"language_model": tiny_bert()} if "language" in name else {})
    if group in ("data", "callbacks", "model", "text_augmentation"):
        known = {
            "tokenizer": TextTokenizer.train("byte", [], None), "log_every_n_steps": 10, "vocabulary_size": 20,
            "pad_id": 0, "bos_id": None, "eos_id": 1, "unk_id": 2, "excluded_ids": [0], "units": None,
            "vocabulary": list(map(str, range(20))), "seed": 0, "open_sampler": str, "open_translator": str,
            "open_scorer": str,
        }  # fmt: skip
        parameters, _ = signature_of(resolve_target(group, compose_node(group, name)))
        return {key: value for key, value in known.items() if key in parameters}
    return {
        "fusion": {"in_dims": {"image": 8}, "num_classes": 3},
        "head": {"in_dim": 8, "num_classes": 1} | ({"token_dim": 4} if name in ("token", "span") else {}),
        "decoder": {"language_model": tiny_gpt(), "in_dim": 8} if group == "decoder" else {},
        "missing_modality": {"in_dims": {"image": 8, "audio": 4}},
        "auxiliary": {"in_dims": {"image": 8, "audio": 4}, "num_classes": 3},
        "alignment": {"in_dims": {"image": 8, "audio": 4}},
        "loss_weighting": {"names": ["joint", "image", "audio"]},
        "optimizer": {"module": TransformerEncoder(dim=4, num_layers=1, num_heads=1, ratio=1, dropout=0.0)},
        "scheduler": {"num_steps": 10},
    }.get(group, {})


@pytest.mark.parametrize(("group", "name"), COMPONENTS)
def test_a_component_file_spells_out_every_option_and_builds(group, name):
    node = compose_node(group, name)
    parameters, _ = signature_of(resolve_target(group, node))
    expected = set(parameters) - INJECTED[SECTIONS[group]]
    assert set(node) - {"_target_"} == expected, "conf file and constructor differ"
    assert all(inspect.Parameter.empty is not p for p in parameters.values())
    own = ("manifest", "text_classification", "parallel_text", "corpus", "passages")
    if "???" not in str(node) and name not in own:
        # Those have no file to read yet.
        assert constructor(node)(**injected(group, name)) is not None


@pytest.mark.parametrize(("group", "name"), FILES)
def test_every_file_says_what_it_is(group, name):
    assert len(description(group, name)) > 10


def tiny_bert():
    node = {**compose_node("model", "bert"), "dim": 8, "num_layers": 1, "num_heads": 2, "feed_forward_dim": 16}
    return constructor(node)(vocabulary_size=20, pad_id=0)


def tiny_gpt():
    node = {**compose_node("model", "gpt"), "dim": 8, "num_layers": 1, "num_heads": 2, "feed_forward_dim": 16}
    return constructor(node)(vocabulary_size=20, pad_id=0)


def text(folder: Path) -> Path:
    path = folder / "text.txt"
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "dogs", "ran", "home"]
    lines = [" ".join(words[(i * j + i) % 10] for j in range(1, 12)) + "." for i in range(300)]
    path.write_text("\n".join(lines))
    return path


def manifest(folder: Path) -> Path:
    path = folder / "m.jsonl"
    rows = [{"id": str(i), "text": f"word{i % 2} here", "label": "ab"[i % 2]} for i in range(60)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def skip_without(data_set):
    folders = [Path(part) for part in os.environ.get("INTERLACE_DATA", "").split(os.pathsep) if part]
    if not any((folder / data_set).is_dir() for folder in folders):
        pytest.skip(f"INTERLACE_DATA names no folder with {data_set}")


def conversations(folder: Path) -> Path:
    for split in ("train", "val", "test"):
        turns = ["hello", f"welcome, {split}", "bye", "good bye"]
        messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(turns)]
        (folder / f"{split}.jsonl").write_text(json.dumps({"messages": messages}))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", choices("experiment"))
def test_every_experiment_preset_runs_a_step(name, outputs, tmp_path):
    overrides = [f"experiment={name}", "logger=none", "trainer.max_epochs=1",
                 *(f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")),
                 "trainer.threads=1"]  # fmt: skip
    if name.startswith("av_digits") and not any(
        (Path(p) / "mnist").is_dir() for p in os.environ.get("INTERLACE_DATA", "").split(os.pathsep) if p
    ):
        pytest.skip("INTERLACE_DATA names no folder with mnist and fsdd")
    if name.startswith(("pretrain/", "speedrun/", "continuation/")):
        unsized = ("pretrain/word2vec", "speedrun/shakespeare", "continuation/tinyshakespeare")
        small = [] if name in unsized else ["tokenizer.vocabulary_size=300"]
        overrides += ["data.name=null", f"data.train=[{text(tmp_path)}]", *small, "data.block_length=32"]
        overrides += ["data.batch_size=4"]
        if name.startswith("continuation/"):
            overrides += ["task.num_prompts=2", "task.prompt_tokens=4", "generation.max_new_tokens=8"]
        if name == "pretrain/word2vec":
            overrides += ["model.min_count=1", "model.epochs=1"]
    elif name.startswith("finetune/"):
        data_set = name.split("/")[1].split("_")[0]
        skip_without("squad-1.1-dev" if data_set == "squad" else data_set)
        overrides += ["data.batch_size=4", "data.train_fraction=0.02"]
        if "bag_of_words" not in name:
            masked = data_set in ("squad", "sst2")
            overrides += ["model=bert" if masked else "model=t5_v1_1"]
            overrides += ["tokenizer=wordpiece"] if masked else ["generation.max_new_tokens=4"]
            overrides += ["tokenizer.vocabulary_size=400"]
    elif name == "squad":
        skip_without("squad-1.1-dev")
        overrides += ["data.batch_size=4", "data.train_fraction=0.02", "tokenizer.vocabulary_size=400"]
    elif name.startswith("noto_"):
        if not any((Path(p) / "noto-emoji-captions").is_dir() for p in os.environ.get("INTERLACE_DATA", "").split(":")):
            pytest.skip("INTERLACE_DATA names no folder with noto-emoji-captions")
        overrides += ["data.batch_size=8", "generation.max_new_tokens=4"]
    elif name.startswith("summaries/"):
        overrides += ["data=parallel_text", f"data.path={dialogues(tmp_path)}"]
        overrides += ["tokenizer.vocabulary_size=300", "generation.max_new_tokens=4"] * name.endswith("abstractive")
    elif name.startswith("retrieval/"):
        overrides += ["data=passages", f"data.path={small_beir(tmp_path)}", "data.batch_size=4"]
        small = ["model.dim=8", "tokenizer.vocabulary_size=200", "tokenizer.min_frequency=1"]
        overrides += [] if name == "retrieval/bm25" else small
        overrides += ["model.num_heads=2"] if name == "retrieval/reranker" else []
    elif name.startswith("dialogue/"):
        overrides += ["data=dialogues", f"data.path={conversations(tmp_path)}", "tokenizer.vocabulary_size=300"]
        overrides += ["generation.max_new_tokens=4", "task=dialogue", "task.num_candidates=2"]
    elif name.startswith("answers/"):
        folder = small_beir(tmp_path)
        overrides += ["data.name=null", f"data.path={folder}", "data.batch_size=4"]
        overrides += ["tokenizer=byte", "model.dim=16"] * name.endswith("book")
        if name == "answers/retrieved":
            found = ["experiment=retrieval/bm25", "logger=none", "data=passages", f"data.path={folder}"]
            overrides += [f"model.index={interlace.train(interlace.compose(found), quiet=True).directory}"]
    elif name.startswith("correction/"):
        overrides += ["data.name=null", f"data.path={dialogues(tmp_path)}", "data.language=source", "data.rate=0.5"]
        overrides += ["generation.max_new_tokens=4"] * name.endswith("seq2seq")
    elif name.startswith("glue/"):
        overrides += [f"data.path={glue(tmp_path, name.partition('/')[2])}"]
    elif name in MADE:  # the official layouts
        overrides += [f"data.path={MADE[name](tmp_path / 'set')}", "data.image_size=16", "data.max_seconds=1.0"]
        overrides += ["tokenizer.vocabulary_size=270"] if name == "librispeech" else []
    elif name == "graph_qa":
        sizes = ["data.num_train=64", "data.num_val=16", "data.num_test=16"]
        config = interlace.compose(["experiment=graph_relations", "logger=none", *sizes])
        relations = interlace.train(config, quiet=True)
        overrides += [*sizes, f"model.relations={relations.directory}"]
    elif name == "manifest":
        overrides.append(f"data.path={manifest(tmp_path)}")
    else:
        overrides += ["data.num_train=64", "data.num_val=64", "data.num_test=64"]
    run = interlace.train(interlace.compose(overrides), quiet=True)
    assert run.status["status"] == "done"
    assert run.results["num_parameters"] > 0


def dialogues(folder):
    """Dialogues of three lines, each with its second line as the summary."""
    for split, number in (("train", 20), ("val", 6), ("test", 6)):
        lines = ({"source": f"A: hello\nB: number {i} is here\nA: bye", "target": f"number {i}"} for i in range(number))
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", choices("debug"))
def test_every_debug_preset_runs(name, outputs, tiny):
    overrides = [o for o in tiny if not o.startswith("logger")]
    run = interlace.train(interlace.compose([*overrides, f"debug={name}", "trainer.max_epochs=1"]), quiet=True)
    assert run.status["status"] == "done"
