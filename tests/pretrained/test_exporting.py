"""Exports: whole or absent, with their tokenizer, and refused where Hugging Face has no such model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from interlace import pretrained
from interlace.assembly.prompts import encode_prompt
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.bert import BERT
from interlace.models.generation import GenerationOptions, generate
from interlace.models.gpt import GPT
from interlace.models.lstm import LSTM
from interlace.models.t5 import T5
from interlace.objectives.masked import framed
from interlace.pretrained import exporting
from interlace.pretrained.parents import load_with_tokenizer
from tests.data.tokenizers.conftest import OPTIONS, TEXTS
from tests.models.sizes import BERT_OPTIONS, GPT2, MODERN, ROBERTA, T5_V1
from tests.pretrained.reference import randomised, transformers


def test_the_tokenizer_comes_along(tmp_path: Path) -> None:
    tokenizer = TextTokenizer.train("bpe", ["the cat sat on the mat", "a dog ate the cat"] * 4, 280)
    model = GPT(**GPT2 | {"vocabulary_size": len(tokenizer), "pad_id": tokenizer.pad_id}).eval()
    pretrained.export(model, tokenizer, tmp_path / "model")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    text = "the dog sat"
    ids = loaded(text, add_special_tokens=False)["input_ids"]
    assert ids == tokenizer.encode(text)
    assert loaded.eos_token_id == tokenizer.eos_id == theirs.config.eos_token_id
    assert loaded.model_max_length == model.max_length
    given = torch.tensor([ids])
    torch.testing.assert_close(model(given).logits, theirs(given).logits, rtol=0, atol=1e-5)
    assert pretrained.load_tokenizer(tmp_path / "model").hash == tokenizer.hash


PROMPTS = ["The queen rode", "the men  don't", "Straße, 12 lords", "\nThe king's", "x ☃ 日本"]
NAMING = [*PROMPTS, " a </s> b <s> [SEP] <pad>[MASK]"]
KINDS = ("bpe", "wordpiece", "unigram", "byte", "char", "char-bytes", "word")
PADDED = 7  # rows of the vocabulary that stand for no token
GENERATING = {
    "gpt2": (GPT, GPT2 | {"max_length": 128}, transformers.AutoModelForCausalLM, NAMING),
    "t5": (T5, T5_V1 | {"num_decoder_layers": 2}, transformers.AutoModelForSeq2SeqLM, PROMPTS),
    "t5 start": (
        T5,
        T5_V1 | {"num_decoder_layers": 2, "decoder_start_id": 3},
        transformers.AutoModelForSeq2SeqLM,
        PROMPTS,
    ),
}


@pytest.fixture(scope="module")
def kinds() -> dict[str, TextTokenizer]:
    return {kind: TextTokenizer.train(kind.split("-")[0], TEXTS, **OPTIONS[kind]) for kind in KINDS}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", GENERATING)
def test_transformers_goes_on_with_the_same_tokens(
    family: str, kind: str, kinds: dict[str, TextTokenizer], tmp_path: Path
) -> None:
    """Greedy, from text, alone and in a padded batch, and the text of it."""
    build, sizes, auto, prompts = GENERATING[family]
    tokenizer = kinds[kind]
    torch.manual_seed(4)
    model = randomised(build(**sizes | {"vocabulary_size": len(tokenizer) + PADDED, "pad_id": tokenizer.pad_id}))
    pretrained.export(model, tokenizer, tmp_path / "model")
    ours, again = load_with_tokenizer(tmp_path / "model")
    assert again.hash == tokenizer.hash
    ids = [encode_prompt(prompt, ours, again, bos=False) for prompt in prompts]
    options = GenerationOptions(max_new_tokens=12, suppress_tokens=tuple(range(len(again), ours.vocabulary_size)))
    answers = generate(ours, ids, options, eos_id=again.separator_id, decode=again.decode)

    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    theirs = auto.from_pretrained(tmp_path / "model").eval()
    batch = loaded(prompts, return_tensors="pt", padding=True)
    assert set(batch) == {"input_ids", "attention_mask"}
    together = theirs.generate(**batch, do_sample=False, max_new_tokens=12)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        assert loaded(prompt)["input_ids"] == ids[row]
        alone = theirs.generate(**loaded([prompt], return_tensors="pt"), do_sample=False, max_new_tokens=12)[0]
        before = 1 if family.startswith("t5") else len(ids[row])
        start = 1 if family.startswith("t5") else batch["input_ids"].shape[1]
        for found in (alone[before:], together[row][start:]):
            assert found.tolist()[: len(answer.tokens)] == answer.tokens, prompt
            assert set(found.tolist()[len(answer.tokens) :]) <= {again.separator_id, tokenizer.pad_id}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "unigram"])  # which has no token to mask with
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_transformers_reads_texts_as_masked_models_here(
    family: str, kind: str, kinds: dict[str, TextTokenizer], tmp_path: Path
) -> None:
    tokenizer = kinds[kind]
    sizes = (BERT_OPTIONS | {"pooling": "none"}) if family == "bert" else ROBERTA
    sizes = sizes | {"vocabulary_size": len(tokenizer), "pad_id": tokenizer.pad_id, "max_length": 128}
    model = randomised(BERT(**sizes))
    pretrained.export(model, tokenizer, tmp_path / "model")
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "model").eval()
    assert pretrained.load_tokenizer(tmp_path / "model").hash == tokenizer.hash
    assert ("token_type_ids" in loaded("The queen")) == (family == "bert")
    for prompt in PROMPTS:
        ids = np.array([tokenizer.encode(prompt)])
        rows = framed(ids, np.array([ids.size]), None, tokenizer.cls_id, tokenizer.sep_id, 0)[0]  # type: ignore[arg-type]
        assert loaded(prompt)["input_ids"] == rows[0].tolist()
        batch = loaded(prompt, return_tensors="pt")
        torch.testing.assert_close(model(**batch).logits, theirs(**batch).logits, rtol=0, atol=1e-4)
    masked = loaded(f"The queen {loaded.mask_token} her")["input_ids"]
    assert masked.count(tokenizer.mask_id) == 1


@pytest.mark.parametrize("option", ["gated", "query_key_norm", "embedding_norm", "bigram_table"])
def test_a_gpt_that_is_no_gpt2_is_refused(option: str, tmp_path: Path) -> None:
    model = GPT(**GPT2 | {option: True})
    with pytest.raises(UserError, match=rf"model\.{option}: Hugging Face's GPT-2 has False"):
        pretrained.export(model, None, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_families_without_a_counterpart_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lstm model has no counterpart"):
        pretrained.export(
            LSTM(vocabulary_size=9, pad_id=0, dim=4, num_layers=1, dropout=0.0, tie_embeddings=True),
            None,
            tmp_path / "model",
        )
    with pytest.raises(UserError, match=r"model\.norm"):
        pretrained.export(GPT(**MODERN), None, tmp_path / "model")


def test_adapters_and_foreign_tokenizers_are_refused(tmp_path: Path) -> None:
    model = GPT(**GPT2)
    tokenizer = TextTokenizer.train("bpe", ["the cat sat on the mat"] * 4, 280)
    with pytest.raises(UserError, match=r"tokenizer has \d+ entries and the model 40"):
        pretrained.export(model, tokenizer, tmp_path / "model")
    model.stack.layers[0].register_parameter("lora_a", torch.nn.Parameter(torch.ones(2)))
    with pytest.raises(UserError, match=r"such as stack\.layers\.0\.lora_a; merge"):
        pretrained.export(model, None, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "save_file", full)
    with pytest.raises(UserError, match="No space left"):
        pretrained.export(GPT(**GPT2), None, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        pretrained.export(GPT(**GPT2), None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]
    pretrained.export(GPT(**GPT2), None, tmp_path / "new" / "model")
    assert pretrained.load(tmp_path / "new" / "model").dim == 24
