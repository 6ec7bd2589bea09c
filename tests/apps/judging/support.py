"""Folders with pictures and sounds, served to raters on a free port."""

import json

import numpy as np
import soundfile
from PIL import Image

from interlace.apps.judging.application import LIMITS, Judging
from interlace.apps.serving.listening import HttpServer, access_for, bind
from interlace.judging.folder import JudgingFolder
from interlace.judging.making import Plan, make_folder
from tests.apps.serving.support import running
from tests.judging.simulated import write_answers

SYSTEMS = ("secret-auk", "secret-gull")


def folder_with_media(folder, plan=None, items=6):
    """A folder of judgements of two systems about pictures with sounds and questions."""
    folder.mkdir(exist_ok=True)
    lines = []
    for number in range(items):
        pixels = np.full((24, 24, 3), (40 * number % 255, 120, 200), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        soundfile.write(folder / f"{number}.wav", 0.2 * np.sin(np.arange(2000) * (0.1 + number / 20)), 8000)
        lines.append({"id": f"i{number}", "picture": f"{number}.png", "sound": f"{number}.wav",
                      "question": f"What is number {number}?"})  # fmt: skip
    inputs = folder / "inputs.jsonl"
    inputs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    systems = [
        write_answers(folder / f"{name}.jsonl", {f"i{n}": f"{word} {n}" for n in range(items)})
        for name, word in zip(SYSTEMS, ("it is", "perhaps it is the <b>number</b>"), strict=True)
    ]
    plan = plan or Plan(items=items, raters=2, repeats=0.2)
    make_folder(systems, folder / "judged", Plan(**{**plan.__dict__, "inputs": inputs}))
    return JudgingFolder(folder / "judged")


def judging(folder, token=None, host="127.0.0.1"):
    """A server of the raters' page in a thread."""
    server = HttpServer(Judging(folder, access_for(host, token)).application, LIMITS, bind("127.0.0.1", 0))
    return running(server)
