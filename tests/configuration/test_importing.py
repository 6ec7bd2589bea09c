"""Imports without garbage collection."""

import gc

import pytest

from interlace.configuration.importing import heavy_imports


@pytest.fixture(autouse=True)
def _unfrozen():
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_within_and_what_is_left_is_frozen():
    with heavy_imports():
        assert not gc.isenabled()
        kept = [[] for _ in range(5000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(kept)


def test_it_is_enabled_again_after_an_error():
    with pytest.raises(ImportError), heavy_imports():
        raise ImportError
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off():
    gc.disable()
    with heavy_imports():
        pass
    assert not gc.isenabled()
