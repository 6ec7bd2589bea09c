"""A study file: question, arms, factors, seeds and expected results."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from interlace.configuration.naming import Name, alike, problem_with_name
from interlace.configuration.plugins import command_line
from interlace.configuration.renamed import renamed
from interlace.configuration.schema import SWITCHES, SeedNumber
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.studies.finding import find_study, how_named
from interlace.studies.search import Direction, Pruner, Range, Search
from interlace.studies.study_file import StudyFile, place_of, read_study_file

# Controls that need no entry under `arms`, with their overrides; switches of the base are turned off.
CONTROLS: dict[str, list[str]] = {
    "linear": [
        "model=linear",
        "fusion=null",
        *(f"{section}=null" for section in ("finetuning", *SWITCHES)),
    ],
}
PARENT = re.compile(r"parent:([^\s/,'\"()\[\]{}=:]+)")


class Budget(BaseModel):
    """Equal cost for all arms: the budget, and the option that is solved for (by default the width of the fusion).

    Either `parameters` or `flops` (of one example's forward pass) is given, as a number or as the name of an arm whose
    cost is the budget; `tolerance` is relative (default: 2% of parameters, 5% of FLOPs). The cost is that of the whole
    model, or with `scope` "fusion" of all but the encoders; encoders are never changed. `width` is the option that is
    solved for, `widths` names other options for single arms. Where no width is within the tolerance (a width is a
    multiple of the number of heads), the values of `fine` are tried as well, options in the order given. `arms`: the
    arms to match; null: all but the controls.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: Annotated[int, Field(ge=1)] | str | None = None
    flops: Annotated[int, Field(ge=1)] | str | None = None
    tolerance: Annotated[float, Field(gt=0, lt=1)] | None = None
    scope: Literal["total", "fusion"] = "total"
    width: str = "fusion.dim"
    widths: dict[str, str] = {}
    fine: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    arms: list[str] | None = None

    @field_validator("tolerance", mode="before")
    @classmethod
    def _percent(cls, value: Any) -> Any:
        if isinstance(value, str) and value.strip().endswith("%"):
            return float(value.strip()[:-1]) / 100
        return value

    @model_validator(mode="after")
    def _one_kind_of_cost(self) -> "Budget":
        if (self.parameters is None) == (self.flops is None):
            raise ValueError("name either parameters or flops, as a number or as an arm")
        for key in (self.width, *self.widths.values(), *self.fine):
            if key.split(".")[0] not in ("fusion", "head"):
                raise ValueError(f"{key}: encoders are not changed; name an option of fusion or head")
        return self

    @property
    def kind(self) -> Literal["parameters", "flops"]:
        """The kind of cost that is matched."""
        return "parameters" if self.parameters is not None else "flops"

    @property
    def target(self) -> int | str:
        """The budget as a number, or the name of the arm whose cost it is."""
        found = self.parameters if self.parameters is not None else self.flops
        assert found is not None
        return found

    @property
    def allowed(self) -> float:
        """The relative difference from the budget that an arm may have."""
        return self.tolerance or (0.02 if self.kind == "parameters" else 0.05)


class Tuning(BaseModel):
    """Trials that choose options for each arm on validation data; every arm has the same number.

    `space` lists the values of each option; `method` "grid" tries every combination, "random" draws `trials` of them
    (`seed`), the same for all arms. Each is trained with all of `seeds`, which must differ from those of the study. The
    arm takes the values of the trial with the best mean of `metric` (of equals the earlier one). `direction` null:
    "min" for losses and errors, else "max".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: Annotated[int, Field(ge=1)]
    space: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]
    metric: Annotated[str, Field(pattern=r"^val/")] = "val/loss"
    direction: Direction | None = None
    method: Literal["grid", "random"] = "random"
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [1000]
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _as_many_as_there_are(self) -> "Tuning":
        for key in self.space:
            if "." not in key:
                raise ValueError(f"space: {key} is a group; name options, such as optimizer.learning_rate")
        available = math.prod(len(values) for values in self.space.values())
        if self.trials > available or (self.method == "grid" and self.trials != available):
            wanted = "exactly" if self.method == "grid" else "at most"
            raise ValueError(f"trials: got {self.trials}; the space has {available} points, give {wanted} that many")
        return self


class _FieldsOfArms(BaseModel):
    """The fields that define arms; validated before the other fields of a study."""

    arms: dict[str, list[str]]
    ablations: dict[str, list[str] | dict[str, list[str]]] = {}
    controls: list[str] = []


class Study(BaseModel):
    """`study.yaml`. Arms and `base` are lists of overrides, so that an arm may differ in several keys at once.

    `parents`: runs that are made first, once for all arms, such as a pretraining; `parent:NAME` in an override is the
    directory of that run. `ablations`: for an arm a list of its overrides, each left out in turn, or named parts, each
    with the overrides that turn it off; each gives a further arm ("full-without-missing_modality"). `controls`: arms
    that are shown but not ranked as strategies; "linear" needs no entry under `arms`. `factors`: a key with its values,
    or a name with named levels, each a list of overrides; arms are ranked over named levels. `folds`: K makes each
    seed a K-fold cross-validation of K runs, one for each fold, which count as repetitions and are paired over arms;
    their seeds are seed * K + fold. `budget`: equal cost for all arms. `tuning`: trials before the runs that choose
    options for each arm. `margin`: the difference of the first metric (0.01 is one point of accuracy) within which
    strategies count as equivalent; without it no strategies are called equivalent. `search`: the space of
    `interlace sweep optuna`; it does not affect the runs of the study. Names follow `configuration.naming`; `labels`
    are free texts for the study and its arms, factors and levels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    question: str
    base: list[str]
    arms: Annotated[dict[Name, list[str]], Field(min_length=1)]
    ablations: dict[str, list[str] | dict[str, list[str]]] = {}
    parents: dict[Name, list[str]] = {}
    labels: dict[str, str] = {}
    controls: list[str] = []
    baseline: str | None = None
    factors: dict[str, list[Any] | Annotated[dict[str, list[str]], Field(min_length=1)]] | list[dict[str, Any]] = {}
    mode: Literal["grid", "zip", "list"] = "grid"
    exclude: list[dict[str, Any]] = []
    seeds: Annotated[list[SeedNumber], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)] | None = None
    metrics: dict[str, Direction] = {}
    margin: Annotated[float, Field(gt=0)] | None = None
    budget: Budget | None = None
    tuning: Tuning | None = None
    search: Search | None = None
    expected: dict[str, dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]]] = {}
    _every_arm: dict[str, list[str]] = PrivateAttr(default_factory=dict)
    _arm_lines: dict[str, int] = PrivateAttr(default_factory=dict)
    _file: Path | None = PrivateAttr(default=None)
    _given: str | None = PrivateAttr(default=None)
    _selected: tuple[str, ...] = PrivateAttr(default=())

    @property
    def every_arm(self) -> dict[str, list[str]]:
        """All arms of the file, selected or not."""
        return self._every_arm

    @property
    def arm_lines(self) -> dict[str, int]:
        """The line of each arm in the study file; empty for a study that was not read from a file."""
        return self._arm_lines

    @property
    def file(self) -> Path | None:
        """The file that the study was read from."""
        return self._file

    def command(self, verb: str, overrides: Sequence[str] = ()) -> str:
        """A command line for this study as it was named and selected: `interlace study run NAME --arms a,b`."""
        return command_line([*verb.split(), self._given or self.name, *self._selected, *overrides])

    @model_validator(mode="before")
    @classmethod
    def _with_further_arms(cls, content: Any) -> Any:
        """Adds the arms that `ablations` and `controls` define."""
        if not isinstance(content, dict) or not isinstance(content.get("arms"), dict):
            return content
        _FieldsOfArms.model_validate({key: content[key] for key in _FieldsOfArms.model_fields if key in content})
        arms = dict(content["arms"])
        named = content.get("controls")
        arms |= (
            {name: CONTROLS[name] for name in named if name in CONTROLS and name not in arms}
            if isinstance(named, list)
            else {}
        )
        ablations = content.get("ablations")
        for arm, parts in (ablations if isinstance(ablations, dict) else {}).items():
            if arm not in arms:
                raise ValueError(f"ablations: no arm {arm!r}; {did_you_mean(arm, arms)}")
            for part in parts:
                arms[f"{arm}-without-{part.replace('/', '.')}"] = _without(arm, arms[arm], part, parts)
        return {**content, "arms": arms}

    @model_validator(mode="after")
    def _names_are_names(self) -> "Study":
        """Checks names of factors and levels, keys of labels, and that no two names differ in case alone."""
        named = {} if isinstance(self.factors, list) else self.factors
        levels = {factor: list(each) for factor, each in named.items() if isinstance(each, dict)}
        for factor, names in levels.items():
            for what, name in [("factors", factor), *((f"factors.{factor}", each) for each in names)]:
                if (problem := problem_with_name(name)) is not None:
                    raise ValueError(f"{what}: got {name!r}; {problem}")
        for what, known in (("arms", self.arms), ("parents", self.parents), *levels.items()):
            if (pair := alike(known)) is not None:
                raise ValueError(f"{what}: {pair[0]!r} and {pair[1]!r} differ in case alone; rename one")
        labelled = {self.name, *self.arms, *levels, *(each for names in levels.values() for each in names)}
        if unknown := next((name for name in self.labels if name not in labelled), None):
            raise ValueError(f"labels: no arm, factor or level {unknown!r}; {did_you_mean(unknown, labelled)}")
        return self

    @property
    def conditions(self) -> list[str]:
        """The factors with named levels, such as tasks or data sets; arms are ranked over them."""
        named = {} if isinstance(self.factors, list) else self.factors
        return [name for name, levels in named.items() if isinstance(levels, dict)]

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        for field, named in (
            ("controls", self.controls),
            ("baseline", [self.baseline] if self.baseline else []),
        ):
            for arm in named:
                if arm not in self.arms:
                    raise ValueError(f"{field}: no arm {arm!r}; {did_you_mean(arm, self.arms)}")
        for name, overrides in {"base": self.base, **self.arms, **self._levels()}.items():
            for parent in parents_named(overrides):
                if parent not in self.parents:
                    raise ValueError(f"{name}: no parent {parent!r}; {did_you_mean(parent, self.parents)}")
        for cell in self.expected:
            if cell.partition(" [")[0] not in self.arms:
                raise ValueError(f"expected: no arm {cell!r}; {did_you_mean(cell, self.arms)}")
        if (self.mode == "list") != isinstance(self.factors, list):
            raise ValueError("factors: mode list needs a list of {key: value}, modes grid and zip need {key: [values]}")
        if isinstance(self.factors, dict) and self.mode == "zip" and len({len(v) for v in self.factors.values()}) > 1:
            raise ValueError("factors: mode zip needs lists of equal length")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds: expected different seeds, got one twice")
        if self.budget is not None:
            target = [self.budget.target] if isinstance(self.budget.target, str) else []
            for arm in (*target, *self.budget.widths, *(self.budget.arms or ())):
                if arm not in self.arms:
                    raise ValueError(f"budget: no arm {arm!r}; {did_you_mean(arm, self.arms)}")
        reported = {each for seed in self.seeds for each in self._seeds_of(seed)}
        if self.tuning is not None and reported & set(self.tuning.seeds):
            raise ValueError("tuning.seeds: a seed of the study's runs must not be used for tuning; give others")
        if self.search is not None:
            self._check_search(self.search, reported)
        self._every_arm.update(self.arms)
        return self

    def _check_search(self, search: Search, reported: set[int]) -> None:
        for arm in search.arms or ():
            if arm not in self.arms:
                raise ValueError(f"search.arms: no arm {arm!r}; {did_you_mean(arm, self.arms)}")
        if reported & set(search.seeds):
            raise ValueError("search.seeds: a seed of the study's runs must not be used for the search; give others")
        for name in ("budget", "tuning", "factors", "folds"):
            if getattr(self, name):
                raise ValueError(f"search: a study with {name} cannot be swept; leave {name} out, or write two studies")

    def _levels(self) -> dict[str, list[str]]:
        """The overrides of each named level: "factors.data.digits" -> [...]."""
        named = {} if isinstance(self.factors, list) else self.factors
        return {
            f"factors.{name}.{level}": overrides
            for name, levels in named.items()
            if isinstance(levels, dict)
            for level, overrides in levels.items()
        }

    def _seeds_of(self, seed: int) -> range:
        return range(seed, seed + 1) if self.folds is None else range(seed * self.folds, (seed + 1) * self.folds)


