"""Exports: whole or absent, with their tokenizer, and refused where Hugging Face has no such model."""

from pathlib import Path
from typing import Any

import pytest
import torch

from interlace import pretrained
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.models.gpt import GPT
from interlace.models.lstm import LSTM
from interlace.pretrained import exporting
from tests.models.sizes import GPT2, MODERN
from tests.pretrained.reference import transformers


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
