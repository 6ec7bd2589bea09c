"""`python -m tests.documentation.own_text FOLDER`: plain text and labelled sentences that a reader would have."""

import random
import sys
from pathlib import Path

WORDS = {
    "good": ["fine", "lovely", "warm", "clever", "bright"],
    "bad": ["dull", "cold", "stale", "clumsy", "grey"],
}
THINGS = ["film", "novel", "play", "song", "speech", "story"]


def write(folder: Path) -> None:
    """one.txt and two.txt, a sentence a line, and labelled.tsv."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    rows = [(label, f"a {draw.choice(WORDS[label])} {draw.choice(THINGS)} for a {draw.choice(WORDS[label])} evening")
            for label in list(WORDS) * 60]  # fmt: skip
    for name in ("one.txt", "two.txt"):
        lines = [f"The prince told us of {draw.choice(rows)[1]}." for _ in range(200)]
        (folder / name).write_text("\n".join(lines) + "\n")
    (folder / "labelled.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for label, text in rows))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
