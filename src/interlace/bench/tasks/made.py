"""Generation of passages, queries and their BM25 index for the retrieval rows of `interlace bench tasks`."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from interlace.bench.measuring import reporting
from interlace.retrieval.bm25 import BM25

WORDS = 50_000  # drawn, of which some are equal
LETTERS = tuple("aeioubcdfglmnprst")
LENGTHS = (20, 181)  # words of a passage: 20 to 180
QUERY_WORDS = 6
AT_ONCE = 10_000  # passages
PASSAGES, QUERIES, INDEX = "passages.txt", "queries.txt", "index"
K1, B = 1.2, 0.75  # as conf/retrieval/bm25.yaml has them


def make(*, folder: Path, passages: int, queries: int) -> dict[str, Any]:
    """Write passages and queries, a line each, and the BM25 index of the passages, with a fixed seed.

    Words follow Zipf's law; a query has 6 words of a passage, frequent ones as often as they stand there.
    """
    rng = np.random.default_rng(0)
    drawn = ["".join(rng.choice(LETTERS, 2 + rng.poisson(4))) for _ in range(WORDS)]
    words = np.array(list(dict.fromkeys(drawn)))
    chances = 1.0 / np.arange(2, len(words) + 2)
    chances /= chances.sum()
    folder.mkdir(parents=True, exist_ok=True)
    asked = np.sort(rng.choice(passages, queries, replace=queries > passages))
    texts: list[str] = []
    with (folder / QUERIES).open("w", encoding="utf-8") as stream:
        for start in range(0, passages, AT_ONCE):
            lengths = rng.integers(*LENGTHS, min(AT_ONCE, passages - start))
            picks = np.split(words[rng.choice(len(words), int(lengths.sum()), p=chances)], np.cumsum(lengths)[:-1])
            texts += [f"{' '.join(pick).capitalize()}." for pick in picks]
            for row in asked[(asked >= start) & (asked < start + len(picks))]:
                stream.write(" ".join(rng.choice(picks[row - start], QUERY_WORDS)) + "?\n")
    (folder / PASSAGES).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    index = BM25(k1=K1, b=B, terms="words")
    index.fit(texts)
    index.save(folder / INDEX)
    return {"passages": passages, "queries": queries, "postings": index.num_scores}


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passages", type=int, required=True)
    parser.add_argument("--queries", type=int, required=True)
    with reporting() as figures:
        figures.update(make(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
