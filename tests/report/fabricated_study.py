"""A study that was never run: run directories as the trainer writes them, with known figures."""

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from interlace.report.results import PlannedRun

GROUPS = ("text", "image", "audio", "both", "either")
CLASSES = ("red", "green", "blue", "circle", "square", "low", "high")
# accuracy by group, in the order of GROUPS
SKILL = {
    "attention": (0.97, 0.99, 0.99, 0.97, 0.995),
    "bottleneck": (0.97, 0.98, 0.99, 0.96, 0.99),
    "concat": (0.96, 0.80, 0.97, 0.55, 0.95),
    "gated": (0.97, 0.82, 0.97, 0.60, 0.96),
    "sum": (0.96, 0.78, 0.96, 0.52, 0.95),
    "image only": (0.50, 0.81, 0.30, 0.35, 0.90),
    "audio only": (0.51, 0.28, 0.95, 0.33, 0.89),
    "majority": (0.30, 0.25, 0.33, 0.30, 0.31),
}
CONTROLS = ("image only", "audio only", "majority")
CODE = "c0de"
DATA = {
    "name": "scenes",
    "fingerprint": "3f1a" * 16,
    "examples": {"train": 16000, "val": 1000, "test": 400},
    "classes": list(CLASSES),
    "groups": {"requires": list(GROUPS)},
    "ideal": {"text": dict.fromkeys(GROUPS, 0.4), "text+image+audio": dict.fromkeys(GROUPS, 1.0)},
    "priors": {
        "majority": {"overall": 0.21, "requires": dict.fromkeys(GROUPS, 0.3)},
        "question only": {"overall": 0.33, "text": 0.5, "image": 0.33, "audio": 0.33, "both": 0.34, "either": 0.33},
    },
}


def fabricate(
    root: Path,
    arms: tuple[str, ...] = ("attention", "bottleneck", "concat", "image only"),
    seeds: tuple[int, ...] = (0, 1, 2, 3),
    factors: tuple[dict[str, object], ...] = ({},),
    num_items: int = 400,
    missing_runs: bool = True,
) -> list[PlannedRun]:
    """Writes runs; with `missing_runs` the third arm's last seed failed, the second arm's first was never started."""
    runs = []
    for arm in arms:
        for setting in factors:
            for seed in seeds:
                directory = root / f"{arm.replace(' ', '-')}-{abs(hash_of(setting)):010d}" / f"seed-{seed}"
                run = PlannedRun("fabricated", arm, setting, seed, directory, [f"fusion={arm}"])
                runs.append(run)
                if missing_runs and arm == arms[1] and seed == seeds[0]:
                    continue
                directory.mkdir(parents=True)
                if missing_runs and arm == arms[2] and seed == seeds[-1]:
                    fail(run, "CUDA out of memory. Tried to allocate 20 MiB <script>alert(1)</script>")
                else:
                    finish(run, num_items)
    return runs


def hash_of(setting: dict[str, object]) -> int:
    """The same folder name for the same factors, in every process."""
    return sum((i + 1) * ord(sign) for i, sign in enumerate(json.dumps(setting, sort_keys=True)))


def fail(run: PlannedRun, error: str) -> None:
    """A run that ended with an error."""
    write(run.directory / "status.json", {"status": "failed", "arm": run.arm, "seed": run.seed, "error": error})


def finish(run: PlannedRun, num_items: int) -> None:
    """A whole run directory: predictions drawn with the arm's skill, everything else derived from them."""
    rng = np.random.default_rng([run.seed, *run.arm.encode()])
    k = float(run.factors.get("num_components", 64))  # type: ignore[arg-type]
    skill = np.array(SKILL[run.arm]) * (1 - 0.5 / np.sqrt(k)) + rng.normal(0, 0.006)
    predictions = draw_predictions(rng, np.clip(skill, 0, 1), num_items)
    predictions.to_parquet(run.directory / "predictions.parquet")
    metrics = {"test/accuracy": predictions["correct"].mean(), "test/loss": 2 * (1 - predictions["correct"].mean())}
    for group in GROUPS:
        metrics[f"test/accuracy/{group}"] = predictions["correct"][predictions["group/requires"] == group].mean()
    metrics |= {"val/accuracy": metrics["test/accuracy"], "val/loss": metrics["test/loss"]}
    size = 20_000 * (1 + sorted(SKILL).index(run.arm))
    write(run.directory / "results.json", {
        "status": "done", "study": run.study, "arm": run.arm, "factors": run.factors, "seed": run.seed,
        "metrics": {name: float(value) for name, value in metrics.items()}, "num_parameters": size,
        "num_trainable_parameters": size, "flops_per_example": 0 if run.arm == "majority" else size * 37,
        "seconds": 30.0 + size / 2e4 + run.seed, "peak_memory_mb": 412.5,
        "num_examples": {"train": 16000, "val": 1000, "test": num_items}, "skipped": {},
        "checkpoint": "checkpoints/best.ckpt", "code": CODE, "config_hash": "0" * 10,
    })  # fmt: skip
    write(run.directory / "status.json", {"status": "done", "arm": run.arm, "seed": run.seed, "error": None})
    write_history(run, rng, float(metrics["val/accuracy"]))
    write_examples(run.directory, predictions)


