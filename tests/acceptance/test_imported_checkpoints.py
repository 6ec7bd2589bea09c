"""One override starts each text preset from a checkpoint in Hugging Face's layout, or from a model pretrained here."""

import json

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import interlace
from interlace.pretrained.parents import parent_hash
from tests.data.passages.beir import small_beir
from tests.pretrained.reference import saved, transformers

SMALL = ["logger=none", "trainer.threads=1", "trainer.max_steps=1", "trainer.max_epochs=1"]
TEXT = ["the box is red .", "the sky is blue .", "where is the box ?", "User: a tea Assistant: with milk ?"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
QUESTIONS = [
    {"id": f"q{i}", "title": f"t{i // 2}", "question": "What colour is the box?", "context": "The box is red.",
     "answers": ["red"]} for i in range(12)
]  # fmt: skip


def tokenizer(kind):
    """A tokenizer of each family's kind with its special tokens, trained on a few sentences."""
    if kind == "bert":
        special = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
        backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        backend.normalizer = normalizers.BertNormalizer(lowercase=True)
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        backend.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=[*special.values()])
    elif kind == "gpt2":
        special = {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"}
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    else:
        special = {"pad": "<pad>", "eos": "</s>", "unk": "<unk>"}
        backend = Tokenizer(models.Unigram())
        backend.pre_tokenizer = pre_tokenizers.Metaspace()
        backend.decoder = decoders.Metaspace()
        sentinels = [f"<extra_id_{i}>" for i in range(20)]
        trainer = trainers.UnigramTrainer(
            vocab_size=150, special_tokens=[*special.values(), *sentinels], unk_token="<unk>"
        )
    backend.train_from_iterator([*TEXT, "abcdefghijklmnopqrstuvwxyz ,"], trainer)
    if kind == "bert":
        ids = [(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
        )
    roles = {f"{role}_token": token for role, token in special.items()}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **roles)


def checkpoint(kind, folder):
    """A tiny model of random weights and its tokenizer, as transformers saves them."""
    own = tokenizer(kind)
    made = {
        "bert": lambda: transformers.BertForPreTraining(
            transformers.BertConfig(vocab_size=len(own), max_position_embeddings=512, **SIZES)
        ),
        "gpt2": lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=len(own), n_embd=16, n_layer=1, n_head=2, n_positions=512,
                                    bos_token_id=0, eos_token_id=0)
        ),
        "t5": lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(vocab_size=len(own), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2,
                                  decoder_start_token_id=0)
        ),
    }  # fmt: skip
    own.save_pretrained(folder)
    return saved(made[kind](), folder)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    return {kind: checkpoint(kind, folder / kind) for kind in ("bert", "gpt2", "t5")}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """Runs of one update of the pretraining presets."""
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "text.txt").write_text(running_text())
    sizes = ["model.dim=16", "model.num_layers=1", "model.num_heads=2", "model.feed_forward_dim=16"]
    data = ["data.name=null", f"data.train=[{folder / 'text.txt'}]", "data.block_length=32", "data.batch_size=4"]
    found = {}
    for preset, kind in (("bert", "bert"), ("gpt", "gpt2"), ("t5", "t5")):
        decoder = ["model.num_decoder_layers=1", "model.head_dim=8"] if kind == "t5" else []
        overrides = [f"experiment=pretrain/{preset}", *SMALL, *data, *sizes, *decoder, "tokenizer.vocabulary_size=300"]
        run = interlace.train(interlace.compose(overrides), outputs=folder / "outputs", quiet=True)
        found[kind] = run.directory
    return found


def running_text():
    """Documents of a line each, all different."""
    return "\n".join(f"{number}: {TEXT[number % 4]}" for number in range(120))


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def pairs(folder):
    for split in ("train", "val", "test"):
        lines(folder / f"{split}.jsonl", [{"source": "the box is red", "target": f"der {split} {i}"} for i in range(4)])
    return ["data=parallel_text", f"data.path={folder}", "generation.max_new_tokens=3"]


def languages(folder):
    for split in ("train", "val", "test"):
        for language in ("en", "de", "fr"):
            (folder / f"{split}.{language}").write_text(f"the box\n{split} is red\n")
    return ["data.name=null", f"data.path={folder}", "generation.max_new_tokens=3"]


def corrupted(folder):
    lines(folder / "text.jsonl", [{"source": "the little box is there"}] * 6)
    for split in ("train", "val", "test"):
        (folder / f"{split}.jsonl").write_text((folder / "text.jsonl").read_text())
    return ["data.name=null", f"data.path={folder}", "data.language=source", "generation.max_new_tokens=3"]


def open_questions(folder):
    return ["data.name=null", f"data.path={small_beir(folder)}", "generation.max_new_tokens=3"]


