import numpy as np
import pytest

from interlace.errors import UserError

EVEN = {"redundant": 0.25, "unique_1": 0.25, "unique_2": 0.25, "synergy": 0.25}


def test_labels_follow_the_bits_that_the_vectors_show(build) -> None:
    data = build("interactions", mixture=EVEN, jitter=0.4, num_test=4000)
    data.prepare()
    split = data.splits["test"]
    rng = np.random.Generator(np.random.PCG64([0, 0]))
    rotations = [np.linalg.qr(rng.standard_normal((16, 16)))[0] for _ in range(2)]
    bits = [(split.arrays[f"x{m + 1}"].x[:, 0] @ rotations[m])[:, :3] > 0 for m in range(2)]
    assert (bits[0][:, 0] == bits[1][:, 0]).all(), "the redundant bit is shown by both"
    expected = {
        "redundant": bits[0][:, 0],
        "unique_1": bits[0][:, 1],
        "unique_2": bits[1][:, 1],
        "synergy": bits[0][:, 2] ^ bits[1][:, 2],
    }
    for source, bit in expected.items():
        rows = split.groups["source"] == source
        assert abs(rows.mean() - 0.25) < 0.03
        assert (split.labels[rows] == bit[rows]).all()


def test_the_measured_best_rule_comes_to_the_stated_bayes_accuracy(build) -> None:
    data = build("interactions", num_test=1000)
    data.prepare()
    found = data.describe()
    assert found["bayes_accuracy"] == 1.0
    assert found["priors"]["sum_of_best_accuracy"] == pytest.approx(0.75)
    assert abs(found["priors"]["majority"]["accuracy"] - 0.5) < 0.06


def test_same_seed_same_data_and_three_modalities(build) -> None:
    one, two, other = (build("interactions", num_modalities=3, seed=seed) for seed in (1, 1, 2))
    for data in (one, two, other):
        data.prepare()
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert list(one.modalities) == ["x1", "x2", "x3"]
    assert one.splits["train"].batch(np.arange(5))["inputs"]["x3"].x.shape == (5, 1, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixture": {"redundant": 0.5}}, "sum to 0.5"),
        ({"mixture": {"unique_3": 1.0}}, "unique_3: unknown source"),
        ({"mixture": {"redundant": -0.5, "synergy": 1.5}}, "data.mixture.redundant"),
        ({"num_modalities": 4}, "data.num_modalities: got 4"),
        ({"dim": 2}, "data.dim: got 2"),
        ({"flip": 0.6}, "data.flip: got 0.6"),
        ({"batch_size": 0}, "data.batch_size: got 0"),
    ],
)
def test_values_out_of_range_are_named(build, options, message) -> None:
    with pytest.raises(UserError, match=message):
        build("interactions", **options)
