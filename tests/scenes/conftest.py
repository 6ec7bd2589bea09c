"""The cache and the builder of data sets of tests/data."""

from tests.data.conftest import build, own_cache

__all__ = ["build", "own_cache"]
