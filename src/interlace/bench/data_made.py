"""Generation of a manifest of texts and feature vectors for the data benchmark."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from interlace.bench.measuring import reporting

WORDS = 30_000
WIDTH = 16  # of a feature vector
CLASSES = ("first", "second", "third")
SPLITS = ("train",) * 8 + ("val", "test")  # of every ten lines
AT_ONCE = 10_000  # lines
LENGTHS = (5, 25)  # words of a text


def make(*, output: Path, lines: int) -> dict[str, Any]:
    """Write `lines` examples with a fixed seed: id, split, text of 5 to 24 words (Zipf's law), features (16 numbers),
    and one of 3 classes, weakly related to both."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("aeioubcdfglmnprst"), 2 + rng.poisson(4))) for _ in range(WORDS)])
    chances = 1.0 / np.arange(2, WORDS + 2)
    chances /= chances.sum()
    with output.open("w", encoding="utf-8") as stream:
        for start in range(0, lines, AT_ONCE):
            number = min(AT_ONCE, lines - start)
            classes = rng.integers(0, len(CLASSES), number)
            vectors = (rng.normal(size=(number, WIDTH)) + classes[:, None]).round(4).tolist()
            lengths = rng.integers(*LENGTHS, number)
            picks = np.split(words[rng.choice(WORDS, int(lengths.sum()), p=chances)], np.cumsum(lengths)[:-1])
            for i, (kind, vector, text) in enumerate(zip(classes, vectors, picks, strict=True), start=start):
                row = {"id": f"e{i}", "split": SPLITS[i % len(SPLITS)], "text": f"{words[kind]} {' '.join(text)}."}
                stream.write(json.dumps({**row, "features": vector, "label": CLASSES[kind]}) + "\n")
    return {"lines": lines, "bytes": output.stat().st_size}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--lines", type=int, required=True)
    with reporting() as figures:
        figures.update(make(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
