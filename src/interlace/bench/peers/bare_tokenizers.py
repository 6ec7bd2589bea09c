"""Text to a file of token ids with Hugging Face tokenizers only: `encode_batch`, which uses all cores."""

import argparse
import time
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from interlace.bench.measuring import reporting

LINES = 20_000


def measure(*, corpus: Path, tokenizer: Path, output: Path) -> dict[str, Any]:
    """Measure tokens per second from the text file to the file of ids; each line is a document, followed by </s>."""
    from tokenizers import Tokenizer

    encoder = Tokenizer.from_file(str(tokenizer))
    separator = encoder.token_to_id("</s>")
    start = time.perf_counter()
    total = 0
    with corpus.open(encoding="utf-8") as lines, output.open("wb") as stream:
        while batch := [line.rstrip("\n") for line in islice(lines, LINES)]:
            encoded = encoder.encode_batch([line for line in batch if line], add_special_tokens=False)
            ids = np.fromiter(chain.from_iterable([*row.ids, separator] for row in encoded), dtype=np.uint16)
            ids.tofile(stream)
            total += len(ids)
    seconds = time.perf_counter() - start
    return {"value": total / seconds, "tokens": total, "work_seconds": seconds}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    with reporting() as figures:
        figures.update(measure(**vars(given)))


if __name__ == "__main__":
    main()
