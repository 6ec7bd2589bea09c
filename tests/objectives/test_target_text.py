"""The loss of target texts: what is read, what is learned, and the log probability that it sums."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from interlace.data.arrays import RawArray
from interlace.data.split import Split
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.heads.prefix import PrefixDecoder
from interlace.models.gpt import GPT
from interlace.models.t5 import T5
from interlace.objectives.target_text import TargetRows, TargetText
from interlace.tokens import Condition, Fused, condition_of
from tests.models.sizes import GPT2, T5_V1_1

TEXTS = {"prompts": ["q", "", "which one"], "targets": ["ab", "a longer one", "x"]}
WIDTH = 5


@pytest.fixture(scope="module")
def characters() -> TextTokenizer:
    return TextTokenizer.train("char", [text for texts in TEXTS.values() for text in texts], None)


def objective(tokenizer: TextTokenizer, direction: str = "causal", **changes) -> TargetText:
    options = {"label_smoothing": 0.0, "separator": None, "max_prompt_tokens": 20, "max_target_tokens": 20} | changes
    made = TargetText(**options)
    made.bind(tokenizer, 0)
    made.seq2seq = direction == "seq2seq"
    return made


def split(**texts) -> Split:
    n = len(TEXTS["targets"])
    array = RawArray(np.zeros((n, 1, WIDTH), np.float32), np.ones(n, np.int64), np.ones(n, bool))
    return Split({"x": array}, np.zeros(n, np.int64), list("abc"), **({**TEXTS} | texts))


def conditioned(tokenizer: TextTokenizer, kind: type, options: dict) -> SimpleNamespace:
    torch.manual_seed(0)
    model = kind(**options | {"vocabulary_size": len(tokenizer), "pad_id": tokenizer.pad_id}).eval()
    decoder = PrefixDecoder(language_model=model, in_dim=WIDTH, num_layers=1).eval()
    tokens = torch.randn(3, 2, WIDTH)
    mask = torch.tensor([[1, 1], [1, 0], [0, 0]]).bool()
    return SimpleNamespace(
        decoder=decoder, training=False, fuse=lambda inputs: Fused(tokens, mask, tokens[:, 0], None, {})
    )


def test_a_causal_model_reads_the_prompt_and_learns_the_target_and_its_end(characters) -> None:
    ours = objective(characters)
    batch = TargetRows(split(), ours, "train").batch(np.array([0, 1]))
    q, begin, end = characters.encode("q"), characters.bos_id, characters.eos_id
    target, longer = characters.encode("ab"), characters.encode("a longer one")
    assert batch["input_ids"][0, :4].tolist() == [*q, begin, *target]
    assert batch["labels"][0, :4].tolist() == [-100, *target, end]
    assert batch["input_ids"][1].tolist() == [begin, *longer]
    assert batch["labels"][1].tolist() == [*longer, end]
    assert batch["attention_mask"].sum(1).tolist() == [5, 13], "the end token is read, and nothing follows it"
    assert batch["num_targets"].tolist() == [3 + 13]
    assert set(batch) >= {"index", "inputs"}
    assert ours.prompts(["q", ""]) == [[*q, begin], [begin]]


def test_an_encoder_decoder_reads_the_prompt_and_writes_the_target(characters) -> None:
    ours = objective(characters, "seq2seq")
    batch = TargetRows(split(), ours, "train").batch(np.array([0, 1]))
    q, end = characters.encode("q"), characters.eos_id
    assert batch["input_ids"].tolist() == [[*q, end], [end, characters.pad_id]]
    assert batch["labels"][0, :3].tolist() == [*characters.encode("ab"), end]
    assert batch["decoder_input_ids"][0, 0] == characters.pad_id
    assert ours.prompts(["q"]) == [[*q, end]]


@pytest.mark.parametrize(("kind", "options"), [(GPT, GPT2), (T5, T5_V1_1)], ids=["gpt", "t5"])
def test_the_loss_is_minus_the_log_probability_of_each_target_alone(characters, kind, options) -> None:
    model = conditioned(characters, kind, options)
    ours = objective(characters)
    ours.check_model(model.decoder)
    rows = TargetRows(split(), ours, "train")
    with torch.no_grad():
        total, _ = ours.sums(model, rows.batch(np.arange(3)))
        expected = 0.0
        everything = condition_of(model.fuse(None))
        for row in range(3):
            one = Condition(everything.tokens[row : row + 1], everything.mask[row : row + 1])
            prompt, target = (
                torch.tensor([ids]) for ids in (rows.prompt_ids[row].tolist(), rows.target_ids[row].tolist())
            )
            if ours.seq2seq:
                start = torch.full((1, 1), characters.pad_id)
                scores = model.decoder(
                    prompt, decoder_input_ids=torch.cat([start, target[:, :-1]], 1), condition=one
                ).logits
            else:
                scores = model.decoder(torch.cat([prompt, target[:, :-1]], 1), condition=one).logits[
                    :, prompt.shape[1] - 1 :
                ]
            expected -= scores.log_softmax(-1).gather(2, target.unsqueeze(-1)).sum().item()
    assert total.item() == pytest.approx(expected, rel=1e-5)
    assert rows.num_targets(np.arange(3)).tolist() == rows.batch(np.arange(3))["num_targets"].tolist()


def test_words_may_stand_between_prompt_and_target(characters) -> None:
    ours = objective(characters, separator="x")
    assert ours.prompts(["q"]) == [[*characters.encode("q"), *characters.encode("x")]]


def test_label_smoothing_counts_in_training_only(characters) -> None:
    model = conditioned(characters, GPT, GPT2)
    smooth, plain = objective(characters, label_smoothing=0.2), objective(characters)
    batch = TargetRows(split(), plain, "train").batch(np.arange(3))
    assert torch.equal(smooth.sums(model, batch)[0], plain.sums(model, batch)[0])
    model.training = True
    assert not torch.allclose(smooth.sums(model, batch)[0], plain.sums(model, batch)[0])


def test_losses_of_other_parts_stand_beside_the_mean_over_targets(characters) -> None:
    model = conditioned(characters, GPT, GPT2)
    ours = objective(characters)
    batch = TargetRows(split(), ours, "train").batch(np.arange(3))
    plain = ours.sums(model, batch)[0]
    fused = model.fuse(None)
    model.fuse = lambda inputs: fused._replace(aux={"loss/balance": torch.tensor(0.25), "weights": torch.ones(3)})
    assert torch.equal(ours.sums(model, batch)[0], plain), "an evaluation is about the texts alone"
    model.training = True
    targets = int(batch["num_targets"].sum())
    assert ((ours.sums(model, batch)[0] - plain) / targets).item() == pytest.approx(0.25, rel=1e-4)


def test_what_is_too_long_or_not_there_is_told(characters) -> None:
    with pytest.raises(
        UserError, match=r"max_target_tokens: 1 of 3 targets are longer than 5 tokens, the longest has 12"
    ):
        TargetRows(split(), objective(characters, max_target_tokens=5), "train")
    with pytest.raises(UserError, match="max_prompt_tokens: 1 of 3 prompts"):
        TargetRows(split(), objective(characters, max_prompt_tokens=5), "train")
    with pytest.raises(UserError, match=r"the val split has no texts to write.*decoder=null"):
        TargetRows(split(targets=None), objective(characters), "val")
    assert TargetRows(split(prompts=None), objective(characters), "train").prompt_ids[0].tolist() == [characters.bos_id]