def draw_predictions(rng: np.random.Generator, skill: np.ndarray, num_items: int) -> pd.DataFrame:
    """Labels are those of every run; an answer is right with its group's probability."""
    fixed = np.random.default_rng(0)
    group = fixed.integers(0, len(GROUPS), num_items)
    label = fixed.integers(0, len(CLASSES), num_items)
    right = rng.random(num_items) < skill[group]
    answer = np.where(right, label, (label + rng.integers(1, len(CLASSES), num_items)) % len(CLASSES))
    p = rng.dirichlet(np.full(len(CLASSES), 0.3), num_items)
    p[np.arange(num_items), answer] += 1.5
    p /= p.sum(1, keepdims=True)
    names = np.array(CLASSES)
    table = pd.DataFrame({"id": [f"scene-{i}" for i in range(num_items)], "label": names[label]})
    table["prediction"], table["correct"] = names[answer], answer == label
    table = table.assign(**{f"p/{name}": p[:, i].astype(np.float32) for i, name in enumerate(CLASSES)})
    return table.assign(**{"group/requires": np.array(GROUPS)[group]})


def write_history(run: PlannedRun, rng: np.random.Generator, final: float) -> None:
    """metrics.jsonl with a curve that ends at `final`, and a last line cut short."""
    lines = []
    for step in range(50, 2001, 50):
        row: dict[str, Any] = {"step": step, "epoch": step / 250, "time": step * 0.03, "train/loss": 2 - step / 1500}
        lines.append(json.dumps(row))
        if step % 100 == 0:
            learned = final / (1 + np.exp(-(step - 700) / 180)) + rng.normal(0, 0.006)
            value = {"val/loss": 2 - learned, "val/accuracy": learned, "val/accuracy/both": learned}
            lines.append(json.dumps({"step": step, "epoch": step / 250, "time": step * 0.03, **value}))
    (run.directory / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 20', encoding="utf-8")


def write_examples(directory: Path, predictions: pd.DataFrame, count: int = 12) -> None:
    """examples.json with real pictures (PNG) and sounds (WAV)."""
    folder = directory / "examples"
    folder.mkdir()
    rows = []
    for index in range(count):
        row = predictions.iloc[index]
        picture(folder / f"{index}.png", index)
        tone(folder / f"{index}.wav", 220.0 * (1 + index))
        rows.append({
            "id": row["id"],
            "text": {"question": "which colour has the thing that sounds?" if index else "is 1 < 2 & <b>3</b> > 2?"},
            "image": {"image": f"examples/{index}.png"},
            "audio": {"audio": f"examples/{index}.wav"},
            "label": row["label"],
            "groups": {"requires": row["group/requires"]},
        })  # fmt: skip
    write(folder / "examples.json", rows)


def picture(path: Path, index: int) -> None:
    """Two coloured shapes, 32 x 32."""
    image = Image.new("RGB", (32, 32), "#f3efe6")
    draw = ImageDraw.Draw(image)
    colours = ["#d33", "#383", "#36c", "#e90", "#808"]
    draw.ellipse((3, 3, 13, 13), fill=colours[index % 5])
    draw.rectangle((17, 16, 28, 27), fill=colours[(index + 2) % 5])
    image.save(path)


def tone(path: Path, frequency: float) -> None:
    """A fifth of a second of a sine, 16 kHz, 16 bit."""
    samples = (9000 * np.sin(2 * np.pi * frequency * np.arange(3200) / 16000)).astype("<i2")
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(16000)
        stream.writeframes(samples.tobytes())


def write(path: Path, content: Any) -> None:
    """JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")
