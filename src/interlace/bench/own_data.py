"""Comparison of the recipe for own data (`experiment=manifest`) with a linear model on small generated data sets."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interlace.configuration.compose import compose
from interlace.configuration.spelling import spelled
from interlace.statistics.intervals import t_interval
from interlace.training import train

ROWS = {"train": 1283, "val": 214, "test": 1500}  # training and validation sizes of CMU-MOSI
FEATURES = {"text": (60, 1.65), "audio": (12, 0.36), "vision": (20, 0.48)}  # width and signal strength
STEPS = 20  # length of the longest sequence
STEP_NOISE, LABEL_NOISE = 1.5, 0.45


def make(folder: Path, seed: int) -> Path:
    """Write a manifest of three feature sequences with a linear signal of a latent sentiment s.

    Step t of modality m is (a_m s w_m + u + 1.5 e_t) in random units: w_m a random direction, u correlated noise of the
    utterance, e_t noise of the step. The class is the sign of s + 0.45 e.
    """
    rng = np.random.default_rng(seed)
    number = sum(ROWS.values())
    hidden = rng.normal(size=number)
    classes = np.where(hidden + LABEL_NOISE * rng.normal(size=number) > 0, "positive", "negative")
    lengths = rng.integers(5, STEPS + 1, number)
    splits = np.repeat(list(ROWS), list(ROWS.values()))
    rows: list[dict[str, Any]] = [
        {"id": str(i), "split": str(splits[i]), "label": str(classes[i])} for i in range(number)
    ]
    for name, (width, strength) in FEATURES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        direction = rng.normal(size=width)
        direction /= np.linalg.norm(direction)
        units, origin = np.exp(rng.normal(size=width)), rng.normal(size=width)
        brought = rng.normal(size=(number, width)) @ (rng.normal(size=(width, width)) / np.sqrt(width))
        base = strength * hidden[:, None] * direction + brought
        for i, length in enumerate(lengths):
            steps = base[i] + STEP_NOISE * rng.normal(size=(length, width))
            np.save(folder / name / f"{i}.npy", (steps * units + origin).astype(np.float32))
            rows[i][name] = f"{name}/{i}.npy"
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def measure(
    folder: Path, fusions: Sequence[str], sets: Sequence[int], overrides: Sequence[str], tell: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Measure the test accuracy of each fusion with `experiment=manifest` and of `model=linear` on generated data sets.

    `sets` are the seeds of the data sets. Returns "accuracy" (one per data set), "mean", and for a fusion "difference"
    from the linear model with its 95% interval over data sets.
    """
    scores: dict[str, list[float]] = {name: [] for name in ("linear", *fusions)}
    for seed in sets:
        path = make(folder / str(seed), seed)
        base = ["experiment=manifest", "trainer=cpu", spelled("data.path", str(path)), "logger=none", f"seed={seed}"]
        for name in scores:
            tell(f"data set {seed}: {name}")
            arm = ["model=linear", "fusion=null"] if name == "linear" else [f"fusion={name}", *overrides]
            run = train(compose([*base, *arm]), outputs=folder / "outputs", quiet=True)
            scores[name].append(run.metrics["test/accuracy"])
    return {name: _figures(values, scores["linear"]) for name, values in scores.items()}


def _figures(values: list[float], linear: list[float]) -> dict[str, Any]:
    figures: dict[str, Any] = {"accuracy": values, "mean": float(np.mean(values))}
    if values is not linear:
        differences = np.subtract(values, linear)
        figures["difference"] = float(differences.mean())
        figures["difference_ci95"] = [float(x) for x in t_interval(differences)]
    return figures


def told(figures: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return one row per model: name, accuracy in percent, difference from the linear model in points, interval."""
    rows: list[tuple[str, ...]] = []
    for name, row in figures.items():
        low, high = (f"{100 * x:+.1f}" for x in row.get("difference_ci95", (np.nan, np.nan)))
        known = "difference" in row
        difference, interval = (f"{100 * row['difference']:+.1f}", f"[{low}, {high}]") if known else ("", "")
        rows.append((name, f"{100 * row['mean']:.1f}", difference, interval))
    return rows
