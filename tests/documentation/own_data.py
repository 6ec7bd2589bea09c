"""`python -m tests.documentation.own_data FOLDER`: the small files that a reader of "Your own data" would have."""

import json
import sys
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220)}
RATE = 8000


def write(folder: Path, count: int = 60) -> None:
    """data.jsonl with pictures, sounds and questions in three splits, and new.jsonl without labels."""
    for name in ("img", "snd"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    lines = []
    for number in range(count):
        label = list(COLOURS)[number % 3]
        pixels = np.clip(np.array(COLOURS[label]) + draw.integers(-25, 26, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"img/{number}.png")
        wave = np.sin(2 * np.pi * (300 + 200 * (number % 3)) * np.arange(RATE // 5) / RATE)
        soundfile.write(folder / f"snd/{number}.wav", 0.3 * wave + draw.normal(0, 0.01, len(wave)), RATE)
        split = "train" if number < count * 0.6 else "val" if number < count * 0.8 else "test"
        lines.append({
            "id": str(number), "split": split, "image": f"img/{number}.png", "audio": f"snd/{number}.wav",
            "text": f"what colour is number {number}?", "label": label,
        })  # fmt: skip
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    unlabelled = [{key: line[key] for key in ("id", "image", "audio", "text")} for line in lines[:6]]
    (folder / "new.jsonl").write_text("".join(json.dumps(line) + "\n" for line in unlabelled))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
