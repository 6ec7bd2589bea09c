"""Ratings in an SQLite file, each in a transaction of its own that is on the disk before it is acknowledged."""

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from interlace.errors import UserError, one_line
from interlace.reading.files import NoRegularFile, require_regular
from interlace.reading.limits import exceeded, format_limit, limit

TABLES = {
    "raters": "CREATE TABLE raters (number INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE) STRICT",
    "ratings": (
        "CREATE TABLE ratings (rater INTEGER NOT NULL REFERENCES raters, position INTEGER NOT NULL, "
        "task TEXT NOT NULL, value TEXT NOT NULL, seconds REAL, at REAL NOT NULL, PRIMARY KEY (rater, position)) STRICT"
    ),
    "preferences": (
        "CREATE TABLE preferences (number INTEGER PRIMARY KEY, identity TEXT UNIQUE, question TEXT NOT NULL, "
        "answers TEXT NOT NULL, preferred TEXT, at REAL NOT NULL) STRICT"
    ),
}  # fmt: skip
TIE = "tie"
MAX_CODE, MAX_TEXT = 40, 100_000  # characters of a rater's code, and of a question or an answer
MAX_ANSWERS = 20
BUSY_SECONDS = 10.0  # of waiting for another process that writes


class Rating(NamedTuple):
    """A judgement of a rater about the task at a position of her order; `seconds` that she took, where known."""

    rater: int
    position: int
    task: str
    value: str
    seconds: float | None
    at: float


class Preference(NamedTuple):
    """The model whose answer a person preferred: its name, "tie", or None for neither."""

    question: str
    answers: tuple[tuple[str, str], ...]
    preferred: str | None
    at: float


class Conflict(UserError):
    """A rating does not fit those that are stored; the message says how."""


