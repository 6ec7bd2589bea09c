"""Interlace: compare multimodal fusion strategies, and learn which wins, by how much and how sure that is.

    config = interlace.compose(["experiment=scenes", "fusion=attention", "seed=1"])
    run = interlace.train(config)
    run.metrics["test/accuracy"], run.history, run.predictions, run.model()

Names are imported when first used, so that `import interlace` and `interlace --help` are quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interlace import fusion
    from interlace.configuration.compose import compose
    from interlace.runs import Run, load_run
    from interlace.training import train

__version__ = "0.1.0"
__all__ = ["Run", "compose", "fusion", "load_run", "train"]

_HOMES = {
    "compose": "interlace.configuration.compose",
    "train": "interlace.training",
    "load_run": "interlace.runs",
    "Run": "interlace.runs",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "fusion":
        return import_module("interlace.fusion")
    raise AttributeError(f"module 'interlace' has no attribute {name!r}")
