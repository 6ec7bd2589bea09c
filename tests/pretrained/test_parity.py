"""Logits equal to those of transformers, both ways."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from interlace import pretrained
from interlace.models.base import LanguageModel
from interlace.models.generation import GenerationOptions, generate
from interlace.objectives.sequence_to_sequence import seq2seq_batch, seq2seq_sums
from tests.pretrained import reference
from tests.pretrained.reference import batch, saved, transformers

TOLERANCE = {"rtol": 0.0, "atol": 1e-5}

Maker = Callable[[], Any]
MODELS: dict[str, tuple[Maker, int]] = {
    "bert": (reference.bert, 0),
    "bert-masked": (lambda: reference.bert("BertForMaskedLM"), 0),
    "roberta": (reference.roberta, 1),
    "gpt2": (reference.gpt2, 0),
    "t5": (reference.t5, 0),
    "t5-v1.1": (reference.t5_v1_1, 0),
}


def arguments(family: str, pad: int) -> dict[str, Any]:
    """A padded batch with everything that the family takes."""
    ids, mask = batch(pad=pad)
    extra: dict[str, Any] = {}
    if family.startswith("bert"):
        extra["token_type_ids"] = (torch.arange(11) > 3).long().expand(3, -1) * mask
    if family.startswith("t5"):
        extra["decoder_input_ids"] = torch.cat([torch.zeros(3, 1, dtype=torch.long), ids.flip(0)[:, :6]], 1)
    return {"input_ids": ids, "attention_mask": mask, **extra}


def logits(output: Any) -> torch.Tensor:
    return output.prediction_logits if "prediction_logits" in dir(output) else output.logits


def assert_equal(ours: LanguageModel, theirs: Any, family: str, pad: int) -> None:
    """Logits at real positions, and BERT's next-sentence logits."""
    given = arguments(family, pad)
    with torch.no_grad():
        mine, other = ours(**given), theirs(**given)
        expected = logits(other)
        assert expected.std() > 0.1, "a model that says nothing proves nothing"
        real = (
            torch.ones_like(mine.logits[..., 0]).bool() if family.startswith("t5") else given["attention_mask"].bool()
        )
        torch.testing.assert_close(mine.logits[real], expected[real], **TOLERANCE)
        if family == "bert":
            pairs = ours.next_sentence_logits(mine.hidden)  # type: ignore[operator]
            torch.testing.assert_close(pairs, other.seq_relationship_logits, **TOLERANCE)


@pytest.mark.parametrize("family", MODELS)
def test_a_checkpoint_gives_its_logits(family: str, tmp_path: Path) -> None:
    make, pad = MODELS[family]
    theirs = make()
    assert_equal(pretrained.load(saved(theirs, tmp_path / "model")), theirs, family, pad)


@pytest.mark.parametrize("family", MODELS)
def test_an_export_gives_its_logits_to_transformers(family: str, tmp_path: Path) -> None:
    make, pad = MODELS[family]
    ours = pretrained.load(saved(make(), tmp_path / "model"))
    pretrained.export(ours, None, tmp_path / "export")
    theirs, report = type(make()).from_pretrained(
        tmp_path / "export", attn_implementation="eager", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    assert_equal(ours, theirs.eval(), family, pad)
    again = pretrained.load(tmp_path / "export")
    assert again.options == ours.options
    assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), again.state_dict().values(), strict=True))


@pytest.mark.parametrize("family", MODELS)
def test_settings_that_a_tolerance_would_let_pass(family: str, tmp_path: Path) -> None:
    """A wrong epsilon changes logits by 2e-5, so the settings themselves are compared."""
    make, pad = MODELS[family]
    options = pretrained.load(saved(make(), tmp_path)).options
    assert options["norm_eps"] == 3e-3
    assert options["pad_id"] == (None if family == "gpt2" else pad)
    assert options["tie_embeddings"] == (family != "t5-v1.1")
    assert options["activation"] == {"gpt2": "gelu_tanh", "t5": "relu", "t5-v1.1": "gelu_tanh"}.get(family, "gelu")
    if family.startswith("t5"):
        assert options["scale_logits"] == (family == "t5")
        assert options["gated"] == (family == "t5-v1.1")
    if family == "roberta":
        assert options["max_length"] == 30
    if family.startswith("bert"):
        assert options["pooling"] == ("next_sentence" if family == "bert" else "none")