def talk(wanted):
    return [{"role": "user", "content": wanted}, {"role": "assistant", "content": f"{wanted} with milk?"}]


def conversations(folder):
    for split in ("train", "val", "test"):
        lines(folder / f"{split}.jsonl", [{"messages": talk(f"{split} {i}")} for i in range(3)])
    return ["data=dialogues", f"data.path={folder}", "generation.max_new_tokens=3", "task=dialogue",
            "task.num_candidates=2"]  # fmt: skip


def corpus(folder):
    (folder / "corpus.txt").write_text(running_text())
    return ["data.name=null", f"data.train=[{folder / 'corpus.txt'}]", "data.block_length=32", "data.batch_size=4"]


def stories(folder):
    return [*corpus(folder), "task.num_prompts=2", "task.prompt_tokens=4", "generation.max_new_tokens=3"]


def labelled(folder):
    rows = [{"text": TEXT[i % 2], "label": "ab"[i % 2]} for i in range(30)]
    lines(folder / "labelled.jsonl", rows)
    return ["data=text_classification", f"data.path={folder / 'labelled.jsonl'}"]


def cola(folder):
    for split in ("train", "dev"):
        (folder / f"{split}.tsv").write_text("".join(f"x\t{i % 2}\t\t{TEXT[i % 2]}\n" for i in range(20)))
    return [f"data.path={folder}"]


def questions(folder):
    lines(folder / "questions.jsonl", QUESTIONS)
    return ["data=reading_comprehension", f"data.path={folder / 'questions.jsonl'}", "data.val_articles=1",
            "data.test_articles=2", "data.max_tokens=64", "data.max_question_tokens=16", "data.stride=16"]  # fmt: skip


def passages(folder):
    return ["data=passages", f"data.path={small_beir(folder)}", "data.batch_size=4"]


def noisy(folder):
    return [each for each in corrupted(folder) if not each.startswith("generation")]


def zero_shot(folder):
    return [*passages(folder), "retrieval=weighted"]


PRESETS = [
    ("retrieval/dense", "bert", passages),
    ("retrieval/reranker", "bert", passages),
    ("finetune/sst2", "bert", labelled),
    ("glue/cola", "bert", cola),
    ("squad", "bert", questions),
    ("finetune/squad", "bert", questions),
    ("pretrain/bert", "bert", corpus),
    ("dialogue/taskmaster4", "gpt2", conversations),
    ("continuation/war_and_peace", "gpt2", stories),
    ("pretrain/gpt", "gpt2", corpus),
    ("pretrain/t5", "t5", corpus),
    ("finetune/multi30k", "t5", pairs),
    ("finetune/multi30k_many", "t5", languages),
    ("finetune/multi30k_streaming", "t5", pairs),
    ("summaries/abstractive", "t5", pairs),
    ("correction/seq2seq", "t5", corrupted),
    ("answers/closed_book", "t5", open_questions),
]


@pytest.mark.parametrize(("preset", "kind", "data"), PRESETS, ids=[preset for preset, _, _ in PRESETS])
def test_one_override_starts_a_preset_from_an_imported_checkpoint(preset, kind, data, checkpoints, outputs, tmp_path):
    runs_a_step(preset, checkpoints[kind], data, tmp_path)


@pytest.mark.parametrize("preset", ["squad", "dialogue/taskmaster4", "summaries/abstractive"])
def test_one_override_starts_a_preset_from_a_run_of_a_pretraining_preset(preset, pretrained, outputs, tmp_path):
    kind, data = next((kind, data) for name, kind, data in PRESETS if name == preset)
    runs_a_step(preset, pretrained[kind], data, tmp_path)


@pytest.mark.parametrize(
    ("preset", "key", "kind", "data"),
    [
        ("correction/noisy_channel", "model.language_model", "gpt2", noisy),
        ("retrieval/bm25", "model.encoder", "bert", zero_shot),
    ],
)
def test_models_that_are_fitted_use_a_checkpoint_as_it_is(preset, key, kind, data, checkpoints, outputs, tmp_path):
    runs_a_step(preset, checkpoints[kind], data, tmp_path, key)


def runs_a_step(preset, start, data, tmp_path, key="model.init_from"):
    """A run of one update whose manifest has the weights that it began with."""
    overrides = [f"experiment={preset}", *SMALL, *data(tmp_path), f"{key}={start}"]
    run = interlace.train(interlace.compose(overrides, look_for_files=True), quiet=True)
    assert run.status["status"] == "done"
    assert run.config["model"][key.removeprefix("model.")] == str(start)
    manifest = json.loads((run.directory / "manifest.json").read_text())
    assert key in manifest["inputs"]
    if preset != "correction/noisy_channel":  # no weights of its own start from the language model's
        assert manifest["parents"] == {str(start): parent_hash(start)}
