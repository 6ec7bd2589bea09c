"""Contrastive alignment beside a fusion strategy, in whole runs."""

import pytest

import interlace
from interlace.errors import UserError
from interlace.tracking.identity import config_hash

ALIGNED = ["alignment=contrastive", "alignment.dim=8"]


def test_a_run_that_aligns_learns_from_both_losses_and_predicts(outputs, tiny):
    run = interlace.train(interlace.compose([*tiny, *ALIGNED, "trainer.log_every_n_steps=1"]), quiet=True)
    assert run.status["status"] == "done"
    history = run.history
    assert (history["train/loss/alignment"].dropna() > 0).all()
    both = history["train/loss/joint"] + history["train/loss/alignment"]
    assert (both - history["train/loss"]).dropna().abs().max() < 1e-5
    model = run.model()
    assert any(name.startswith("alignment.") for name, _ in model.named_parameters())


def test_the_section_left_out_changes_no_identity(tiny):
    without = interlace.compose(tiny)
    older = {key: value for key, value in without.items() if key != "alignment"}
    assert config_hash(without) == config_hash(older)
    assert config_hash(without) != config_hash(interlace.compose([*tiny, *ALIGNED]))


def test_one_modality_is_refused(outputs, tiny):
    with pytest.raises(UserError, match="alignment: one modality alone"):
        interlace.train(interlace.compose([*tiny, *ALIGNED, "modalities=[image]"]), quiet=True)
