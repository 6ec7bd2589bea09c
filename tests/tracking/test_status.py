"""A run is done when its status says so and its results can be there."""

import pytest

from interlace.tracking.status import is_done


@pytest.mark.parametrize(
    ("status", "results", "done"),
    [
        ("done", "{}", True),
        ("done", "", False),  # a power cut between the rename and the write to the disk
        ("done", None, False),
        ("failed", "{}", False),
        (None, "{}", False),
    ],
)
def test_is_done(tmp_path, status, results, done):
    if status is not None:
        (tmp_path / "status.json").write_text(f'{{"status": "{status}"}}')
    if results is not None:
        (tmp_path / "results.json").write_text(results)
    assert is_done(tmp_path) is done