class RatingStore:
    """Ratings and preferences of one SQLite file, which is created where it does not exist; for any thread.

    Write-ahead log with `synchronous=FULL`: once a method returns, neither a killed process nor a loss of power undoes
    what it stored. Raises UserError for a file that is no such store.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        if self.path.exists():
            _check_file(self.path)
        self._connection = self._connect()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def number_of(self, code: str, places: int, *, join: bool) -> int | None:
        """Return the number of the rater with a code, from 1; None for a code that is not known.

        `join`: such a code takes the next of `places`. Raises Conflict if none is left.
        """
        with self._transaction() as transaction:
            found = transaction.execute("SELECT number FROM raters WHERE code = ?", (code,)).fetchone()
            if found is not None or not join:
                return None if found is None else int(found[0])
            taken = int(transaction.execute("SELECT count(*) FROM raters").fetchone()[0])
            if taken >= places:
                raise Conflict(
                    f"all {places} places for raters are taken; give the code with which you began, or ask for more "
                    "places (interlace judge make --raters)"
                )
            transaction.execute("INSERT INTO raters VALUES (?, ?)", (taken + 1, code))
            return taken + 1

    def done(self, rater: int) -> int:
        """Return how many ratings a rater has given, which is the next position of her order."""
        with self._transaction() as transaction:
            return _done(transaction, rater)

    def add(self, rater: int, position: int, task: str, value: str, seconds: float | None = None) -> int:
        """Store a rating and return the next position; the same rating given again changes nothing.

        Raises Conflict for a position that is not the next, or that holds another value.
        """
        with self._transaction() as transaction:
            following = _done(transaction, rater)
            if position == following:
                row = (rater, position, task, value, seconds, time.time())
                transaction.execute("INSERT INTO ratings VALUES (?, ?, ?, ?, ?, ?)", row)
                return following + 1
            asked = "SELECT task, value FROM ratings WHERE rater = ? AND position = ?"
            there = transaction.execute(asked, (rater, position)).fetchone()
            if there == (task, value):
                return following
            raise Conflict(
                f"number {position + 1} is rated already with another answer; undo it first"
                if there
                else f"the next to rate is number {following + 1}, not {position + 1}; load the page again"
            )

    def take_back(self, rater: int, position: int) -> int:
        """Remove a rater's last rating, at `position`, and return the next position; again changes nothing.

        Raises Conflict for a position before the last one.
        """
        with self._transaction() as transaction:
            following = _done(transaction, rater)
            if position >= following:
                return following
            if position < following - 1:
                raise Conflict(f"only the last rating, number {following}, can be undone, not {position + 1}")
            transaction.execute("DELETE FROM ratings WHERE rater = ? AND position = ?", (rater, position))
            return following - 1

    def ratings(self) -> list[Rating]:
        """Return all ratings, by rater and position."""
        with self._transaction() as transaction:
            rows = transaction.execute("SELECT * FROM ratings ORDER BY rater, position").fetchmany(limit("table_rows"))
        return [Rating(*row) for row in rows]

    def add_preference(
        self, question: str, answers: Sequence[tuple[str, str]], preferred: str | None, identity: str | None = None
    ) -> bool:
        """Store which of several answers, (model, text) each, a person preferred: a model's name, "tie" or None.

        `identity`: a client's key of this rating; one that is stored already stores nothing and returns False.
        Raises UserError for fewer than two answers, models that are not distinct, another name, or texts beyond limits.
        """
        _check_preference(question, answers, preferred)
        with self._transaction() as transaction:
            row = (identity, question, json.dumps([list(pair) for pair in answers]), preferred, time.time())
            fields = "(identity, question, answers, preferred, at) VALUES (?, ?, ?, ?, ?)"
            return transaction.execute(f"INSERT OR IGNORE INTO preferences {fields}", row).rowcount == 1

    def preferences(self) -> list[Preference]:
        """Return all preferences, in the order in which they came."""
        asked = "SELECT question, answers, preferred, at FROM preferences ORDER BY number"
        with self._transaction() as transaction:
            rows = transaction.execute(asked).fetchmany(limit("table_rows"))
        return [Preference(row[0], _answers(row[1], self.path), row[2], row[3]) for row in rows]

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA trusted_schema = OFF")
                _check_tables(connection, self.path)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                for made in TABLES.values():
                    connection.execute(made.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from None
        return connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise _unusable(self.path, error) from None


def _done(transaction: sqlite3.Connection, rater: int) -> int:
    return int(transaction.execute("SELECT count(*) FROM ratings WHERE rater = ?", (rater,)).fetchone()[0])


def _unusable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: cannot be used as a store of ratings ({one_line(error)}); name another file")


def _check_file(path: Path) -> None:
    try:
        require_regular(path)
    except NoRegularFile as error:
        raise UserError(f"{path}: {error.strerror}") from None
    size = path.stat().st_size
    if size > limit("document_bytes"):
        raise exceeded(path, f"it has {format_limit('_bytes', size)}", "document_bytes", size)


def _check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file with other tables, or with views and triggers, which run when it is read or written."""
    for kind, name, made in connection.execute("SELECT type, name, sql FROM sqlite_master LIMIT 100").fetchall():
        own = kind == "table" and made == TABLES.get(name)
        if not own and not (kind == "index" and made is None):
            raise UserError(f"{path}: it holds the {kind} {str(name)[:40]!r}, so it is no store of ratings")


def _check_preference(question: str, answers: Sequence[tuple[str, str]], preferred: str | None) -> None:
    models = [model for model, _ in answers]
    if not 2 <= len(models) <= MAX_ANSWERS or len(set(models)) < len(models):
        raise UserError(f"a preference needs 2 to {MAX_ANSWERS} answers of distinct models, not {len(models)}")
    if preferred is not None and preferred != TIE and preferred not in models:
        raise UserError(f"preferred is {preferred[:40]!r}; expected one of {', '.join([*models, TIE])[:200]}, or null")
    if TIE in models or any(len(text) > MAX_TEXT for text in (question, *(text for pair in answers for text in pair))):
        raise UserError(f"a preference has texts of at most {MAX_TEXT:,} characters, and no model is named {TIE!r}")


def _answers(text: str, path: Path) -> tuple[tuple[str, str], ...]:
    try:
        return tuple((str(model), str(answer)) for model, answer in json.loads(text))
    except (ValueError, TypeError):
        raise UserError(f"{path}: damaged, a preference holds no list of answers; restore it from a copy") from None
