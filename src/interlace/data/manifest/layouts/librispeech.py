"""LibriSpeech (Panayotov et al. 2015): folders of speakers and chapters."""

from collections.abc import Iterator
from pathlib import Path

from interlace.data.manifest.layouts.places import files_in, folders_in, home, shown
from interlace.data.manifest.rows import Found, Row
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
    """`audio`, `target` (the transcript), `speaker`, `chapter`, `subset`, `sex` where SPEAKERS.TXT tells it, `split`
    and `id`.

    Sounds without a transcript, and lines without a text, are bad. Raises UserError for a tree of another shape.
    """
    place = home(folder, ["LibriSpeech"], lambda each: any(map(_split_of, folders_in(each))), EXPECTED)
    sexes = _sexes(place)
    number = 0
    for subset in folders_in(place):
        split = _split_of(subset)
        if split is None:
            raise UserError(f"{place / subset}: no subset of LibriSpeech; {EXPECTED}")
        for speaker in folders_in(place / subset):
            shared = {"split": split, "subset": subset, "speaker": speaker}
            if speaker in sexes:
                shared["sex"] = sexes[speaker]
            for chapter in folders_in(place / subset / speaker):
                for row in _chapter(folder, place / subset / speaker / chapter, {**shared, "chapter": chapter}, number):
                    number += 1
                    yield row


def _split_of(subset: str) -> str | None:
    return SPLITS.get(subset.partition("-")[0]) if "-" in subset else None


def _chapter(folder: Path, place: Path, shared: dict[str, str], number: int) -> Iterator[Row]:
    """A chapter's lines in their order, and the sounds that no line names."""
    name = f"{shared['speaker']}-{shared['chapter']}.trans.txt"
    sounds = {Path(each).stem for each in files_in(place, ".flac")}
    if not (place / name).is_file():
        raise UserError(f"{place / name}: not there; {EXPECTED}")
    for line in read_text(place / name).split("\n"):
        if not line.strip():
            continue
        number += 1
        identity, _, text = line.strip().partition(" ")
        sounds.discard(identity)
        if not text.strip():
            yield Problem(number, "no target", f"{name}: {identity[:80]!r} has no words after it")
            continue
        record = {"id": identity, **shared, "audio": f"{shown(place, folder)}/{identity}.flac", "target": text.strip()}
        yield Found(number, record)
    for left in sorted(sounds):
        number += 1
        yield Problem(number, "no target", f"{left}.flac is not in {name}")


def _sexes(place: Path) -> dict[str, str]:
    """Speaker to F or M, by a table of "ID | SEX | SUBSET | MINUTES | NAME", comments after semicolons."""
    path = place / SPEAKERS
    note(path)
    if not path.is_file():
        return {}
    rows = [line.split("|") for line in read_text(path).split("\n") if line.strip() and not line.startswith(";")]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}