def parents_named(overrides: list[str]) -> list[str]:
    """Names of the parents in a list of overrides."""
    return [name for text in overrides for name in PARENT.findall(text)]


def _without(arm: str, overrides: list[str], part: str, parts: Any) -> list[str]:
    """The overrides of an arm without one part: with the overrides that turn it off, or without its own override."""
    if isinstance(parts, dict):
        return [*overrides, *parts[part]]
    keys = [text.partition("=")[0].lstrip("+~") for text in overrides]
    if part not in keys:
        if (sentence := renamed(part)) is not None:
            raise ValueError(f"ablations.{arm}: {sentence}")
        raise ValueError(f"ablations.{arm}: the arm has no override {part}; {did_you_mean(part, keys)}")
    return [text for text, key in zip(overrides, keys, strict=True) if key != part]


def load_study(name_or_path: str) -> Study:
    """Reads and checks a study file. Raises UserError, one sentence, for the first problem."""
    file = read_study_file(find_study(name_or_path))
    if not isinstance(file.content, dict):
        raise UserError(f"{file.path}: expected keys and values (name, question, base, arms, seeds)")
    try:
        study = Study.model_validate(file.content)
    except ValidationError as error:
        raise UserError(_first_problem(error, file)) from None
    _check_arms_differ(study, file)
    study.arm_lines.update({arm: line for arm in study.arms if (line := file.lines.get(("arms", arm)))})
    study._file, study._given = file.path, how_named(name_or_path, file.path)
    return study


