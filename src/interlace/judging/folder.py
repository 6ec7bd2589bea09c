"""The files of a folder of judgements: the settings, the tasks, the raters' orders, and apart from them the key.

`judging.json` (Settings), `tasks.jsonl` (ShownTask a line), `orders.jsonl` (an order a line), `media/`, and `key.json`,
which alone says whose answers these are; the raters' page reads all but the key. Such a folder may come from a
stranger: every file is bounded, nothing in it is run, and no path leads out of it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlace.errors import UserError, one_line
from interlace.inputs import note
from interlace.judging.drawing import Turn
from interlace.reading.documents import parse_json, read_json
from interlace.reading.files import NoRegularFile, open_regular, require_regular
from interlace.reading.limits import limit
from interlace.reading.lines import numbered_lines

SETTINGS, TASKS, ORDERS, KEY = "judging.json", "tasks.jsonl", "orders.jsonl", "key.json"
MEDIA, RATINGS = "media", "ratings.sqlite"
# Files that a browser shows and that can hold no script, by kind. SVG can hold one.
SUFFIXES: Mapping[str, Mapping[str, str]] = {
    "image": {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif"},
    "audio": {".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg"},
    "video": {".apng": "image/apng", ".mp4": "video/mp4", ".webm": "video/webm"},
}
MEDIA_NAME = re.compile(r"[0-9a-z][0-9a-z-]{0,60}(\.[0-9a-z]{2,5})")
MAX_TASKS, MAX_RATERS = 100_000, 1000
MAX_TEXT = 100_000  # characters
MAX_MEDIA_BYTES = 32 * 2**20  # of one file, as raters load it in a browser

Short = Field(min_length=1, max_length=200)
Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Settings(_Strict):
    """The question to raters. `anchors`: words for the points of a scale, from the worst; none in pairs."""

    format: Literal[1] = 1
    design: Literal["pairs", "scale"]
    question: str = Field(min_length=1, max_length=1000)
    anchors: list[str] = Field(default=[], max_length=9)
    raters: int = Field(ge=1, le=MAX_RATERS)
    identical: Literal["tie", "omit"]
    seed: int
    command: str = Field(default="", max_length=10_000)

    @property
    def values(self) -> list[str]:
        """The values that a rating can have: the side, or the points of the scale."""
        return ["left", "right", "same"] if self.design == "pairs" else [str(n + 1) for n in range(len(self.anchors))]


class ShownText(_Strict):
    """A text of a test item, such as its source."""

    name: str = Short
    text: str = Field(max_length=MAX_TEXT)


class ShownMedia(_Strict):
    """A picture, sound or video of a test item: a file of the folder `media`."""

    kind: Literal["image", "audio", "video"]
    name: str = Short
    file: str


class ShownTask(_Strict):
    """A task as raters see it: an item and one answer, or two. `identical`: two equal ones, which nobody is shown."""

    id: str = Short
    item: str = Field(min_length=1, max_length=1000)
    texts: list[ShownText] = Field(max_length=50)
    media: list[ShownMedia] = Field(max_length=50)
    answers: list[str] = Field(min_length=1, max_length=2)
    identical: bool = False


class KeyedSystem(_Strict):
    """A system that was judged; `run`: the last two folders of a run's path, else None."""

    name: str = Short
    run: str | None = None


class KeyedTask(_Strict):
    """The systems of a task by number: of its first and second answer, or all that gave its one answer.

    `metrics`: automatic scores of each system's answer by metric, in the order of `systems`; null: none.
    """

    id: str = Short
    systems: list[int] = Field(min_length=1, max_length=100)
    metrics: dict[str, list[float | None]] = {}


class Key(_Strict):
    """The systems whose answers the tasks show."""

    systems: list[KeyedSystem] = Field(min_length=2, max_length=100)
    tasks: list[KeyedTask] = Field(min_length=1, max_length=MAX_TASKS)


class Order(_Strict):
    """The turns of a rater: the task (its line in tasks.jsonl, from 0), 1 if sides are exchanged, 1 if repeated."""

    rater: int = Field(ge=1, le=MAX_RATERS)
    turns: list[tuple[int, int, int]] = Field(max_length=2 * MAX_TASKS)


