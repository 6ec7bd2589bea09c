"""A small run of pictures, sounds and questions, and questions with the answers of its `predict`, in a folder."""

import argparse
import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from interlace.bench.measuring import reporting
from interlace.configuration.compose import compose
from interlace.training import train

RUN, QUESTIONS = "run.txt", "questions.json"
RECIPE = ["experiment=scenes", "data.num_train=512", "data.num_val=64", "data.num_test=64", "trainer.max_epochs=1",
          "logger=none"]  # fmt: skip
WORDS = ("is the circle red ?", "which shape is it ?", "is the tone low ?", "what colour is the triangle ?")
PIXELS, SECONDS = 64, 0.25


def make(*, folder: Path, questions: int) -> dict[str, Any]:
    """Train the run; write each question as the body of a request, with its class and probabilities, each alone."""
    folder.mkdir(parents=True, exist_ok=True)
    run = train(compose(RECIPE), outputs=folder / "outputs", quiet=True)
    rate = run.data_for_prediction().modalities["audio"].sample_rate
    assert rate is not None, "a sound has a rate"
    made = []
    for number in range(questions):
        rng = np.random.default_rng(number)
        media = {"image": _picture(rng), "audio": _sound(rng, rate)}
        text = WORDS[number % len(WORDS)]
        (answer,) = run.predict(images=[_file(folder, media["image"], ".png")], texts=[text],
                                sounds=[_file(folder, media["audio"], ".wav")])  # fmt: skip
        encoded = {name: base64.b64encode(content).decode() for name, content in media.items()}
        made.append({"text": text, **encoded, "class": answer["prediction"], "probabilities": answer["probabilities"]})
    (folder / QUESTIONS).write_text(json.dumps(made), encoding="utf-8")
    (folder / RUN).write_text(str(run.directory), encoding="utf-8")
    return {"questions": questions}


def content_of(question: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a question's message."""
    return [
        {"type": "text", "text": question["text"]},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{question['image']}"}},
        {"type": "input_audio", "input_audio": {"data": question["audio"], "format": "wav"}},
    ]


def read_inputs(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Return the directory of the run, and the questions."""
    questions = json.loads((folder / QUESTIONS).read_text(encoding="utf-8"))
    return Path((folder / RUN).read_text(encoding="utf-8")), questions


def _picture(rng: np.random.Generator) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (PIXELS, PIXELS, 3), dtype=np.uint8)).save(stream, "png")
    return stream.getvalue()


def _sound(rng: np.random.Generator, rate: int) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, rng.normal(0.0, 0.1, int(rate * SECONDS)), rate, format="wav")
    return stream.getvalue()


def _file(folder: Path, content: bytes, suffix: str) -> Path:
    path = folder / f"asked{suffix}"
    path.write_bytes(content)
    return path


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, required=True)
    with reporting() as figures:
        figures.update(make(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
