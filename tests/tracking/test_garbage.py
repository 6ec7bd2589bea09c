"""The collector is off while training, runs when it should, and is as before afterwards."""

import gc
from itertools import pairwise

import pytest
import pytorch_lightning as pl

from interlace.tracking.garbage import GarbageCollection


class Spy(pl.Callback):
    def __init__(self):
        self.seen = []
        self.collections = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen.append((gc.isenabled(), gc.get_freeze_count() > 0))
        self.collections.append(gc.get_stats()[2]["collections"])


def test_off_while_training(fit):
    spy = Spy()
    fit([GarbageCollection(every_n_steps=6), spy])
    assert set(spy.seen) == {(False, True)}
    rises = [b > a for a, b in pairwise(spy.collections)]
    assert [step for step, rise in enumerate(rises, 2) if rise] == [6, 12, 18]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_on_again_after_an_error(fit):
    class Fails(pl.Callback):
        def on_train_batch_end(self, *args):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fit([GarbageCollection(every_n_steps=6), Fails()])
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
