"""What joining modalities gained over the single-modality runs of the same study."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from interlace.configuration.schema import HARDWARE
from interlace.metrics.measures import r_squared
from interlace.runs import Run
from interlace.tracking.files import read_json

SAME_BUDGET = ("encoder", "encoders", "optimizer", "scheduler", "callbacks", "early_stopping")


def unimodal_gain(run: Run, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The run's score on the whole test set minus that of the best single modality with the same seed and data.

    The best modality is the one with the best validation figure, on average over the seeds of its arm, so that it
    is not picked on the figures that are compared. With it the ensemble of unimodal models, where the study has
    one. `same_budget` says whether encoders, optimizer, schedule and training agree with the run's. None when the
    study has no single-modality run of this seed, or the run is one itself.
    """
    if len(names) < 2:
        return None
    found: dict[str, dict[str, Any]] = {}
    ensemble: dict[str, Any] | None = None
    for other in _siblings(run):
        modalities = modalities_of(other)
        entry = {
            "arm": other.config["arm"],
            "score": score_of(other),
            "same_budget": _how_trained(other.config) == _how_trained(run.config),
        }
        if len(modalities) == 1 and modalities[0] in names and other.config["choices"].get("fusion") != "majority":
            entry["validation"] = _arm_validation(other.directory.parent)
            name = modalities[0]
            if name not in found or entry["validation"] > found[name]["validation"]:
                found[name] = entry
        elif other.config["choices"].get("fusion") == "unimodal_ensemble" and set(modalities) == set(names):
            ensemble = entry
    if not found:
        return None
    best = max(found, key=lambda name: found[name]["validation"])
    score = score_of(run)
    return {
        "score": score,
        "unimodal": found,
        "best": best,
        "gain": score - found[best]["score"],
        "ensemble": ensemble,
        "gain_over_ensemble": None if ensemble is None else score - ensemble["score"],
    }


def modalities_of(run: Run) -> list[str]:
    """The modalities that a run's model uses, from its configuration or the description of its data."""
    chosen = run.config["modalities"]
    return list(chosen) if chosen else list(read_json(run.directory / "data_state.json")["modalities"])


def score_of(run: Run) -> float:
    """Accuracy, or R^2, over all recorded test predictions."""
    table = run.predictions
    if "correct" in table:
        return float(table["correct"].mean())
    return r_squared(table["prediction"].to_numpy(), table["label"].to_numpy())


def _siblings(run: Run) -> Iterator[Run]:
    """Finished runs of the same study with the same seeds and data, without the run itself."""
    here = run.directory.resolve()
    for directory in sorted(here.parent.parent.glob(f"*/{here.name}")):
        if directory == here or not _finished(directory):
            continue
        other = _opened(directory)
        if other.config["fusion"] is not None and other.config["data"] == run.config["data"]:
            yield other


def _finished(directory: Path) -> bool:
    return all((directory / name).is_file() for name in ("config.yaml", "results.json", "predictions.parquet"))


@cache
def _opened(directory: Path) -> Run:
    """A run, its configuration read once however many runs of the study are analysed."""
    return Run(directory)


def _how_trained(config: Mapping[str, Any]) -> list[Any]:
    """The sections that runs of the same budget share: encoders, optimizer and all of `trainer` but the hardware."""
    options = {key: value for key, value in config["trainer"].items() if key not in HARDWARE}
    return [options, *(config.get(section) for section in SAME_BUDGET)]


def _arm_validation(folder: Path) -> float:
    """The mean over an arm's seeds of what chose its checkpoints: validation accuracy, or minus the loss."""
    figures = []
    for path in sorted(folder.glob("seed-*/results.json")):
        metrics = read_json(path)["metrics"]
        accuracy, loss = metrics.get("val/accuracy"), metrics.get("val/loss")
        figures.append(accuracy if accuracy is not None else -loss if loss is not None else np.nan)
    return float(pd.Series(figures, dtype=float).mean())
