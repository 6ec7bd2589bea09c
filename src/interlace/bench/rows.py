"""Row of a benchmark: commands of Interlace and of peers, run in turn, and the ratio of their values."""

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
    """Settings of any benchmark: `threads` of each command, `repeats`, `timeout` of a command in seconds.

    `quick`: very few steps, to check that all commands run; the measured values are meaningless.
    """

    threads: int
    repeats: int
    timeout: float | None
    quick: bool


@dataclass(frozen=True)
class Command:
    """Command with its `arguments`, in which "{scratch}" stands for a new empty folder in each repeat.

    `readings` maps each contender that it measures to a key of the reported values or to "seconds" (wall time). A
    reported list has several values, measured in turn with those of the command's other contenders.
    `missing`: a missing requirement and how to get it; the command is then not run.
    """

    arguments: tuple[str, ...]
    readings: Mapping[str, str]
    missing: str | None = None


@dataclass(frozen=True)
class Row:
    """Contenders of Interlace (`ours`) and peers by name, the commands that measure them, and the targets.

    The ratio is the speed of the best of `ours` divided by that of the best of `peers`, or of the peer `against`;
    `target` is its lower bound. `unit` is the unit of all values; `larger_is_better` is true for rates and false for
    times. `at_most` and `at_least` bound the values of single contenders of `ours`. `agree_on` is a reported value that
    must be the same for all contenders: a digest of what they computed.
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
    at_least: Mapping[str, float] = field(default_factory=dict)
    agree_on: str | None = None

    def side(self, label: str) -> Side:
        """Return the side of a contender."""
        return "ours" if label in self.ours else "peer"


@dataclass
class Contender:
    """Measurements of one contender, one entry per repeat: values (several if it reports a list), and memory, wall time
    and reports of the command."""

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
        """Median value; None if there is none."""
        return statistics.median(self.values) if self.values else None


@dataclass
class Outcome:
    """Outcome of a row. `ratios`: one for each pair of values, empty if a side has none."""

    row: Row
    contenders: list[Contender]
    ours: Contender | None
    peer: Contender | None
    ratios: list[float]

    @property
    def ratio(self) -> float | None:
        """Median ratio; None if there is none."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def reached(self) -> bool | None:
        """True if the target was reached and every bound held; None without a target, a bound or values."""
        held = [self.held(contender) for contender in self.contenders]
        if self.ratio is not None and self.row.target is not None:
            held.append(self.ratio >= self.row.target)
        known = [each for each in held if each is not None]
        return all(known) if known else None

    def held(self, contender: Contender) -> bool | None:
        """Return True if a contender's median is within its bound; None without a median or a bound."""
        most, least = self.row.at_most.get(contender.label), self.row.at_least.get(contender.label)
        if contender.median is None or most is least is None:
            return None
        return (most is None or contender.median <= most) and (least is None or contender.median >= least)

    @property
    def failed(self) -> bool:
        """True if a command failed."""
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
    """Run the commands of a row in turn, each once per repeat.

    A command that fails is not run again; the others continue. `tell` is called with a message before each command.
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
    _check_agreement(row, list(found.values()))
    return concluded(row, list(found.values()))


def _check_agreement(row: Row, contenders: Sequence[Contender]) -> None:
    """Mark all contenders as failed where they did not report the same value of `agree_on`."""
    if row.agree_on is None:
        return
    told = {contender.label: {figures.get(row.agree_on) for figures in contender.figures} for contender in contenders}
    if len(set().union(*told.values())) > 1:
        values = "; ".join(f"{label} has {', '.join(map(str, found))}" for label, found in told.items() if found)
        for contender in contenders:
            contender.status, contender.reason = "failed", f"the results differ in {row.agree_on}: {values}"


def _run(command: Command, environment: Mapping[str, str], scratch: Path, timeout: float | None) -> Measurement:
    folder = tempfile.mkdtemp(dir=scratch)
    try:
        arguments = [argument.replace(SCRATCH, folder) for argument in command.arguments]
        return measure(arguments, environment=environment, timeout=timeout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _record(command: Command, contenders: Sequence[Contender], measured: Measurement) -> None:
    found = {"seconds": measured.seconds, **measured.figures}
    values = {key: _numbers(found.get(key)) for key in command.readings.values()}
    absent = [key for key, numbers in values.items() if not numbers]
    if absent:
        raise CommandFailure(f"it did not report {', '.join(absent)}")
    for contender in contenders:
        contender.values += values[command.readings[contender.label]]
        contender.peak_memory_mb.append(measured.peak_memory_mb)
        contender.seconds.append(measured.seconds)
        contender.figures.append(measured.figures)


def _numbers(reported: Any) -> list[float]:
    values = reported if isinstance(reported, list) else [reported]
    return [float(value) for value in values] if all(isinstance(value, int | float) for value in values) else []


def concluded(row: Row, contenders: list[Contender]) -> Outcome:
    """Return the outcome: the best contender of each side by its median, and the ratio of each pair of values."""
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
    """Return the named rows in the benchmark's order, all rows without names. Raises UserError for an unknown name."""
    for name in names:
        if name not in rows:
            raise UserError(f"bench {bench} {name}: no such row; {did_you_mean(name, list(rows))}")
    return [name for name in rows if name in names or not names]
