"""The callback that calls a fine-tuning before each step."""

import pytest

from interlace.optim.finetuning import Finetuning
from interlace.tracking.finetuning import FinetuningSteps


class Spy(Finetuning):
    def __init__(self):
        self.steps = []

    def on_step(self, step):
        self.steps.append(step)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_steps_are_updates_and_go_on_after_a_resume(fit, accumulate):
    spy = Spy()
    fit([FinetuningSteps(spy)], epochs=2, accumulate=accumulate)
    assert spy.steps == [k // accumulate for k in range(12)]
    again = Spy()
    fit([FinetuningSteps(again)], epochs=3, accumulate=accumulate, resume=True)
    assert again.steps == [k // accumulate for k in range(12, 18)]
