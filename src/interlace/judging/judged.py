"""The ratings of a folder with their key: the judgement at the first showing of a task, and both of a repeated one."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interlace.errors import UserError
from interlace.judging.folder import JudgingFolder, Key
from interlace.judging.store import Rating
from interlace.statistics.intervals import NAN, Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """Judgements of first showings as arrays (K,).

    `values`: in pairs 1 if the first answer of the task was preferred, 0.5 for a tie, 0 for the second; on a scale the
    point from 1. `left`: 1 if the answer on the left was preferred, 0 on the right, NaN for a tie and on a scale.
    `again` (repeats, 3): rater, earlier value and later value of each task that a rater judged twice.
    """

    folder: JudgingFolder
    key: Key
    raters: Ints
    tasks: Ints
    values: Floats
    left: Floats
    seconds: Floats
    again: Floats

    @cached_property
    def items(self) -> Ints:
        """The test item of each task, (tasks,), as numbers: two tasks about the same item depend on each other."""
        return np.unique([task.item for task in self.folder.tasks], return_inverse=True)[1].astype(np.int64)

    @cached_property
    def matrix(self) -> Floats:
        """Values (tasks, raters), NaN where a rater has not judged a task; for Krippendorff's alpha."""
        matrix = np.full((len(self.folder.tasks), self.folder.settings.raters), NAN)
        matrix[self.tasks, self.raters - 1] = self.values
        return matrix


def judged(folder: JudgingFolder, key: Key, ratings: list[Rating]) -> Judged:
    """Return the ratings of a folder with its key. Raises UserError for ratings that are not of its tasks."""
    points = {value: float(number + 1) for number, value in enumerate(folder.settings.values)}
    pairs = folder.settings.design == "pairs"
    rows: list[tuple[int, int, float, float, float]] = []
    again: list[tuple[int, float, float]] = []
    earlier: dict[tuple[int, int], float] = {}
    for rating in ratings:
        order = folder.orders[rating.rater - 1] if 0 < rating.rater <= len(folder.orders) else []
        turn = order[rating.position] if 0 <= rating.position < len(order) else None
        if turn is None or folder.tasks[turn.task].id != rating.task or rating.value not in points:
            raise UserError(
                f"{folder.ratings}: rating {rating.position + 1} of rater {rating.rater} is not of this folder's "
                "tasks; copy the whole folder again"
            )
        left = NAN
        value = points[rating.value]
        if pairs:
            left = {"left": 1.0, "right": 0.0, "same": NAN}[rating.value]
            value = 0.5 if rating.value == "same" else (1 - left if turn.swapped else left)
        if turn.repeat:
            again.append((rating.rater, earlier.get((rating.rater, turn.task), NAN), value))
            continue
        earlier[rating.rater, turn.task] = value
        rows.append((rating.rater, turn.task, value, left, NAN if rating.seconds is None else rating.seconds))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    numbers = table[:, :2].astype(np.int64)
    return Judged(
        folder, key, numbers[:, 0], numbers[:, 1], table[:, 2], table[:, 3], table[:, 4],
        np.array(again, dtype=np.float64).reshape(-1, 3),
    )  # fmt: skip


def rating_lines(folder: JudgingFolder, key: Key, ratings: list[Rating]) -> list[dict[str, Any]]:
    """Return each rating in types of JSON; `preferred`: the system's name, "tie", or on a scale the `points`."""
    judged(folder, key, ratings)
    lines = []
    for rating in ratings:
        turn = folder.orders[rating.rater - 1][rating.position]
        systems = [key.systems[number].name for number in key.tasks[turn.task].systems]
        line: dict[str, Any] = {"rater": rating.rater, "item": folder.tasks[turn.task].item, "systems": systems}
        if folder.settings.design == "scale":
            line["points"] = int(rating.value)
        else:
            left, right = systems[::-1] if turn.swapped else systems
            line |= {"left": left, "preferred": {"left": left, "right": right, "same": "tie"}[rating.value]}
        lines.append({**line, "repeat": turn.repeat, "seconds": rating.seconds, "at": rating.at})
    return lines
