"""The L1 penalty against a term in the loss."""

import pytest
import torch

from interlace.tracking.penalties import L1Penalty


def l1(model):
    return 0.01 * sum(p.abs().sum() for p in model.parameters() if p.ndim >= 2)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_same_as_a_term_in_the_loss(fit, accumulate, clip):
    ours = fit([L1Penalty(strength=0.01)], accumulate=accumulate, gradient_clip_val=clip)
    theirs = fit([], name="term", accumulate=accumulate, gradient_clip_val=clip, term=l1)
    without = fit([], name="without", accumulate=accumulate, gradient_clip_val=clip)
    for name, value in ours.task.weights[-1].items():
        torch.testing.assert_close(value, theirs.task.weights[-1][name])
        assert not torch.allclose(value, without.task.weights[-1][name])
