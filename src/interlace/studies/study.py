"""A study file: a question, arms, factors and seeds, and what is expected."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from interlace.configuration.names import studies
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

Direction = Literal["max", "min"]
PARENT = re.compile(r"parent:([A-Za-z0-9][A-Za-z0-9_-]*)")


class Study(BaseModel):
    """`study.yaml`. Arms and `base` are lists of overrides, so that an arm may differ in several keys at once.

    `parents`: runs that are made first and once, such as a pretraining; `parent:NAME` in an override is the
    directory of that run. `folds`: K makes every run a K-fold cross-validation: each seed stands for K runs, one a
    fold, which count as repetitions and are paired over arms; their seeds are seed * K + fold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    question: str
    base: list[str]
    arms: Annotated[dict[str, list[str]], Field(min_length=1)]
    parents: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")], list[str]] = {}
    controls: list[str] = []
    baseline: str | None = None
    factors: dict[str, list[Any]] | list[dict[str, Any]] = {}
    mode: Literal["grid", "zip", "list"] = "grid"
    exclude: list[dict[str, Any]] = []
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)] | None = None
    metrics: Annotated[dict[str, Direction], Field(min_length=1)]
    expected: dict[str, dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]]] = {}

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        for field, named in (
            ("controls", self.controls),
            ("baseline", [self.baseline] if self.baseline else []),
        ):
            for arm in named:
                if arm not in self.arms:
                    raise ValueError(f"{field}: no arm {arm!r}; {did_you_mean(arm, self.arms)}")
        for name, overrides in {"base": self.base, **self.arms}.items():
            for parent in parents_named(overrides):
                if parent not in self.parents:
                    raise ValueError(f"{name}: no parent {parent!r}; {did_you_mean(parent, self.parents)}")
        for cell in self.expected:
            if cell.partition(" [")[0] not in self.arms:
                raise ValueError(f"expected: no arm {cell!r}; {did_you_mean(cell, self.arms)}")
        if (self.mode == "list") != isinstance(self.factors, list):
            raise ValueError("factors: mode list takes a list of {key: value}, grid and zip take {key: [values]}")
        if isinstance(self.factors, dict) and self.mode == "zip" and len({len(v) for v in self.factors.values()}) > 1:
            raise ValueError("factors: mode zip needs lists of equal length")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds: each seed may stand there once")
        return self


def parents_named(overrides: list[str]) -> list[str]:
    """Names of the parents that some overrides refer to."""
    return [name for text in overrides for name in PARENT.findall(text)]


def find_study(name_or_path: str) -> Path:
    """The study.yaml that a name, folder or file means."""
    path = Path(name_or_path)
    for candidate in (path, path / "study.yaml"):
        if candidate.is_file():
            return candidate
    known = studies()
    if name_or_path in known:
        return known[name_or_path]
    raise UserError(f"study {name_or_path!r}: no such file, folder or name; {did_you_mean(name_or_path, known)}")


def load_study(name_or_path: str) -> Study:
    """Reads and checks a study file; every problem is one sentence."""
    path = find_study(name_or_path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys and values (name, question, base, arms, seeds, metrics)")
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: {_first_problem(error)}") from None


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
    return study.model_copy(update=changed)


def _first_problem(error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{where}: no such key; {did_you_mean(where, Study.model_fields)}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}" if where else message
