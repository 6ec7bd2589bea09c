"""What runs of language models know of themselves before they train."""

import pytest

from interlace.assembly import assemble
from interlace.configuration.compose import compose

SIZE = ["model.dim=32", "model.num_layers=2", "model.num_heads=2", "model.feed_forward_dim=64"]


@pytest.fixture
def experiment(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(f"line {i} of a short text" for i in range(200)) + "\n")

    def build(family, *overrides):
        config = compose([
            f"experiment=pretrain/{family}", "tokenizer=byte", "data.name=null",
            f"data.train=[{tmp_path / 'text.txt'}]", "data.block_length=16", "logger=none", *overrides,
        ])  # fmt: skip
        return assemble(config)

    return build


def test_training_flops_of_a_gpt_are_those_of_the_closed_form(experiment):
    """6 N + 12 L D T a token, N the weights that multiply (Chowdhery et al. 2022, appendix B)."""
    built = experiment("gpt2", *SIZE)
    task = built.build_task()
    matrices = sum(p.numel() for n, p in task.model.named_parameters() if p.ndim == 2 and "position" not in n)
    assert matrices == 2 * (4 * 32 * 32 + 2 * 32 * 64) + 261 * 32, "the head's matrix is the embeddings'"
    assert built.training_flops_per_token(task) == 6 * matrices + 12 * 2 * 32 * 16
    assert 3 * built.costs(task)["flops_per_token"] == built.training_flops_per_token(task)


def test_training_flops_of_an_lstm_count_its_gates(experiment):
    built = experiment("lstm", "model.dim=32", "model.num_layers=2")
    task = built.build_task()
    assert built.training_flops_per_token(task) == 6 * (2 * 8 * 32 * 32 + 261 * 32)


def test_frozen_weights_have_no_gradient_to_compute(experiment):
    whole, low_rank = experiment("gpt2", *SIZE), experiment("gpt2", *SIZE, "finetuning=lora")
    task = low_rank.build_task()
    forward = low_rank.costs(task)["flops_per_token"]
    assert forward > whole.costs(whole.build_task())["flops_per_token"]
    assert 2 * forward < low_rank.training_flops_per_token(task) < 2.5 * forward
