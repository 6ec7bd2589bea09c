"""Gain of a multimodal run over the unimodal runs of the same study."""

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
    """Return the run's score on the whole test set minus that of the best unimodal run with the same seed and data.

    The best modality is selected by the validation metric averaged over the seeds of its arm, not by the compared test
    score. The unimodal ensemble is included if the study has one. `same_budget`: the options SAME_BUDGET equal those of
    the run. None if the study has no unimodal run of this seed, or the run is unimodal.
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
    """Return the modalities of a run's model, from its configuration or the description of its data."""
    selected = run.config["modalities"]
    return list(selected) if selected else list(read_json(run.directory / "data_state.json")["modalities"])


def score_of(run: Run) -> float:
    """Return the accuracy, R^2 or, of several classes an example, micro F1 over all recorded test predictions."""
    if "test/f1_micro" in run.metrics:
        return float(run.metrics["test/f1_micro"])
    table = run.predictions
    if "correct" in table:
        return float(table["correct"].mean())
    return r_squared(table["prediction"].to_numpy(), table["label"].to_numpy())


def _siblings(run: Run) -> Iterator[Run]:
    """Yield the finished runs of the same study with the same seeds and data, without the run itself."""
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
    """Return a run; cached, so that its configuration is read once for all analysed runs of a study."""
    return Run(directory)


def _how_trained(config: Mapping[str, Any]) -> list[Any]:
    """The sections that runs of the same budget share: encoders, optimizer and all of `trainer` but the hardware."""
    options = {key: value for key, value in config["trainer"].items() if key not in HARDWARE}
    return [options, *(config.get(section) for section in SAME_BUDGET)]


def _arm_validation(folder: Path) -> float:
    """Return the mean over an arm's seeds of the selection metric: validation accuracy, micro F1, or minus the loss."""
    values = []
    for path in sorted(folder.glob("seed-*/results.json")):
        metrics = read_json(path)["metrics"]
        score, loss = metrics.get("val/accuracy", metrics.get("val/f1_micro")), metrics.get("val/loss")
        values.append(score if score is not None else -loss if loss is not None else np.nan)
    return float(pd.Series(values, dtype=float).mean())
