"""Files of predictions for `interlace bench predict`: `interlace predict`, and the forward pass of its model alone."""

import argparse
import json
import time
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import soundfile
import torch
from PIL import Image

from interlace.bench.measuring import reporting
from interlace.configuration.compose import compose
from interlace.configuration.spelling import spelled
from interlace.errors import UserError
from interlace.prediction import predict_file
from interlace.runs import Run
from interlace.training import train

Content = Literal["texts", "media"]
BATCH_SIZE = 64
WORDS, LENGTH = 2_000, 40  # different words, and those of a text
FILES = 200  # different pictures and sounds
PIXELS, RATE = 224, 16_000  # of pictures; of sounds of a second
FEATURES = 32
TRAINING = 192  # lines, of which the run learns in two updates


def write_lines(path: Path, content: Content, count: int) -> None:
    """Write records with texts and vectors, or with texts, JPEG pictures and WAV sounds."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{number:x}" for number in range(WORDS)])
    if content == "media":
        for number in range(FILES):
            small = Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
            small.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC).save(path.parent / f"{number}.jpg")
            soundfile.write(path.parent / f"{number}.wav", rng.normal(0, 0.1, RATE), RATE)
    with path.open("w", encoding="utf-8") as stream:
        for row in range(count):
            record: dict[str, Any] = {
                "id": str(row),
                "label": "abc"[row % 3],
                "text": " ".join(rng.choice(words, LENGTH)),
            }
            if content == "texts":
                record["vector"] = rng.normal(size=FEATURES).round(4).tolist()
            else:
                record |= {"image": f"{row % FILES}.jpg", "audio": f"{row % FILES}.wav"}
            stream.write(json.dumps(record) + "\n")


def trained(folder: Path, content: Content) -> Run:
    """Return a run of experiment=manifest after two updates."""
    write_lines(folder / "train.jsonl", content, TRAINING)
    options = [f"trainer.limit_{split}_batches={number}" for split, number in (("train", 2), ("val", 1), ("test", 1))]
    where = spelled("data.path", str(folder / "train.jsonl"))
    config = compose(["experiment=manifest", where, "trainer.max_epochs=1", "logger=none", "trainer=cpu", *options])
    return train(config, outputs=folder / "outputs", quiet=True)


def measure(*, content: Content, lines: int, rounds: int, threads: int, scratch: Path) -> dict[str, Any]:
    """Return lines per second of both works, in turn: from file to file, and the model on batches that are decoded
    already. Raises UserError where their classes differ."""
    torch.set_num_threads(threads)
    run, source, output = trained(scratch, content), scratch / "lines.jsonl", scratch / "predicted.jsonl"
    write_lines(source, content, lines)
    records = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    start = time.perf_counter()
    split = run.prepare(records, scratch).inputs
    reading = lines / (time.perf_counter() - start)
    batches = [split.batch(np.arange(first, min(first + BATCH_SIZE, lines))) for first in range(0, lines, BATCH_SIZE)]
    model, learning = run.kept_model, run.data_for_prediction().spec.learning

    def forward() -> np.ndarray:
        with torch.inference_mode():
            made = [learning.activate(model(batch["inputs"])[0].float(), batch["label"]).numpy() for batch in batches]
        return np.concatenate(made)

    def whole() -> object:
        output.unlink(missing_ok=True)
        return predict_file(run, source, output, BATCH_SIZE)

    classes = run.data_for_prediction().classes
    expected = [classes[each] for each in forward().argmax(1)]
    whole()
    found = [json.loads(line)["prediction"] for line in output.read_text(encoding="utf-8").splitlines()]
    if found != expected:
        raise UserError("the classes of the file differ from those of the model alone")
    rates: dict[str, list[float]] = {"interlace": [], "forward": []}
    for _ in range(rounds):
        for name, work in (("interlace", whole), ("forward", forward)):
            start = time.perf_counter()
            work()
            rates[name].append(lines / (time.perf_counter() - start))
    return {**rates, "reading_lines_per_second": reading, "lines": lines}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", choices=get_args(Content))
    for name in ("lines", "rounds", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
