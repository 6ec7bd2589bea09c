"""A small run of pictures, sounds and questions, trained once for all tests of the server."""

import pytest

from interlace.configuration.compose import compose
from interlace.training import train

SMALL = [
    "experiment=scenes", "data.num_train=64", "data.num_val=64", "data.num_test=64", "trainer.max_epochs=1",
    "trainer.limit_train_batches=2", "logger=none",
]  # fmt: skip


@pytest.fixture(scope="package")
def scenes(tmp_path_factory):
    """A finished run of the experiment scenes."""
    return train(compose(SMALL), outputs=tmp_path_factory.mktemp("scenes"), quiet=True)
