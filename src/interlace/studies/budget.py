"""The `budget:` section of a study: solving for the widths at which all arms cost the same."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.errors import UserError
from interlace.studies.sizes import Fit, nearest_fit
from interlace.studies.study import Budget
from interlace.tracking.files import read_json, write_json
from interlace.tracking.identity import code_hash_of, config_hash

if TYPE_CHECKING:
    from interlace.assembly.sizing import Size, Sizer

Config = dict[str, Any]
TRAINING_SECTIONS = frozenset({"optimizer", "scheduler", "objective", "checkpoint", "early_stopping", "callbacks"})
FILE = "budget.json"  # in the study's outputs: solutions, so that planning again is quick


@dataclass(frozen=True)
class Question:
    """A cell of a study to solve for: its name, arm and configuration.

    `reference`: the configuration of the arm whose cost is the budget; None where the budget is a number.
    """

    cell: str
    arm: str
    config: Config
    reference: Config | None


@dataclass(frozen=True)
class Match:
    """A solution: the options to change, the resulting cost (parameters, FLOPs of one example), and the section
    `budget` of the configuration, which each run checks its model against.
    """

    values: dict[str, Any]
    parameters: int
    flops: int
    budget: dict[str, Any]


def solve(
    budget: Budget, questions: Sequence[Question], parents: Mapping[Path, Config], folder: Path
) -> dict[str, Match]:
    """The match of every cell; solutions for the same code and configuration are read from `folder`/budget.json.

    Raises UserError that names the first cell outside the tolerance, with the nearest cost that it can have.
    """
    known = _read(folder / FILE)
    keys = {q.cell: _key(budget, q) for q in questions}
    missing = {keys[q.cell]: q for q in reversed(questions) if keys[q.cell] not in known}
    if missing:
        solver = _Solver(budget, parents)
        found = {key: asdict(solver.match(question)) for key, question in _by_data(missing, solver)}
        known = {**_read(folder / FILE), **found}
        write_json(folder / FILE, known)
    return {q.cell: Match(**known[keys[q.cell]]) for q in questions}


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        content = read_json(path)
        return content if isinstance(content, dict) else {}
    return {}


def _key(budget: Budget, question: Question) -> str:
    """A key of a solution: budget, models and data of the configurations, and the code that builds models."""
    option = budget.widths.get(question.arm, budget.width)
    asked = budget.model_dump(mode="json", exclude={"widths", "arms"}) | {"option": option}
    reference = None if question.reference is None else model_hash(question.reference)
    answered = [each.name for each in fields(Match)]
    code = code_hash_of(question.config)
    text = json.dumps([asked, answered, model_hash(question.config), reference, code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def model_hash(config: Config) -> str:
    """`config_hash` without the sections on training alone: trials that differ in those have equal sizes."""
    kept = {key: {} if key in TRAINING_SECTIONS else value for key, value in config.items()}
    return config_hash({**kept, "trainer": {"precision": config["trainer"]["precision"]}})


def _by_data(missing: Mapping[str, Question], solver: "_Solver") -> Iterator[tuple[str, Question]]:
    """The questions in an order that keeps those with the loaded data set together."""
    left = dict(missing)
    while left:
        key = next((key for key, question in left.items() if solver.has_data_of(question.config)), next(iter(left)))
        yield key, left.pop(key)


class _RecordingConfig(Mapping[str, Any]):
    """A configuration that records which of its sections are read."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return self.config[key]

    def __iter__(self) -> Iterator[str]:
        self.read.update(self.config)
        return iter(self.config)

    def __len__(self) -> int:
        return len(self.config)


class _Solver:
    """Builds models and counts their cost; caches the last data set and the costs of reference arms."""

    def __init__(self, budget: Budget, parents: Mapping[Path, Config]) -> None:
        self.budget = budget
        self.parents = parents
        self.data: Any = None
        self.made_of: dict[str, Any] | None = None  # sections that the loaded data depend on
        self.targets: dict[str, int] = {}

    def match(self, question: Question) -> Match:
        """Solve one cell; UserError where no value comes within the tolerance."""
        budget = self.budget
        target = budget.target if isinstance(budget.target, int) else self._target(question)
        sizer = self._sizer(question.config)
        width = budget.widths.get(question.arm, budget.width)
        try:
            fit = self._fit(sizer, question.config, width, target)
        except UserError as error:
            raise UserError(f"budget, {question.cell}: {error}") from None
        if abs(fit.miss) > budget.allowed:
            raise UserError(_too_far(budget, question, target, fit))
        size = sizer.size(fit.values)
        section = {"cost": budget.kind, "scope": budget.scope, "target": target, "tolerance": budget.allowed}
        return Match(fit.values, size.parameters, size.flops, section)

    def _fit(self, sizer: "Sizer", config: Config, width: str, target: int) -> Fit:
        budget = self.budget

        def cost(options: dict[str, Any]) -> int:
            return sizer.size(options, flops=budget.kind == "flops").cost(budget.kind, budget.scope)

        fine = {key: values for key, values in budget.fine.items() if _has(config, key)}
        return nearest_fit(
            cost, target, width=width, step=lambda extra: _step(config, width, extra), fine=fine, allowed=budget.allowed
        )

    def _target(self, question: Question) -> int:
        """The cost of the reference arm."""
        assert question.reference is not None
        key = model_hash(question.reference)
        if key not in self.targets:
            size: Size = self._sizer(question.reference).size({})
            self.targets[key] = size.cost(self.budget.kind, self.budget.scope)
        return self.targets[key]

    def _sizer(self, config: Config) -> "Sizer":
        from interlace.assembly import build_data  # imports torch, which is not needed where all solutions are cached
        from interlace.assembly.sizing import Sizer

        if not self.has_data_of(config):
            recorder = _RecordingConfig(config)
            self.data = build_data(recorder)
            self.made_of = {section: config.get(section) for section in recorder.read}
        return Sizer(config, self.data, self.parents)

    def has_data_of(self, config: Config) -> bool:
        """True where the loaded data depend on the same sections as those of a configuration."""
        return self.made_of is not None and all(config.get(key) == value for key, value in self.made_of.items())


def _has(config: Config, path: str) -> bool:
    node: Any = config
    for key in path.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return False
        node = node[key]
    return True


def _step(config: Config, width: str, extra: Mapping[str, Any]) -> int:
    """The number of heads, of which a component's `dim` must be a multiple; 1 for any other option."""
    section, _, key = width.rpartition(".")
    node: Any = config
    for name in section.split("."):
        node = node.get(name) or {}
    heads = extra.get(f"{section}.num_heads", node.get("num_heads"))
    return math.lcm(heads, 1) if key == "dim" and isinstance(heads, int) else 1


def _too_far(budget: Budget, question: Question, target: int, fit: Fit) -> str:
    named = " ".join(f"{key}={value}" for key, value in fit.values.items())
    what = "parameters" if budget.kind == "parameters" else "FLOPs"
    heads = _has(question.config, "fusion.num_heads") and not budget.fine
    return (
        f"budget, {question.cell}: {target:,} {what} within {100 * budget.allowed:g}% cannot be reached; the nearest "
        f"is {named} with {fit.cost:,} ({100 * fit.miss:+.1f}%); increase budget.tolerance, list other values under "
        f"budget.fine{' (such as fusion.num_heads: [2, 1])' if heads else ''}, or name another option under "
        "budget.widths"
    )