class JudgingFolder:
    """A folder as raters see it, without the key. Raises UserError for files that are missing or damaged."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not (self.path / SETTINGS).exists():
            raise UserError(
                f"{path}: no folder of judgements (it has no {SETTINGS}); make one with interlace judge make"
            )
        self.settings = _document(self.path / SETTINGS, Settings)
        self.tasks = _lines(self.path / TASKS, ShownTask, MAX_TASKS)
        self.orders = [
            [Turn(task, bool(swapped), bool(repeat)) for task, swapped, repeat in order.turns]
            for order in _lines(self.path / ORDERS, Order, MAX_RATERS)
        ]
        self._check()

    @property
    def ratings(self) -> Path:
        """The file of the ratings, which exists once a rater has begun."""
        return self.path / RATINGS

    def media_type(self, name: str) -> str | None:
        """The media type of a file of `media/` that a task shows; None for every other name."""
        return self._media.get(name)

    def key(self) -> Key:
        """The systems whose answers the tasks show; for the report alone."""
        key = _document(self.path / KEY, Key)
        if [each.id for each in key.tasks] != [task.id for task in self.tasks]:
            raise UserError(f"{self.path / KEY}: its tasks are not those of {TASKS}; copy the whole folder again")
        number = len(key.systems)
        for keyed, task in zip(key.tasks, self.tasks, strict=True):
            sized = self.settings.design == "scale" or len(keyed.systems) == len(task.answers)
            scored = all(len(values) == len(keyed.systems) for values in keyed.metrics.values())
            if not (sized and scored and all(0 <= each < number for each in keyed.systems)):
                raise UserError(f"{self.path / KEY}: damaged: task {task.id[:40]!r} does not fit its systems")
        return key

    def _check(self) -> None:
        """Refuse tasks, orders and media that do not fit each other."""
        pairs = self.settings.design == "pairs"
        if pairs != (not self.settings.anchors) or len(self.orders) != self.settings.raters:
            raise UserError(f"{self.path / SETTINGS}: damaged: the design does not fit its anchors or {ORDERS}")
        if len({task.id for task in self.tasks}) < len(self.tasks):
            raise UserError(f"{self.path / TASKS}: damaged: an id occurs twice")
        if any(len(task.answers) != 1 + pairs for task in self.tasks):
            raise UserError(f"{self.path / TASKS}: damaged: a task needs {1 + pairs} answers ({self.settings.design})")
        if any(not 0 <= turn.task < len(self.tasks) for order in self.orders for turn in order):
            raise UserError(f"{self.path / ORDERS}: damaged: a turn is of a task that {TASKS} does not have")
        self._media = {media.file: self._checked(media) for task in self.tasks for media in task.media}

    def _checked(self, media: ShownMedia) -> str:
        """The media type of a file; UserError unless it is a regular file of `media/` of a known kind."""
        match = MEDIA_NAME.fullmatch(media.file)
        known = SUFFIXES[media.kind].get(match[1]) if match else None
        path = self.path / MEDIA / media.file
        try:
            if known is None or path.resolve().parent != (self.path / MEDIA).resolve():
                raise UserError(
                    f"{self.path / TASKS}: {media.file[:60]!r} is no {media.kind} of the folder {MEDIA} "
                    f"({', '.join(SUFFIXES[media.kind])})"
                )
            require_regular(path)
            if path.stat().st_size > MAX_MEDIA_BYTES:
                raise UserError(f"{path}: more than {MAX_MEDIA_BYTES >> 20} MiB, too large to show; make a shorter one")
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or 'cannot be read'}; copy the whole folder again") from None
        return known


def write_files(
    folder: Path, settings: Settings, tasks: Sequence[ShownTask], orders: Sequence[Sequence[Turn]], key: Key
) -> None:
    """Write the files of a folder, apart from its media."""
    numbered = [
        Order(rater=number, turns=[(turn.task, int(turn.swapped), int(turn.repeat)) for turn in order])
        for number, order in enumerate(orders, start=1)
    ]
    for name, content in (
        (SETTINGS, json.dumps(settings.model_dump(), indent=2, ensure_ascii=False) + "\n"),
        (TASKS, "".join(f"{_line(task)}\n" for task in tasks)),
        (ORDERS, "".join(f"{_line(order)}\n" for order in numbered)),
        (KEY, f"{_line(key)}\n"),
    ):
        (folder / name).write_text(content, encoding="utf-8")


def _line(model: BaseModel) -> str:
    return json.dumps(model.model_dump(), ensure_ascii=False, allow_nan=False)


def _document(path: Path, model: type[Model]) -> Model:
    note(path)
    try:
        return _valid(path, model, read_json(path))
    except NoRegularFile as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; copy the whole folder again") from None
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{path}: damaged, it is not JSON ({one_line(error)})") from None


def _lines(path: Path, model: type[Model], most: int) -> list[Model]:
    note(path)
    found: list[Model] = []
    held = 0
    try:
        with open_regular(path) as stream:
            for number, raw in numbered_lines(stream, path):
                held += len(raw)
                if number > most or held > limit("document_bytes"):
                    raise UserError(f"{path}: more than {most:,} lines, or too large; make a smaller folder")
                where = f"{path}: line {number}"
                found.append(_valid(where, model, parse_json(raw.decode("utf-8"), where)))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; copy the whole folder again") from None
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{path}: damaged, a line is not JSON ({one_line(error)})") from None
    return found


def _valid(where: Path | str, model: type[Model], content: Any) -> Model:
    try:
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise UserError(f"{where}: damaged: {place[:60]}: {first['msg'][:200]}") from None
