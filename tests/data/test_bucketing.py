import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interlace.data.bucketing import bucketed_order


@given(st.lists(st.integers(1, 99), max_size=300), st.integers(1, 16), st.integers(0, 9), st.integers(0, 9))
def test_every_row_comes_once_and_the_order_is_a_function_of_seed_and_epoch(lengths, batch_size, seed, epoch) -> None:
    array = np.array(lengths, dtype=np.int64)
    order = bucketed_order(array, batch_size, seed=seed, epoch=epoch)
    assert sorted(order.tolist()) == list(range(len(lengths)))
    assert (bucketed_order(array, batch_size, seed=seed, epoch=epoch) == order).all()


def test_batches_hold_little_padding_and_differ_between_epochs() -> None:
    lengths = np.random.default_rng(0).integers(1, 80, size=4000)

    def share(order: np.ndarray) -> float:
        batches = lengths[order].reshape(-1, 20)
        return float(batches.sum() / (batches.max(1) * 20).sum())

    order = bucketed_order(lengths, 20, seed=0, epoch=0)
    assert share(np.arange(4000)) < 0.6
    assert share(order) > 0.95
    other = bucketed_order(lengths, 20, seed=0, epoch=1)
    assert {tuple(sorted(b)) for b in order.reshape(-1, 20).tolist()}.isdisjoint(
        tuple(sorted(b)) for b in other.reshape(-1, 20).tolist()
    )
    means = lengths[order].reshape(-1, 20).mean(1)
    assert abs(np.corrcoef(means, np.arange(200))[0, 1]) < 0.2, "batches of all lengths at all times"
