"""Splits that are another split, whatever the data set."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interlace.data.arrays import full_array
from interlace.data.notes import repeated_splits, same_examples
from interlace.data.split import Split


def split(seed: int, rows: int) -> Split:
    generator = np.random.default_rng(seed)
    arrays = {"x": full_array(generator.normal(size=(rows, 1, 4)).astype(np.float32))}
    return Split(arrays, generator.integers(0, 2, rows), [str(i) for i in range(rows)])


@given(st.tuples(*[st.integers(0, 2)] * 3), st.integers(1, 6))
def test_a_split_is_another_where_labels_and_contents_agree(seeds: tuple[int, int, int], rows: int) -> None:
    splits = {name: split(seed, rows) for name, seed in zip(("train", "val", "test"), seeds, strict=True)}
    told = repeated_splits(splits, same_examples)
    assert any("validation split is the training" in note for note in told) == (seeds[0] == seeds[1])
    assert any("test split is the training" in note for note in told) == (seeds[0] == seeds[2])
    assert any("test split is the validation" in note for note in told) == (seeds[1] == seeds[2])
