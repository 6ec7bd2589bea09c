"""Inputs of all contenders of a benchmark, made once before the measurements."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from interlace.bench.measuring import reporting
from interlace.errors import UserError

Part = Literal["tokens", "pack", "characters", "words"]
PARTS: tuple[Part, ...] = ("tokens", "pack", "characters", "words")

VOCABULARY = 8192
BLOCK_LENGTH = 128
CHARACTERS = 300_000
GPT2_VOCABULARY = 50_304
WAR_AND_PEACE = ("wap.train.txt", "wap.valid.txt", "wap.test.txt")


class Inputs:
    """Paths of the inputs in a folder.

    `text`: the source text; `tokenizer`, `shards` and `blocks` (rows of 128 ids as .npy): its tokens, for the training
    rows; `corpus`: the text repeated to some megabytes; `characters`: its beginning, for character-level models;
    `words`: enough random words for a word tokenizer with the vocabulary size of GPT-2.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = folder / "text.txt"
        self.tokenizer = folder / "tokenizer.json"
        self.shards = folder / "shards"
        self.blocks = folder / "blocks.npy"
        self.corpus = folder / "corpus.txt"
        self.characters = folder / "characters.txt"
        self.words = folder / "words.txt"

    def make(self, parts: Iterable[Part], *, text: Path | None, megabytes: float) -> str:
        """Make the text, its tokenizer and the `parts`; return the source of the text.

        `megabytes`: size of `corpus`. Raises UserError when the file `text` cannot be read or has too few words.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        content, source = base_text(text)
        self.text.write_text(content, encoding="utf-8")
        wanted = set(parts)
        if wanted & {"tokens", "pack"}:
            self._make_tokenizer(content)
        if "tokens" in wanted:
            self._make_tokens(content)
        if "pack" in wanted:
            size = len(content.encode("utf-8"))
            with self.corpus.open("w", encoding="utf-8") as stream:
                for _ in range(max(1, round(megabytes * 1e6 / size))):
                    stream.write(content)
        if "characters" in wanted:
            self.characters.write_text(content[:CHARACTERS], encoding="utf-8")
        if "words" in wanted:
            self.words.write_text(random_words(GPT2_VOCABULARY, 2_000_000), encoding="utf-8")
        return source

    def _make_tokenizer(self, content: str) -> None:
        from interlace.data.tokenizers import BPEBuilder

        tokenizer = BPEBuilder(vocabulary_size=VOCABULARY).build(iter(content.splitlines(keepends=True)))
        if len(tokenizer) != VOCABULARY:
            raise UserError(
                f"--text: its vocabulary has {len(tokenizer)} entries, but {VOCABULARY} are needed; give a longer text"
            )
        tokenizer.save(self.tokenizer)

    def _make_tokens(self, content: str) -> None:
        from interlace.data.corpus import Shards, pack
        from interlace.data.tokenizers import TextTokenizer

        tokenizer = TextTokenizer.load(self.tokenizer)
        edge = content.rfind("\n", 0, int(len(content) * 0.98)) + 1
        pack([content[:edge]], tokenizer, self.shards / "train")
        pack([content[edge:]], tokenizer, self.shards / "val")
        shards = Shards(self.shards / "train")
        ids = shards.take(np.arange(len(shards)))
        rows = len(ids) // BLOCK_LENGTH
        np.save(self.blocks, ids[: rows * BLOCK_LENGTH].reshape(rows, BLOCK_LENGTH).astype(np.int64))


def base_text(path: Path | None) -> tuple[str, str]:
    """Return the text of a file, else War and Peace if available, else an artificial text; and the source."""
    if path is not None:
        try:
            return path.read_text(encoding="utf-8"), path.name
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--text {path}: cannot be read as UTF-8 text ({error}); name another file") from None
    from interlace.data.sources import find

    try:
        folder = find("war-and-peace")
    except UserError:
        return artificial_text(2_500_000), "artificial"
    return "".join((folder / name).read_text(encoding="utf-8") for name in WAR_AND_PEACE), "war-and-peace"


def artificial_text(characters: int) -> str:
    """Return sentences of invented words with frequencies by Zipf's law, with a fixed seed."""
    generator = np.random.Generator(np.random.PCG64(0))
    syllables = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "s", "t")]
    words = ["".join(generator.choice(syllables, size=1 + int(generator.poisson(1.4)))) for _ in range(30_000)]
    weights = 1.0 / np.arange(2, len(words) + 2)
    picks = generator.choice(len(words), size=characters // 4, p=weights / weights.sum())
    ends = np.cumsum(generator.integers(4, 30, size=len(picks) // 4))
    parts, start, size = [], 0, 0
    for end in ends:
        sentence = " ".join(words[i] for i in picks[start:end]).capitalize() + ".\n"
        parts.append(sentence)
        start, size = int(end), size + len(sentence)
        if size >= characters or start >= len(picks):
            break
    return "".join(parts)


def random_words(vocabulary_size: int, count: int) -> str:
    """Return `count` random words in lines of 1000, with enough distinct words for a word tokenizer of that size.

    Five ids of the tokenizer are special.
    """
    kinds = vocabulary_size - 5
    generator = np.random.Generator(np.random.PCG64(1))
    picks = np.concatenate([generator.permutation(kinds), generator.integers(0, kinds, max(0, count - kinds))])
    return "\n".join(" ".join(f"w{i}" for i in picks[j : j + 1000]) for j in range(0, len(picks), 1000)) + "\n"


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    # Without `choices`: argparse would reject an empty list.
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS))
    parser.add_argument("--text", type=Path, default=None)
    parser.add_argument("--megabytes", type=float, default=27.0)
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such parts: {', '.join(sorted(unknown))}; expected some of {', '.join(PARTS)}")
    with reporting() as figures:
        figures["source"] = Inputs(given.folder).make(given.parts, text=given.text, megabytes=given.megabytes)


if __name__ == "__main__":
    main()
