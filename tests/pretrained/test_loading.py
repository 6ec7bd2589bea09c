"""Files as they are met: old spellings, shards, copies, other tasks' heads, and damage."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from interlace import pretrained
from interlace.errors import UserError
from interlace.models.base import LanguageModel
from tests.pretrained import reference
from tests.pretrained.reference import batch, saved

Tensors = dict[str, Tensor]


def rewrite(directory: Path, change: Callable[[Tensors], Tensors]) -> Path:
    """Changes the tensors of a directory."""
    path = directory / "model.safetensors"
    tensors = {name: value.clone() for name, value in change(load_file(path)).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    return directory


def configure(directory: Path, **changes: Any) -> Path:
    """Changes config.json; None removes a key."""
    path = directory / "config.json"
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    return directory


def same_weights(a: LanguageModel, b: LanguageModel) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_gamma_and_beta_of_old_files(tmp_path: Path) -> None:
    directory = saved(reference.bert(), tmp_path)
    expected = pretrained.load(directory)
    rewrite(
        directory,
        lambda tensors: {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
            for name, value in tensors.items()
        },
    )
    assert "bert.embeddings.LayerNorm.gamma" in load_file(tmp_path / "model.safetensors")
    assert same_weights(pretrained.load(directory), expected)


def test_one_tensor_in_two_spellings_is_refused(tmp_path: Path) -> None:
    directory = saved(reference.bert(), tmp_path)
    norm = "bert.embeddings.LayerNorm"
    rewrite(directory, lambda tensors: {**tensors, f"{norm}.gamma": tensors[f"{norm}.weight"]})
    with pytest.raises(UserError, match=r"contain bert\.embeddings\.LayerNorm\.weight twice"):
        pretrained.load(directory)


def test_gpt2_as_on_the_hub(tmp_path: Path) -> None:
    """No prefix, and mask buffers whose names end in "bias"."""
    directory = saved(reference.gpt2(), tmp_path)
    expected = pretrained.load(directory)

    def hub(tensors: Tensors) -> Tensors:
        bare = {name.removeprefix("transformer."): value for name, value in tensors.items()}
        masks = {f"h.{i}.attn.bias": torch.ones(1, 1, 32, 32).tril() for i in range(3)}
        return bare | masks | {f"h.{i}.attn.masked_bias": torch.tensor(-1e4) for i in range(3)}

    assert same_weights(pretrained.load(rewrite(directory, hub)), expected)


def test_an_encoder_without_prefix_encodes_and_has_no_scores(tmp_path: Path) -> None:
    theirs = reference.bert("BertModel")
    ours = pretrained.load(saved(theirs, tmp_path))
    ids, mask = batch()
    hidden = ours.encode(ids, mask)
    other = theirs(ids, attention_mask=mask)
    torch.testing.assert_close(hidden[mask.bool()], other.last_hidden_state[mask.bool()], rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.pooled(hidden), other.pooler_output, rtol=0, atol=1e-5)  # type: ignore[operator]
    with pytest.raises(UserError, match="no masked LM head"):
        ours.logits(hidden)


@pytest.mark.parametrize(
    ("make", "head"),
    [
        (lambda: reference.bert("BertForSequenceClassification"), "classifier.bias"),
        (lambda: reference.roberta("RobertaForSequenceClassification"), "classifier.dense.bias"),
        (lambda: reference.bert("BertForQuestionAnswering"), "qa_outputs.bias"),
        (lambda: reference.gpt2("GPT2ForSequenceClassification", pad_token_id=0), "score.weight"),
    ],
)
def test_heads_of_other_tasks_are_named(make: Callable[[], Any], head: str, tmp_path: Path) -> None:
    theirs = make()
    directory = saved(theirs, tmp_path)
    with pytest.warns(UserWarning, match=head):
        ours = pretrained.load(directory)
    ids, mask = batch(pad=theirs.config.pad_token_id)
    expected = theirs.base_model(ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(ours.encode(ids, mask)[mask.bool()], expected[mask.bool()], rtol=0, atol=1e-5)
    with pytest.raises(UserError, match=head):
        pretrained.load(directory, task_head="refuse")


def test_copies_of_tied_heads_must_be_copies(tmp_path: Path) -> None:
    directory = saved(reference.bert(), tmp_path)
    expected = pretrained.load(directory)
    words, head = "bert.embeddings.word_embeddings.weight", "cls.predictions"
    old = {"bert.embeddings.position_ids": torch.arange(32)[None]}
    rewrite(
        directory,
        lambda t: {**t, **old, f"{head}.decoder.weight": t[words], f"{head}.decoder.bias": t[f"{head}.bias"]},
    )
    assert same_weights(pretrained.load(directory), expected)
    rewrite(directory, lambda t: {**t, f"{head}.decoder.bias": t[f"{head}.bias"] + 1})
    with pytest.raises(UserError, match=r"decoder\.bias must equal cls\.predictions\.bias"):
        pretrained.load(directory)


@pytest.mark.parametrize(
    ("make", "head"),
    [
        (lambda: reference.gpt2(tie_word_embeddings=False), "head.weight"),
        (lambda: reference.bert(tie_word_embeddings=False), "masked_head.output.weight"),
    ],
)
def test_untied_heads(make: Callable[[], Any], head: str, tmp_path: Path) -> None:
    theirs = make()
    ours = pretrained.load(saved(theirs, tmp_path / "model"))
    assert head in ours.state_dict()
    pretrained.export(ours, None, tmp_path / "export")
    ids, mask = batch()
    again = type(theirs).from_pretrained(tmp_path / "export", attn_implementation="eager").eval()
    for model in (theirs, again):
        output = model(ids, attention_mask=mask)
        expected = output.logits if "logits" in output else output.prediction_logits
        torch.testing.assert_close(ours(ids, mask).logits[mask.bool()], expected[mask.bool()], rtol=0, atol=1e-5)


def test_stale_and_shared_names_of_t5(tmp_path: Path) -> None:
    directory = saved(reference.t5(), tmp_path)
    expected = pretrained.load(directory)
    stale = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    shared = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
    rewrite(directory, lambda t: {**t, stale: torch.ones(8, 4), **dict.fromkeys(shared, t["shared.weight"])})
    assert same_weights(pretrained.load(directory), expected)


@pytest.mark.parametrize("format", ["safetensors", "pickled", "pickled shards"])
def test_shards_and_plain_pickles(format: str, tmp_path: Path) -> None:
    theirs = reference.gpt2()
    expected = pretrained.load(saved(theirs, tmp_path / "whole"))
    directory = tmp_path / "other"
    theirs.save_pretrained(directory, max_shard_size="20kB")
    shards = sorted(directory.glob("*-of-*.safetensors"))
    assert len(shards) > 1
    if format != "safetensors":
        tensors: Tensors = {}
        index = json.loads((directory / "model.safetensors.index.json").read_text())
        for shard in shards:
            tensors |= load_file(shard)
            torch.save(load_file(shard), shard.with_suffix(".bin"))
            shard.unlink()
        (directory / "model.safetensors.index.json").unlink()
        if format == "pickled":
            torch.save(tensors, directory / "pytorch_model.bin")
        else:
            files = {name: file.replace(".safetensors", ".bin") for name, file in index["weight_map"].items()}
            (directory / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": files}))
    assert same_weights(pretrained.load(directory), expected)


def test_half_precision_files_are_read_in_float32_and_draw_nothing(tmp_path: Path) -> None:
    theirs = reference.gpt2().bfloat16()
    torch.manual_seed(7)
    before = torch.get_rng_state()
    ours = pretrained.load(saved(theirs, tmp_path))
    assert torch.equal(torch.get_rng_state(), before)
    assert {p.dtype for p in ours.parameters()} == {torch.float32}
    assert all(p.requires_grad and p.device.type == "cpu" for p in ours.parameters())
    assert not any(b.is_meta for b in ours.buffers())
    assert torch.equal(ours.embeddings.word.weight, theirs.transformer.wte.weight.float())


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    reference.gpt2().save_pretrained(tmp_path, max_shard_size="20kB")
    lost = sorted(tmp_path.glob("*-of-*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(UserError, match=lost.name):
        pretrained.load(tmp_path)


def test_an_index_cannot_point_out_of_its_directory(tmp_path: Path) -> None:
    directory = saved(reference.gpt2(), tmp_path / "model")
    (directory / "model.safetensors").rename(tmp_path / "outside.safetensors")
    index = {"weight_map": {"transformer.wte.weight": "../outside.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="not in its directory"):
        pretrained.load(directory)


class Malice:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    directory = saved(reference.gpt2(), tmp_path / "model")
    (directory / "model.safetensors").unlink()
    with (directory / "pytorch_model.bin").open("wb") as stream:
        pickle.dump({"transformer.wte.weight": Malice(tmp_path / "ran")}, stream, protocol=2)
    with pytest.raises(UserError, match="code, which is never run"):
        pretrained.load(directory)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("keep", [0, 5, 100, 5000])
def test_truncated_weights(keep: int, tmp_path: Path) -> None:
    path = saved(reference.gpt2(), tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"model\.safetensors: damaged or incomplete safetensors file"):
        pretrained.load(tmp_path)


def test_missing_unknown_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    whole = load_file(saved(reference.gpt2(), tmp_path) / "model.safetensors")
    name = "transformer.h.1.ln_2.bias"
    rewrite(tmp_path, lambda tensors: {n: v for n, v in tensors.items() if n != name})
    with pytest.raises(UserError, match=r"lack transformer\.h\.1\.ln_2\.bias, which"):
        pretrained.load(tmp_path)
    rewrite(tmp_path, lambda _: {**whole, "transformer.h.0.adapter.weight": torch.ones(2)})
    with pytest.raises(UserError, match=r"contain transformer\.h\.0\.adapter\.weight, which a gpt2"):
        pretrained.load(tmp_path)
    rewrite(tmp_path, lambda _: {**whole, "transformer.wpe.weight": torch.ones(16, 24)})
    with pytest.raises(UserError, match=r"transformer\.wpe\.weight has shape \(16, 24\).*\(32, 24\)"):
        pretrained.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_embd": None}, "n_embd is missing"),
        ({"n_layer": "three"}, "n_layer is 'three'; expected a whole number"),
        ({"n_layer": 3.5}, "n_layer is 3.5"),
        ({"layer_norm_epsilon": -1.0}, "layer_norm_epsilon is -1.0"),
        ({"activation_function": "mish"}, "activation_function is 'mish'; supported activations"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
        ({"model_type": "llama"}, "model_type is 'llama'; supported families are bert"),
        ({"n_layer": 4}, r"lack transformer\.h\.3"),
        ({"n_layer": 2}, r"contain transformer\.h\.2"),
        ({"vocab_size": 61}, r"transformer\.wte\.weight has shape \(60, 24\)"),
    ],
)
def test_a_config_that_does_not_fit(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    configure(saved(reference.gpt2(), tmp_path), **changes)
    with pytest.raises(UserError, match=message):
        pretrained.load(tmp_path)


def test_a_config_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json: not found"):
        pretrained.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        pretrained.load(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UserError, match="expected an object"):
        pretrained.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(UserError, match="contains no weights"):
        pretrained.load(tmp_path)
