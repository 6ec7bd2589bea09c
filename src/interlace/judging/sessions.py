"""A rater's way through her order: the next task as she may see it, ratings as they come, and undoing the last."""

import math
import re
import unicodedata
from typing import Any

from interlace.errors import UserError
from interlace.judging.folder import JudgingFolder
from interlace.judging.store import MAX_CODE, Conflict, RatingStore

CODE = re.compile(r"\w[\w-]{2,}")
MOST_SECONDS = 3600.0  # for one task; a longer time is a break


class Sessions:
    """The raters of a folder, by their codes; safe among threads. A task is told without its id and item."""

    def __init__(self, folder: JudgingFolder, store: RatingStore) -> None:
        self.folder, self.store = folder, store

    def begin(self, code: str, join: bool) -> dict[str, Any] | None:
        """Return the state of the rater with a code; None for one that is not known, unless she joins as a new rater.

        Raises UserError for a wrong code, and Conflict where all places are taken.
        """
        number = self.store.number_of(normalized(code), self.folder.settings.raters, join=join)
        return None if number is None else self._state(number, self.store.done(number))

    def rate(self, code: str, position: int, value: str, seconds: float | None) -> dict[str, Any]:
        """Store a rating and return the new state; the same one again changes nothing. Raises Conflict and UserError.

        `value`: "left", "right" or "same" as the rater saw it, or a point of the scale.
        """
        rater = self._known(code)
        order = self.folder.orders[rater - 1]
        if value not in self.folder.settings.values:
            raise UserError(f"value is {value[:40]!r}; expected one of {', '.join(self.folder.settings.values)}")
        if not 0 <= position < len(order):
            raise Conflict(f"position is {position}; there are {len(order)} tasks")
        known = None if seconds is None or not math.isfinite(seconds) else min(max(seconds, 0.0), MOST_SECONDS)
        task = self.folder.tasks[order[position].task].id
        return self._state(rater, self.store.add(rater, position, task, value, known))

    def undo(self, code: str, position: int) -> dict[str, Any]:
        """Take back the last rating, at `position`, and return the new state. Raises Conflict and UserError."""
        rater = self._known(code)
        return self._state(rater, self.store.take_back(rater, position))

    def _known(self, code: str) -> int:
        number = self.store.number_of(normalized(code), self.folder.settings.raters, join=False)
        if number is None:
            raise Conflict("code: not known here; begin again")
        return number

    def _state(self, rater: int, done: int) -> dict[str, Any]:
        settings, order = self.folder.settings, self.folder.orders[rater - 1]
        state: dict[str, Any] = {
            "design": settings.design,
            "question": settings.question,
            "anchors": settings.anchors,
            "done": done,
            "of": len(order),
            "task": None,
        }
        if done < len(order):
            turn = order[done]
            task = self.folder.tasks[turn.task]
            state["task"] = {
                "texts": [text.model_dump() for text in task.texts],
                "media": [{**media.model_dump(), "type": self.folder.media_type(media.file)} for media in task.media],
                "answers": task.answers[::-1] if turn.swapped else task.answers,
            }
        return state


def normalized(code: str) -> str:
    """Return a rater's code in one spelling. Raises UserError for one that is too short or holds other signs."""
    found = unicodedata.normalize("NFKC", code).strip().casefold()
    if len(found) > MAX_CODE or not CODE.fullmatch(found):
        raise UserError(f"code: expected 3 to {MAX_CODE} letters, digits, - and _; choose a word of your own")
    return found
