"""Files of answers, folders and simulated raters; of raters only in tests, never recorded as people."""

import json

import numpy as np

from interlace.judging.folder import JudgingFolder
from interlace.judging.making import Plan, make_folder
from interlace.judging.store import RatingStore


def write_answers(path, answers, **fields):
    """A file of answers by id, with further fields of every line."""
    lines = [{"id": name, "text": text, "source": f"source {name}", **{k: v(name) for k, v in fields.items()}}
             for name, text in answers.items()]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def three_systems(folder, items=30, equal=0):
    """Files of three systems; the first two answer the first `equal` items alike."""
    return [
        write_answers(folder / f"secret-{name}.jsonl", {
            f"item{n}": f"answer {n}" if n < equal and name != "tern" else f"answer {n} of {hash_of(name, n)}"
            for n in range(items)
        }, scores=lambda name, system=number: {"length": float(system), "noise": float(hash_of(name, system) % 7)})
        for number, name in enumerate(("auk", "gull", "tern"))
    ]  # fmt: skip


def hash_of(name, number):
    """A number that tells nothing of its name."""
    return sum(map(ord, f"{name}{number}")) * 7919 % 1000


def made(tmp_path, plan=None, **options):
    """A folder of judgements of three systems."""
    make_folder(three_systems(tmp_path, **options), tmp_path / "judged", plan or Plan(items=30))
    return JudgingFolder(tmp_path / "judged")


def rate(folder, quality, seed=0, raters=None, tie=0.3, left=0.0):
    """Simulated raters who follow logistic choice of the systems' quality, or points around it on a scale."""
    draw, key = np.random.default_rng(seed), folder.key()
    store = RatingStore(folder.ratings)
    for rater in range(1, (raters or folder.settings.raters) + 1):
        assert store.number_of(f"simulated-{rater}", folder.settings.raters, join=True) == rater
        for position, turn in enumerate(folder.orders[rater - 1]):
            systems = key.tasks[turn.task].systems
            if folder.settings.design == "scale":
                value = str(int(np.clip(round(3 + quality[systems[0]] + draw.normal()), 1, 5)))
            else:
                shown = systems[::-1] if turn.swapped else systems
                gap = quality[shown[0]] - quality[shown[1]] + left + draw.logistic()
                value = "same" if abs(gap) < tie else "left" if gap > 0 else "right"
            store.add(rater, position, folder.tasks[turn.task].id, value, 2.0)
    store.close()
    return folder
