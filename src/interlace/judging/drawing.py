"""Random draws of the tasks of raters: balanced comparisons of systems, and the order of each rater."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import lcm
from typing import Literal

import numpy as np

from interlace.errors import UserError

Identical = Literal["tie", "omit"]
MAX_REPEATS = 0.3  # of the tasks of a rater: those of the first third can be shown again in the second half


@dataclass(frozen=True)
class Task:
    """Answers about one test item that a rater judges together: those of two systems, or one answer on a scale.

    `item`: row of the item. `systems`: whose answers these are, in the order in which they are kept; for a scale all
    that gave the one answer. `answers`: how many are shown. `identical`: both are the same, so that nobody is asked.
    """

    item: int
    systems: tuple[int, ...]
    answers: int
    identical: bool = False


@dataclass(frozen=True)
class Turn:
    """A task in a rater's order; `swapped`: the second answer stands on the left. `repeat`: it was shown before."""

    task: int
    swapped: bool
    repeat: bool


def draw_pairs(
    answers: Sequence[Sequence[str]], number: int, identical: Identical, rng: np.random.Generator
) -> list[Task]:
    """Draw `number` comparisons of two systems from the answers (items, systems).

    Each pair of systems is drawn equally often (up to one), each item as rarely as possible, and never twice for the
    same pair. Of the comparisons that are shown, each system of a pair comes first in half (up to one). "tie": equal
    answers are drawn like others and shown to nobody; "omit": they are not drawn. Raises UserError if there are fewer.
    """
    items, systems = len(answers), len(answers[0])
    pairs = [list(combinations(range(systems), 2))[i] for i in rng.permutation(systems * (systems - 1) // 2)]
    rows = rng.permutation(items)
    wanted = [number // len(pairs) + (rank < number % len(pairs)) for rank in range(len(pairs))]
    drawn: list[Task] = []
    shown = [int(rng.integers(2)) for _ in pairs]
    for place in range(items * len(pairs)):
        # Item and pair advance together; after a common multiple of both numbers the items are moved on by one, so
        # that all combinations occur once (Chinese remainder theorem).
        row = int(rows[(place + place // lcm(items, len(pairs))) % items])
        rank = place % len(pairs)
        same = answers[row][pairs[rank][0]] == answers[row][pairs[rank][1]]
        if not wanted[rank] or (same and identical == "omit"):
            continue
        wanted[rank] -= 1
        shown[rank] += not same
        drawn.append(Task(row, pairs[rank] if shown[rank] % 2 else pairs[rank][::-1], 2, same))
    if len(drawn) < number:
        most = len(pairs) * min(_allowed(answers, pair, identical) for pair in pairs)
        if not most:
            raise UserError("--identical omit: two systems gave the same answer to every test item; leave one out")
        different = " of different answers" if identical == "omit" else ""
        raise UserError(
            f"--items {number}: {items} test items give at most {most} comparisons{different} in equal shares of "
            f"{len(pairs)} {'pairs' if len(pairs) > 1 else 'pair'} of systems; ask for no more"
        )
    return drawn


def _allowed(answers: Sequence[Sequence[str]], pair: tuple[int, int], identical: Identical) -> int:
    return sum(identical == "tie" or row[pair[0]] != row[pair[1]] for row in answers)


def draw_scale(answers: Sequence[Sequence[str]], number: int, rng: np.random.Generator) -> list[Task]:
    """Draw `number` items, each with every distinct answer to it, from the answers (items, systems)."""
    if number > len(answers):
        raise UserError(f"--items {number}: there are {len(answers)} test items; ask for at most {len(answers)}")
    tasks = []
    for row in rng.permutation(len(answers))[:number].tolist():
        given: dict[str, list[int]] = {}
        for system, text in enumerate(answers[row]):
            given.setdefault(text, []).append(system)
        tasks += [Task(row, tuple(systems), 1) for systems in given.values()]
    return tasks


def draw_orders(
    tasks: Sequence[Task], raters: int, repeats: float, pairs: bool, rng: np.random.Generator
) -> list[list[Turn]]:
    """Draw the order of each rater: all tasks that are shown, and a share `repeats` of them once more.

    What is repeated comes from the first third of the order and is shown again, sides exchanged, in the second half.
    In pairs the sides of each second rater are those of the first one exchanged.
    """
    shown = [number for number, task in enumerate(tasks) if not task.identical]
    orders = []
    for rater in range(raters):
        order = [shown[i] for i in rng.permutation(len(shown))]
        again = rng.permutation(order[: max(1, len(order) // 3)])[: round(repeats * len(order))].tolist()
        half = (len(order) + 1) // 2
        swapped = bool(pairs and rater % 2)
        late = [Turn(task, swapped, False) for task in order[half:]]
        late += [Turn(task, pairs and not swapped, True) for task in again]
        early = [Turn(task, swapped, False) for task in order[:half]]
        orders.append(early + [late[i] for i in rng.permutation(len(late))])
    return orders
