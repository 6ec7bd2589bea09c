"""Text to a file of token ids with Hugging Face datasets: `map` with several processes."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from interlace.bench.measuring import reporting


def measure(*, corpus: Path, tokenizer: Path, output: Path, processes: int) -> dict[str, Any]:
    """Measure tokens per second from the text file to the file of ids; each line is a document, followed by </s>.

    As nanoGPT's data/openwebtext/prepare.py, but faster: the tokenizer gets batches of lines, and ids are read in
    Arrow's format (in numpy's format reading takes four times as long as all the rest).
    """
    import datasets
    from tokenizers import Tokenizer

    datasets.disable_progress_bars()
    encoder = Tokenizer.from_file(str(tokenizer))
    separator = encoder.token_to_id("</s>")
    assert separator is not None, "Inputs.tokenizer has this token"
    scratch = output.with_suffix(".cache")

    def encode(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        encoded = encoder.encode_batch(batch["text"], add_special_tokens=False)
        return {"ids": [[*encoding.ids, separator] for encoding in encoded]}

    start = time.perf_counter()
    text = datasets.load_dataset("text", data_files=str(corpus), split="train", cache_dir=str(scratch))
    packed = text.map(encode, batched=True, remove_columns=["text"], num_proc=processes).with_format("arrow")
    total = 0
    with output.open("wb") as stream:
        for batch in packed.iter(batch_size=10_000):
            ids = batch["ids"].combine_chunks().flatten().to_numpy()
            stream.write(ids.astype(np.uint16))
            total += len(ids)
    seconds = time.perf_counter() - start
    return {"value": total / seconds, "tokens": total, "work_seconds": seconds, "processes": processes}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with reporting() as figures:
        figures.update(measure(**vars(given)))


if __name__ == "__main__":
    main()
