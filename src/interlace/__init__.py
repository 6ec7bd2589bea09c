"""Interlace: compare multimodal fusion strategies, and learn which wins, by how much and how sure that is.

    config = interlace.compose(["experiment=scenes", "fusion=attention", "seed=1"])
    run = interlace.train(config)
    run.metrics["test/accuracy"], run.history, run.predictions, run.model()
    run.predict(texts=["red circle ?"], images=[picture], sounds=[sound])

    study = interlace.study("study.yaml").run()
    study.table

Names are imported at first use, so that `import interlace` and `interlace --help` are fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interlace import fusion
    from interlace.configuration.compose import compose
    from interlace.errors import RunFailure, UserError
    from interlace.runs import Run, load_run
    from interlace.studies.notebook import study
    from interlace.tokens import Fused, Tokens
    from interlace.training import train

__version__ = "0.1.0"
__all__ = [
    "Fused", "Run", "RunFailure", "Tokens", "UserError", "compose", "fusion", "load_run", "study", "train",
]  # fmt: skip

_HOMES = {
    "Fused": "interlace.tokens",
    "Run": "interlace.runs",
    "RunFailure": "interlace.errors",
    "Tokens": "interlace.tokens",
    "UserError": "interlace.errors",
    "compose": "interlace.configuration.compose",
    "load_run": "interlace.runs",
    "study": "interlace.studies.notebook",
    "train": "interlace.training",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "fusion":
        return import_module("interlace.fusion")
    raise AttributeError(f"module 'interlace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