ACTIVATIONS = ("relu", "silu", "gelu_new", "relu2")
UNUSUAL: dict[str, tuple[Maker, int]] = {
    **{f"bert {a}": (lambda a=a: reference.bert(hidden_act=a), 0) for a in ACTIVATIONS},
    **{f"roberta {a}": (lambda a=a: reference.roberta(hidden_act=a), 1) for a in ACTIVATIONS},
    **{f"gpt2 {a}": (lambda a=a: reference.gpt2(activation_function=a), 0) for a in (*ACTIVATIONS, "gelu")},
    **{f"t5 {a}": (lambda a=a: reference.t5(feed_forward_proj=a), 0) for a in ("gelu", "silu", "gated-silu")},
    "t5 start": (lambda: reference.t5(decoder_start_token_id=7), 0),
    "t5 pad": (lambda: reference.t5(pad_token_id=5, decoder_start_token_id=5), 5),
    "t5 start and pad": (lambda: reference.t5(pad_token_id=5, decoder_start_token_id=0), 5),
    "bert pad": (lambda: reference.bert(pad_token_id=4), 4),
    "roberta pad": (lambda: reference.roberta(pad_token_id=4), 4),
    "gpt2 inner": (lambda: reference.gpt2(n_inner=36, pad_token_id=3), 3),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_settings_both_ways(name: str, tmp_path: Path) -> None:
    """Activations, special ids and sizes that published files do not have; T5: what it writes, and its loss too."""
    make, pad = UNUSUAL[name]
    family, theirs = name.split()[0], make()
    ours = pretrained.load(saved(theirs, tmp_path / "model"))
    pretrained.export(ours, None, tmp_path / "export")
    exported = type(theirs).from_pretrained(tmp_path / "export", attn_implementation="eager").eval()
    for other in (theirs, exported):
        assert_equal(ours, other, family, pad)
        if family == "t5":
            assert_writes_and_learns_as(ours, other, pad)
    assert pretrained.load(tmp_path / "export").options == ours.options


def assert_writes_and_learns_as(ours: LanguageModel, theirs: Any, pad: int) -> None:
    """Greedy answers, and the loss of targets, which depend on the token that the decoder begins with."""
    sources, targets = [[8, 9, 10, 11], [12, 13]], [[20, 21, 22], [23, 24, 25, 26, 27]]
    batch = seq2seq_batch([np.array(s) for s in sources], [np.array(t) for t in targets], pad)
    mask = batch["attention_mask"].long()
    with torch.no_grad():
        answers = generate(ours, sources, GenerationOptions(max_new_tokens=6), eos_id=None)
        expected = theirs.generate(
            batch["input_ids"],
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=6,
            eos_token_id=None,
            use_cache=False,  # which transformers makes for as many layers as the encoder has
        )
        assert [answer.tokens for answer in answers] == expected[:, 1:].tolist()
        loss = seq2seq_sums(ours, batch, 0.0)[0].item() / batch["num_targets"].item()
        other = theirs(input_ids=batch["input_ids"], attention_mask=mask, labels=batch["labels"]).loss.item()
        assert loss == pytest.approx(other, rel=1e-5)


def test_left_padded_gpt2(tmp_path: Path) -> None:
    theirs = reference.gpt2()
    ours = pretrained.load(saved(theirs, tmp_path))
    ids, mask = batch(left=True)
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    expected = theirs(ids, attention_mask=mask, position_ids=positions).logits
    mine = ours(ids, mask).logits  # positions from the mask
    torch.testing.assert_close(mine[mask.bool()], expected[mask.bool()], **TOLERANCE)


def test_left_padded_roberta(tmp_path: Path) -> None:
    theirs = reference.roberta()
    ours = pretrained.load(saved(theirs, tmp_path))
    ids, mask = batch(left=True, pad=1)
    expected = theirs(ids, attention_mask=mask).logits
    torch.testing.assert_close(ours(ids, mask).logits[mask.bool()], expected[mask.bool()], **TOLERANCE)


def test_whole_generation_is_that_of_transformers(tmp_path: Path) -> None:
    """Greedy, left-padded, cached: the tokens of transformers' own loop."""
    theirs = reference.gpt2()
    ours = pretrained.load(saved(theirs, tmp_path))
    ids, mask = batch(left=True)
    expected = theirs.generate(
        ids, attention_mask=mask, do_sample=False, max_new_tokens=12, eos_token_id=None, pad_token_id=0
    )
    cache = ours.start_cache(3, 23)
    new, said = ids, [ids]
    with torch.no_grad():
        for _ in range(12):
            new = ours.logits(ours.encode(new, mask, cache=cache))[:, -1:].argmax(-1)
            mask = torch.cat([mask, torch.ones_like(new)], 1)
            said.append(new)
    assert torch.equal(torch.cat(said, 1), expected)


def test_an_old_v1_1_file_says_that_it_is_untied(tmp_path: Path) -> None:
    """Published files have `tie_word_embeddings: false` and no `scale_decoder_outputs`."""
    import json

    directory = saved(reference.t5_v1_1(), tmp_path)
    path = directory / "config.json"
    config = json.loads(path.read_text())
    config.pop("scale_decoder_outputs")
    for name in ("dense_act_fn", "is_gated_act"):
        config.pop(name, None)
    path.write_text(json.dumps({**config, "tie_word_embeddings": False}))
    options = pretrained.load(directory).options
    assert not options["scale_logits"]
    assert not options["tie_embeddings"]


def test_a_fresh_v1_1_of_transformers_5_is_tied_and_unscaled(tmp_path: Path) -> None:
    theirs = reference.t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    ours = pretrained.load(saved(theirs, tmp_path / "model"))
    assert ours.options["tie_embeddings"]
    assert not ours.options["scale_logits"]
    assert_equal(ours, theirs, "t5-v1.1", 0)
    pretrained.export(ours, None, tmp_path / "export")
    assert_equal(ours, transformers.T5ForConditionalGeneration.from_pretrained(tmp_path / "export").eval(), "t5", 0)
