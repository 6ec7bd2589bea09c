"""LibriSpeech (Panayotov et al. 2015): folders of speakers and chapters."""

from collections.abc import Iterator
from pathlib import Path

from interlace.data.manifest.layouts.paths import files_in, find_root, folders_in, record_path
from interlace.data.manifest.rows import NumberedRecord, Row
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import read_text

SPLITS = {"train": "train", "dev": "val", "test": "test"}
SPEAKERS = "SPEAKERS.TXT"
SUBSETS = (
    "dev-clean", "dev-other", "test-clean", "test-other", "train-clean-100", "train-clean-360", "train-other-500",
)  # fmt: skip
EXPECTED = (
    "expected LibriSpeech: SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac and SPEAKER-CHAPTER.trans.txt, "
    f"subsets {', '.join(SUBSETS)}"
)


def read_librispeech(folder: Path) -> Iterator[Row]:
    """Examples with `audio`, `target` (the transcript), `speaker`, `chapter`, `subset`, `sex` (from SPEAKERS.TXT if
    present), `split` and `id`.

    Audio without a transcript and lines without a text are problems. Raises UserError for a tree of another shape.
    """
    root = find_root(folder, ["LibriSpeech"], lambda path: any(map(_split_of, folders_in(path))), EXPECTED)
    sexes = _sexes(root)
    number = 0
    for subset in folders_in(root):
        split = _split_of(subset)
        if split is None:
            raise UserError(f"{root / subset}: not a subset of LibriSpeech; {EXPECTED}")
        for speaker in folders_in(root / subset):
            shared = {"split": split, "subset": subset, "speaker": speaker}
            if speaker in sexes:
                shared["sex"] = sexes[speaker]
            for chapter in folders_in(root / subset / speaker):
                for row in _chapter(folder, root / subset / speaker / chapter, {**shared, "chapter": chapter}, number):
                    number += 1
                    yield row


def _split_of(subset: str) -> str | None:
    return SPLITS.get(subset.partition("-")[0]) if "-" in subset else None


def _chapter(folder: Path, root: Path, shared: dict[str, str], number: int) -> Iterator[Row]:
    """The lines of a chapter in order, then problems for audio files that no line names."""
    name = f"{shared['speaker']}-{shared['chapter']}.trans.txt"
    sounds = {Path(file).stem for file in files_in(root, ".flac")}
    if not (root / name).is_file():
        raise UserError(f"{root / name}: not found; {EXPECTED}")
    for line in read_text(root / name).split("\n"):
        if not line.strip():
            continue
        number += 1
        identity, _, text = line.strip().partition(" ")
        sounds.discard(identity)
        if not text.strip():
            yield Problem(number, "no target", f"{name}: {identity[:80]!r} has no words after it")
            continue
        record = {
            "id": identity,
            **shared,
            "audio": f"{record_path(root, folder)}/{identity}.flac",
            "target": text.strip(),
        }
        yield NumberedRecord(number, record)
    for left in sorted(sounds):
        number += 1
        yield Problem(number, "no target", f"{left}.flac is not in {name}")


def _sexes(root: Path) -> dict[str, str]:
    """Speaker -> F or M, from a table "ID | SEX | SUBSET | MINUTES | NAME" with comments after semicolons."""
    path = root / SPEAKERS
    note(path)
    if not path.is_file():
        return {}
    rows = [line.split("|") for line in read_text(path).split("\n") if line.strip() and not line.startswith(";")]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}
