"""The served model without a server: the same questions answered in a loop, one or several at one time."""

import argparse
import base64
import time
from pathlib import Path
from typing import Any

from interlace.apps.answers import Answer, Media, Question
from interlace.apps.opening import open_answerer
from interlace.bench.measuring import reporting
from interlace.bench.serving.made import read_inputs
from interlace.errors import UserError


def measure(*, folder: Path, seconds: int, batch: int) -> dict[str, Any]:
    """Measure questions answered per second. Raises UserError for a class that is not that of `predict`."""
    run, given = read_inputs(folder)
    answerer = open_answerer(run)
    questions = [Question(each["text"], media=_media(each)) for each in given]
    answerer.answer(questions[:batch])  # the first, which loads the model
    done, started = 0, time.monotonic()
    while (took := time.monotonic() - started) < seconds:
        rows = [(done + number) % len(questions) for number in range(batch)]
        for row, answer in zip(rows, answerer.answer([questions[row] for row in rows]), strict=True):
            if not isinstance(answer, Answer) or answer.text != given[row]["class"]:
                raise UserError(f"question {row} is not answered as predict does")
        done += batch
    return {"questions_per_second": done / took, "questions": done, "batch": batch}


def _media(question: dict[str, Any]) -> tuple[Media, ...]:
    picture, sound = (base64.b64decode(question[kind]) for kind in ("image", "audio"))
    return Media("image", picture, ".png"), Media("audio", sound, ".wav")


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("seconds", "batch"):
        parser.add_argument(f"--{name}", type=int, required=True)
    with reporting() as figures:
        figures.update(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
