"""Measurements of Interlace for `interlace bench data`, with the code path of every run."""

import argparse
import os
import time
from pathlib import Path
from typing import Any, Literal, get_args

from interlace.bench.measuring import reporting

Work = Literal["check", "prepare", "batches"]
BATCH_SIZE = 64


def measure(*, manifest: Path, work: Work, scratch: Path, threads: int) -> dict[str, Any]:
    """Measure the seconds of `interlace data check`, of preparing a run's data with an empty cache, or of one shuffled
    pass of training batches after that."""
    os.environ["INTERLACE_CACHE"] = str(scratch)
    import torch

    from interlace.assembly.components import build_data
    from interlace.configuration.compose import compose
    from interlace.configuration.spelling import spelled
    from interlace.data.loader import BatchLoader
    from interlace.data.manifest import examine

    torch.set_num_threads(threads)
    start = time.perf_counter()
    if work == "check":
        found = examine(manifest)
        assert not found.problems, "the generated manifest has no invalid lines"
        return {"value": time.perf_counter() - start, "examples": found.summary["examples"]}
    config = compose(["experiment=manifest", spelled("data.path", str(manifest)), "logger=none"])
    start = time.perf_counter()
    data = build_data(config)
    seconds = time.perf_counter() - start
    if work == "prepare":
        return {"value": seconds, "examples": sum(map(len, data.splits.values()))}
    loader = BatchLoader(data.splits["train"], BATCH_SIZE, shuffle=True, seed=0, drop_last=False)
    start = time.perf_counter()
    tokens = sum(int(batch["inputs"]["text"].length.sum()) for batch in loader)
    return {"value": time.perf_counter() - start, "examples": len(data.splits["train"]), "tokens": tokens}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--work", choices=get_args(Work), required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
