"""Targets of causal models, and joint objectives."""

import numpy as np
import pytest
import torch

from interlace.errors import UserError
from interlace.models.lstm import LSTM
from interlace.objectives.causal import CausalLM
from interlace.objectives.joint import JointObjective
from interlace.objectives.masked import MaskedLM


def causal():
    return CausalLM(label_smoothing=0.0)


def masked(whole_word):
    return MaskedLM(mask_fraction=0.2, mask_share=0.8, random_share=0.1, whole_word=whole_word, pseudo_rows=0)


def test_every_token_but_the_first_is_a_target_once(tokenizer, rows):
    split, objective = rows(rows=5, width=10, overlap=1), causal()
    objective.bind(tokenizer, 0)
    batch = objective.batch(split, np.arange(5), epoch=0)
    assert batch["input_ids"].shape == (5, 10)
    targets = batch["labels"].flatten()
    stream = np.concatenate([split.ids[i, :10] for i in range(5)])[:43]
    assert targets[targets != -100].tolist() == stream[1:].tolist()
    assert batch["num_targets"].item() == 42
    assert batch["input_ids"][0, 1:].tolist() == batch["labels"][0, :-1].tolist()


def test_packed_documents_are_told(tokenizer, rows):
    split, objective = rows(rows=3, width=30, overlap=1, documents=True), causal()
    objective.bind(tokenizer, 0)
    batch = objective.batch(split, np.arange(2), epoch=0)
    assert batch["document_ids"][0, [0, 10, 11, 29]].tolist() == [0, 0, 1, 2]


def test_a_joint_objective_keeps_its_parts_apart(tokenizer, rows):
    joint = JointObjective(objectives={"a": masked(False), "b": masked(True)}, weights={"a": 1.0, "b": 0.25})
    joint.bind(tokenizer, 0)
    assert joint.parts == {"a/masked": 1.0, "b/masked": 0.25}
    assert joint.content_length(32) == 30
    batch = joint.batch(rows(), np.arange(4), epoch=0)
    assert batch["num_targets"].tolist() == [len(batch["a"]["chosen"]), len(batch["b"]["chosen"])]
    with pytest.raises(UserError, match="name the same"):
        JointObjective(objectives={"a": masked(False)}, weights={})


def test_unknown_targets_are_counted_with_their_part_of_the_loss(tokenizer, rows):
    split, objective = rows(rows=4, width=10, overlap=1), causal()
    tokenizer.unk_id = int(np.bincount(split.ids[:3, 1:].flatten()).argmax())
    objective.bind(tokenizer, 0)
    torch.manual_seed(0)
    model = LSTM(vocabulary_size=100, pad_id=0, dim=8, num_layers=1, dropout=0.0, tie_embeddings=True).eval()
    batch = objective.batch(split, np.arange(4), epoch=0)
    with torch.no_grad():
        sums, counters = objective.evaluated_sums(model, batch)
        scores = model(batch["input_ids"]).logits.double().log_softmax(-1)
    labels = batch["labels"]
    terms = -scores.gather(2, labels.clamp_min(0).unsqueeze(2)).squeeze(2)
    unknown = labels == tokenizer.unk_id
    assert counters["unknown_targets"] == unknown.sum() > 0
    assert counters["unknown_nats"].item() == pytest.approx(terms[unknown].sum().item(), rel=1e-5)
    assert sums.item() == pytest.approx(terms[labels != -100].sum().item(), rel=1e-5)
    assert objective.sums(model, batch)[0].item() == pytest.approx(sums.item())
