"""Runs that several files of tests ask."""

from functools import cache

import pytest

from tests.apps.text_runs import train_text_run, write_data


@pytest.fixture(scope="session")
def text_run(tmp_path_factory):
    """A function that returns a run of `text_runs.RUNS`, trained at the first call."""
    folder = tmp_path_factory.mktemp("texts")
    write_data(folder)
    return cache(lambda name: train_text_run(name, folder, tmp_path_factory.mktemp(f"out-{name}")))
