"""`model.init_from=DIR` alone chooses the pretrained model, where a preset trains a language model of its own."""

import pytest

from interlace.configuration.compose import compose
from interlace.errors import UserError

START = "model.init_from=somewhere"


def test_sizes_of_the_presets_own_model_are_left_out():
    config = compose(["experiment=retrieval/reranker", START])
    assert config["choices"]["model"] == "pretrained"
    assert set(config["model"]) == {"_target_", "init_from", "dropout", "causal_encoder"}
    assert config["model"]["init_from"].endswith("/somewhere")
    assert compose(["experiment=finetune/multi30k_streaming", START])["model"]["causal_encoder"] is True


def test_it_is_short_for_both_overrides():
    short = compose(["experiment=dialogue/taskmaster4", START, "model.dropout=0.1"])
    assert short == compose(["experiment=dialogue/taskmaster4", "model=pretrained", START, "model.dropout=0.1"])


@pytest.mark.parametrize("preset", ["squad", "glue/sst2"])
def test_a_head_reads_the_pretrained_model(preset):
    data = ["data.path=somewhere"] if preset.startswith("glue") else []
    assert compose([f"experiment={preset}", *data, START])["choices"]["encoder/text"] == "language_model"


def test_choices_of_the_command_line_stay():
    with pytest.raises(UserError, match=r"model\.init_from: no such key"):
        compose(["experiment=dialogue/taskmaster4", "model=gpt", START])
    with pytest.raises(UserError, match=r"model\.dim: no such key; valid: causal_encoder, dropout, init_from"):
        compose(["experiment=retrieval/dense", START, "model.dim=8"])


@pytest.mark.parametrize("preset", ["correction/noisy_channel", "retrieval/bm25"])
def test_models_that_start_from_no_checkpoint_refuse_it(preset):
    with pytest.raises(UserError, match=r"model\.init_from: no such key"):
        compose([f"experiment={preset}", START])