def _check_arms_differ(study: Study, file: StudyFile) -> None:
    """Raises UserError for two arms with the same overrides: they would be the same runs."""
    first: dict[tuple[str, ...], str] = {}
    for arm, overrides in study.arms.items():
        other = first.setdefault(tuple(overrides), arm)
        if other != arm:
            raise UserError(
                f"{file.at(('arms', arm))}: arm {arm!r} has the same overrides as arm {other!r} "
                f"(line {file.lines.get(('arms', other), '?')}); leave one out"
            )


def select(study: Study, *, arms: list[str] | None, seeds: list[int] | None) -> Study:
    """The same study with some of its arms, or other seeds."""
    changed: dict[str, Any] = {}
    if arms is not None:
        for arm in arms:
            if arm not in study.arms:
                raise UserError(f"--arms {arm}: no such arm; {did_you_mean(arm, study.arms)}")
        changed["arms"] = {name: study.arms[name] for name in study.arms if name in arms}
        changed["controls"] = [name for name in study.controls if name in arms]
        changed["baseline"] = study.baseline if study.baseline in arms else None
        changed["expected"] = {k: v for k, v in study.expected.items() if k.partition(" [")[0] in arms}
    if seeds is not None:
        changed["seeds"] = seeds
    chosen = study.model_copy(update=changed)
    options = {"--arms": arms, "--seeds": seeds}
    given = [(option, ",".join(map(str, values))) for option, values in options.items() if values is not None]
    chosen._selected = tuple(text for pair in given for text in pair)
    return chosen


def _first_problem(error: ValidationError, file: StudyFile) -> str:
    problems = error.errors(include_url=False)  # a mistyped key causes the error of a missing key
    detail = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    place = tuple(detail["loc"])
    where = ".".join(str(part) for part in place if part != "[key]")
    if detail["type"] == "extra_forbidden":
        sections: dict[str, type[BaseModel]] = {"budget": Budget, "tuning": Tuning, "search": Search}
        model = sections.get(str(place[0]), Study) if len(place) > 1 else Study
        within: dict[str, type[BaseModel]] = {"pruner": Pruner, "space": Range}
        model = within.get(str(place[1]), model) if model is Search else model
        return f"{file.at(place)}: {where}: no such key; {did_you_mean(str(place[-1]), model.model_fields)}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "string_type":
        message = file.in_quotes(place) or message
    if not message.startswith("YAML"):
        message = (message[0].lower() + message[1:]).removeprefix("input ")
    if where:
        return f"{file.at(place)}: {where}: {message}"
    return f"{file.at(place_of(message, file.lines))}: {message}"
