"""A row of a benchmark: commands of both sides, run in turn, and the ratio of their figures."""

import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from interlace.bench.measuring import CommandFailure, Measurement, measure
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

Side = Literal["ours", "peer"]
Status = Literal["ran", "not run", "failed"]
SCRATCH = "{scratch}"


@dataclass(frozen=True)
class Settings:
    """Of any benchmark: `threads` of each command, `repeats` of each side, `timeout` of a command in seconds.

    `quick`: hardly any steps; shows that all commands run, and its figures mean nothing.
    """

    threads: int
    repeats: int
    timeout: float | None
    quick: bool


@dataclass(frozen=True)
class Command:
    """What is run: `arguments`, in which "{scratch}" stands for a new empty folder each time, and what comes out.

    `readings`: the contenders that it gives a figure for, and where that is found: a key of the command's own
    figures, or "seconds" (its wall time). `missing`: what is not there and how to get it; it is then not run.
    """

    arguments: tuple[str, ...]
    readings: Mapping[str, str]
    missing: str | None = None


@dataclass(frozen=True)
class Row:
    """Contenders of both sides by name, the commands that measure them, and what is wanted.

    The ratio says how many times as fast ours is: the best of `ours` against the best of `peers`, or against the peer
    `against`; `target` is the least that it should be. `unit` is that of all figures; `larger_is_better` tells a
    rate from a time. `at_most` bounds figures of single contenders of ours.
    """

    name: str
    title: str
    unit: str
    larger_is_better: bool
    ours: tuple[str, ...]
    peers: tuple[str, ...]
    commands: tuple[Command, ...]
    target: float | None
    against: str | None = None
    at_most: Mapping[str, float] = field(default_factory=dict)

    def side(self, label: str) -> Side:
        """Whose contender it is."""
        return "ours" if label in self.ours else "peer"


@dataclass
class Contender:
    """What was found of one contender, one entry a repeat: its figure, the command's memory, wall time and figures."""

    label: str
    side: Side
    command: tuple[str, ...]
    status: Status = "ran"
    reason: str | None = None
    values: list[float] = field(default_factory=list)
    peak_memory_mb: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """The median figure; None when there is none."""
        return statistics.median(self.values) if self.values else None


@dataclass
class Outcome:
    """A row that was run, as far as it could be. `ratios`: one a repeat, empty when a side has no figure."""

    row: Row
    contenders: list[Contender]
    ours: Contender | None
    peer: Contender | None
    ratios: list[float]

    @property
    def ratio(self) -> float | None:
        """The median ratio."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached and every bound held; None where there is nothing to judge by."""
        held = [self.held(contender) for contender in self.contenders]
        if self.ratio is not None and self.row.target is not None:
            held.append(self.ratio >= self.row.target)
        known = [each for each in held if each is not None]
        return all(known) if known else None

    def held(self, contender: Contender) -> bool | None:
        """Whether a contender's median keeps to its bound; None without one of both."""
        bound = self.row.at_most.get(contender.label)
        return None if bound is None or contender.median is None else contender.median <= bound

    @property
    def failed(self) -> bool:
        """Whether a command that was started did not end well."""
        return any(contender.status == "failed" for contender in self.contenders)


Run = Callable[[Sequence[str]], Measurement]


def run_row(
    row: Row,
    *,
    repeats: int,
    environment: Mapping[str, str],
    scratch: Path,
    tell: Callable[[str], object],
    timeout: float | None = None,
) -> Outcome:
    """Runs the commands of a row in turn, all of them once before any a second time.

    A command that fails is not run again; the others go on. `tell` is given a sentence before each.
    """
    found = {
        label: Contender(label, row.side(label), command.arguments)
        for command in row.commands
        for label in command.readings
    }
    for command in row.commands:
        for label in command.readings if command.missing else ():
            found[label].status, found[label].reason = "not run", command.missing
    for repeat in range(repeats):
        for command in row.commands:
            contenders = [found[label] for label in command.readings]
            if any(contender.status != "ran" for contender in contenders):
                continue
            tell(f"{row.name}: {' and '.join(command.readings)} ({repeat + 1} of {repeats})")
            try:
                _record(command, contenders, _run(command, environment, scratch, timeout))
            except CommandFailure as failure:
                for contender in contenders:
                    contender.status, contender.reason = "failed", str(failure)
    return concluded(row, list(found.values()))


def _run(command: Command, environment: Mapping[str, str], scratch: Path, timeout: float | None) -> Measurement:
    folder = tempfile.mkdtemp(dir=scratch)
    try:
        arguments = [argument.replace(SCRATCH, folder) for argument in command.arguments]
        return measure(arguments, environment=environment, timeout=timeout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _record(command: Command, contenders: Sequence[Contender], measured: Measurement) -> None:
    found = {"seconds": measured.seconds, **measured.figures}
    absent = [key for key in command.readings.values() if not isinstance(found.get(key), int | float)]
    if absent:
        raise CommandFailure(f"it did not report {', '.join(absent)}")
    for contender in contenders:
        contender.values.append(float(found[command.readings[contender.label]]))
        contender.peak_memory_mb.append(measured.peak_memory_mb)
        contender.seconds.append(measured.seconds)
        contender.figures.append(measured.figures)


def concluded(row: Row, contenders: list[Contender]) -> Outcome:
    """The best of each side by its median, and their ratio in each repeat."""
    ours = _best(row, [c for c in contenders if c.side == "ours"])
    peer = _best(row, [c for c in contenders if c.side == "peer" and row.against in (None, c.label)])
    ratios = []
    if ours is not None and peer is not None:
        for mine, theirs in zip(ours.values, peer.values, strict=False):
            ratios.append(mine / theirs if row.larger_is_better else theirs / mine)
    return Outcome(row, contenders, ours, peer, ratios)


def _best(row: Row, contenders: Sequence[Contender]) -> Contender | None:
    ran = [contender for contender in contenders if contender.status == "ran" and contender.values]
    if not ran:
        return None
    choose = max if row.larger_is_better else min
    return choose(ran, key=lambda contender: contender.median or 0.0)


def chosen_rows(bench: str, rows: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The named rows of a benchmark in its own order, all without names; UserError for one that does not exist."""
    for name in names:
        if name not in rows:
            raise UserError(f"bench {bench} {name}: no such row; {did_you_mean(name, list(rows))}")
    return [name for name in rows if name in names or not names]
