"""The gradient's norm as logged."""

import pytest
import torch

from interlace.tracking.gradients import GradientNorm


def test_logged_before_clipping_at_its_steps(fit):
    run = fit([GradientNorm(log_every_n_steps=6)], build_optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.0),
              gradient_clip_val=1e-6)  # fmt: skip
    rows = [(r["step"], r["train/gradient_norm"]) for r in run.rows if "train/gradient_norm" in r]
    assert [step for step, _ in rows] == [6, 12, 18]
    run.task.model.zero_grad()
    run.task.loss(5).backward()  # the weights never moved
    expected = torch.cat([p.grad.flatten() for p in run.task.model.parameters()]).norm()
    assert rows[0][1] == pytest.approx(float(expected))
