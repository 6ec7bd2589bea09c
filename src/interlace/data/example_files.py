"""Small example files of every kind that is read: what the pages of the documentation are tried with."""

import filecmp
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from interlace.errors import UserError

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220)}
RATE = 8000
WORDS = {
    "good": ["fine", "lovely", "warm", "clever", "bright"],
    "bad": ["dull", "cold", "stale", "clumsy", "grey"],
}
THINGS = ["film", "novel", "play", "song", "speech", "story"]


def write_example_files(folder: Path) -> dict[str, str]:
    """Writes the files below `folder`, the same each time; returns what each holds, by its name.

    Raises UserError where a file of one of these names holds something else: nothing is overwritten.
    """
    writers: dict[str, tuple[str, Callable[[Path], None]]] = {
        "data.jsonl": ("60 examples of a picture, a sound, a question and a label (with img/ and snd/)", _media),
        "new.jsonl": ("6 of these without labels", _unlabelled),
        "captions.jsonl": ("pictures with a text to write", _captions),
        "one.txt": ("plain text", _plain),
        "two.txt": ("more plain text", _plain),
        "labelled.tsv": ("120 labelled sentences", _sentences),
        "tags.jsonl": ("texts with several labels each", _tags),
        "words.jsonl": ("texts with a label for each word", _words),
        "levels.jsonl": ("texts with labels that have an order", _levels),
        "several.jsonl": ("texts with a class and a number each", _several),
    }
    with tempfile.TemporaryDirectory() as made:
        for name, (_, write) in writers.items():
            write(Path(made) / name)
        put(Path(made), folder)
    return {name: words for name, (words, _) in writers.items()}


def put(made: Path, folder: Path) -> None:
    """Copy all files below `made` to `folder`. Raises UserError, before any, where one holds something else there."""
    files = [path.relative_to(made) for path in sorted(made.rglob("*")) if path.is_file()]
    for file in files:
        there = folder / file
        if there.exists() and not (there.is_file() and filecmp.cmp(made / file, there, shallow=False)):
            raise UserError(f"{there}: it is there already and holds something else; name a new folder")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made / file, folder / file)


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _examples(count: int = 60) -> list[dict[str, Any]]:
    """The lines of data.jsonl: three splits, three colours; every seventh example has no sound."""
    lines = []
    for number in range(count):
        split = "train" if number < count * 0.6 else "val" if number < count * 0.8 else "test"
        line = {"id": str(number), "split": split, "image": f"img/{number}.png", "audio": f"snd/{number}.wav",
                "text": f"what colour is number {number}?", "label": list(COLOURS)[number % 3]}  # fmt: skip
        if number % 7 == 6:
            del line["audio"]
        lines.append(line)
    return lines


def _media(path: Path) -> None:
    """A picture in a noisy colour and a noisy tone, each of which tells the label."""
    import soundfile
    from PIL import Image

    draw = np.random.default_rng(0)
    lines = _examples()
    for name in ("img", "snd"):
        (path.parent / name).mkdir()
    for line in lines:
        pixels = np.array(COLOURS[line["label"]]) + draw.integers(-25, 26, (32, 32, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path.parent / line["image"])
        hertz = 300 + 200 * list(COLOURS).index(line["label"])
        wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(RATE // 5) / RATE) + draw.normal(0, 0.01, RATE // 5)
        if "audio" in line:
            soundfile.write(path.parent / line["audio"], wave, RATE)
    _write_lines(path, lines)


def _unlabelled(path: Path) -> None:
    """The first lines of data.jsonl without split and label."""
    _write_lines(path, ({k: v for k, v in line.items() if k not in ("split", "label")} for line in _examples()[:6]))


def _captions(path: Path) -> None:
    lines = _examples()
    _write_lines(path, (
        {"id": line["id"], "split": line["split"], "image": line["image"], "prompt": "a picture of",
         "target": f"something {line['label']}"} for line in lines
    ))  # fmt: skip


def _sentence(draw: random.Random, label: str) -> str:
    return f"a {draw.choice(WORDS[label])} {draw.choice(THINGS)} for a {draw.choice(WORDS[label])} evening"


def _plain(path: Path) -> None:
    """200 lines of text; each file has lines of its own."""
    draw = random.Random(path.name)
    lines = [f"The prince told us of {_sentence(draw, draw.choice(list(WORDS)))}." for _ in range(200)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sentences(path: Path) -> None:
    draw = random.Random(0)
    rows = [f"{_sentence(draw, label)}\t{label}\n" for label in list(WORDS) * 60]
    path.write_text("text\tlabel\n" + "".join(rows), encoding="utf-8")


def _tags(path: Path) -> None:
    draw = random.Random(1)
    lines = []
    for _ in range(60):
        names = [name for name in ("red", "round", "big") if draw.random() < 0.5]
        lines.append({"text": " ".join(["a", *names, "thing"]), "labels": names})
    _write_lines(path, lines)


def _words(path: Path) -> None:
    draw, names = random.Random(2), {"ada": "B-person", "paris": "B-place"}
    texts = [draw.choice(["ada saw paris", "we saw ada", "paris"]) for _ in range(60)]
    _write_lines(path, ({"text": text, "labels": [names.get(word, "O") for word in text.split()]} for text in texts))


def _levels(path: Path) -> None:
    draw = random.Random(3)
    levels = [draw.choice(["never", "seldom", "often"]) for _ in range(60)]
    _write_lines(path, ({"text": f"it is {level} so", "label": level} for level in levels))


def _several(path: Path) -> None:
    draw = random.Random(4)
    lines = []
    for _ in range(60):
        colour, high = draw.choice(["red", "blue"]), draw.random() < 0.5
        text = f"{colour} {'high' if high else 'low'}"
        lines.append({"text": text, "labels": {"colour": colour, "score": 1.5 if high else -0.5}})
    _write_lines(path, lines)
