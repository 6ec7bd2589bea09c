"""A cache of its own for the tests, and data sets built from their configuration files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra.utils
import pytest
import torch

from interlace.configuration.compose import compose_node
from interlace.data.datamodule import DataModule


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("INTERLACE_CACHE", str(folder))
    torch.set_num_threads(1)
    return folder


@pytest.fixture
def build() -> Callable[..., DataModule]:
    """build("scenes", level=2) is conf/data/scenes.yaml with options changed, not yet prepared."""

    def make(name: str, /, **options: Any) -> DataModule:
        return hydra.utils.instantiate({**compose_node("data", name), **options}, _partial_=True, _convert_="all")()

    return make
