"""Reading for `interlace bench tasks`: windows in batches of similar length, and a loop in the order of the file."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from interlace.assembly import assemble
from interlace.assembly.finished import predict_split
from interlace.bench.measuring import reporting
from interlace.bench.tasks.turns import rates_in_turn
from interlace.configuration.compose import compose
from interlace.configuration.spelling import spelled
from interlace.data.reading_comprehension.split import ReadingSplit
from interlace.data.reading_comprehension.windows import QUESTION
from interlace.errors import UserError

BATCH_SIZE = 32
LENGTHS = (20, 251)  # words of a context
WORDS = 2_000
SPLITS = {"train": 20, "val": 20}  # questions of the splits that are not measured
CLOSE = 1e-3  # between logits
SIZE = ["encoder.text.dim=128", "encoder.text.num_layers=2"]
QUICK = ["encoder.text.dim=16", "encoder.text.num_heads=2"]


def write_questions(path: Path, questions: int) -> None:
    """Write questions about contexts of 20 to 250 random words, whose frequencies follow Zipf's law, a line each."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("aeioubcdfglmnprst"), 2 + rng.poisson(3))) for _ in range(WORDS)])
    chances = 1.0 / np.arange(2, WORDS + 2)
    chances /= chances.sum()
    splits = [name for name, number in {**SPLITS, "test": questions}.items() for _ in range(number)]
    with path.open("w", encoding="utf-8") as stream:
        for number, split in enumerate(splits):
            context = rng.choice(words, rng.integers(*LENGTHS), p=chances)
            line = {
                "id": str(number), "split": split, "title": f"article {number}", "context": " ".join(context),
                "question": " ".join(rng.choice(context, 8)), "answers": [str(rng.choice(context))],
            }  # fmt: skip
            stream.write(json.dumps(line) + "\n")


def in_order_of_file(model: Any, split: ReadingSplit, learning: Any) -> np.ndarray:
    """Return the outputs (N, 6) of all windows, in the order of the split, by a loop in the order of the file."""
    rows = np.lexsort((split.starts, split.labels[:, QUESTION]))
    outputs = np.empty((len(rows), 6), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH_SIZE):
            batch = split.batch(rows[start : start + BATCH_SIZE])
            logits, _ = model(batch["inputs"])
            outputs[batch["index"]] = learning.activate(logits.float(), batch["label"]).numpy()
    return outputs


def measure(*, questions: int, rounds: int, quick: bool, scratch: Path) -> dict[str, Any]:
    """Measure windows per second of one thread, in turn. Raises UserError where the answers differ."""
    write_questions(scratch / "questions.jsonl", questions)
    config = compose(
        [
            "experiment=squad", "data=reading_comprehension", spelled("data.path", str(scratch / "questions.jsonl")),
            "encoder/text=transformer", "tokenizer.vocabulary_size=2000", "logger=none", "trainer=cpu",
            *(QUICK if quick else SIZE),
        ]
    )  # fmt: skip
    torch.set_num_threads(1)
    experiment = assemble(config)
    spec, split = experiment.data.spec, experiment.data.splits["test"]
    model: Any = experiment.build_task().model.eval()
    assert isinstance(split, ReadingSplit), "reading comprehension has windows"
    works = {
        "interlace": lambda: predict_split(model, split, spec, BATCH_SIZE),
        "raw loop": lambda: in_order_of_file(model, split, spec.learning),
    }
    ours, raw = (work() for work in works.values())
    difference = float(np.abs(ours - raw).max())
    if difference > CLOSE:
        raise UserError(f"the outputs of windows differ by {difference:.2g} between the two orders")
    return {**rates_in_turn(works, len(split), rounds), "windows": len(split), "questions": questions}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("questions", "rounds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scratch", type=Path, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
