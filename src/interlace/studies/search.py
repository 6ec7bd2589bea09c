"""The `search:` section of a study file: hyperparameter search with Optuna."""

import json
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Direction = Literal["max", "min"]
Scalar = str | int | float | bool | None
OBJECTIVE = r"^(val/.+|num_parameters|flops_per_example)$"


class Range(BaseModel):
    """Numbers from `low` to `high`, both included: integers where both bounds are integers, else real numbers.

    `log`: uniform in the logarithm; `step`: only the values low + i * step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int | float
    high: int | float
    log: bool = False
    step: Annotated[int | float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low: got {self.low}; expected less than high, which is {self.high}")
        if self.log and self.step is not None:
            raise ValueError("step: a logarithmic range cannot have one; leave out log or step")
        if self.log and self.low <= 0:
            raise ValueError(f"low: got {self.low}; a logarithmic range starts above 0")
        if self.whole and isinstance(self.step, float):
            raise ValueError(f"step: got {self.step}; a range of integers needs an integer step")
        return self

    @property
    def whole(self) -> bool:
        """True for a range of integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def points(self) -> list[int | float] | None:
        """All values, for a grid; None where there are infinitely many."""
        step = self.step or (1 if self.whole and not self.log else None)
        if step is None:
            return None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [self.low + i * step for i in range(count)]


Choices = Annotated[list[Any], Field(min_length=1)]
Values = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("list")],
    Discriminator(lambda values: "list" if isinstance(values, list) else "range"),
]


class Pruner(BaseModel):
    """The rule that stops a trial early, by the first objective after each validation.

    `median`: stop a trial whose best value so far is worse than the median of the other trials at that epoch, once
    `startup` trials have finished. `hyperband` (Li et al., 2018): successive halving in brackets, which keeps one of
    `reduction` trials at each rung. No trial is stopped in its first `warmup` epochs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["none", "median", "hyperband"] = "none"
    startup: Annotated[int, Field(ge=0)] = 5
    warmup: Annotated[int, Field(ge=0)] = 0
    reduction: Annotated[int, Field(ge=2)] = 3


class Search(BaseModel):
    """Trials whose options a sampler chooses from the results of earlier trials, separately for each arm.

    `space`: an option (`optimizer.learning_rate`) or group (`fusion`) with a list of values or a range; `trials` for
    each arm (`arms` null: all arms; an arm without overrides is the base). A trial is one run for each of `seeds`, and
    its value is the mean over them; only the first run may be stopped early. `objectives`: metrics on validation
    data, or `num_parameters` and `flops_per_example`; with several the sweep finds the Pareto front. `seed`: seed of
    the sampler; with the number of a trial it determines the random draws for that trial.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: Annotated[dict[str, Values], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1)]
    objectives: Annotated[dict[Annotated[str, Field(pattern=OBJECTIVE)], Direction], Field(min_length=1)]
    sampler: Literal["tpe", "random", "grid", "cmaes", "nsga2"] = "tpe"
    pruner: Pruner = Pruner()
    arms: list[str] | None = None
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [1000]
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _pruner_by_name(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("pruner"), str):
            return {**content, "pruner": {"name": content["pruner"]}}
        return content

    @model_validator(mode="after")
    def _goes_together(self) -> "Search":
        several = len(self.objectives) > 1
        if several and self.pruner.name != "none":
            raise ValueError("pruner: a pruner needs a single objective; with several leave the pruner out")
        if self.pruner.name != "none" and not self.metric.startswith("val/"):
            raise ValueError(f"pruner: {self.metric} is not measured while a run trains; leave the pruner out")
        if several and self.sampler == "cmaes":
            raise ValueError("sampler: cmaes supports one objective; use tpe or nsga2 for several")
        ranges = [values for values in self.space.values() if isinstance(values, Range)]
        if self.sampler == "cmaes" and (len(ranges) < len(self.space) or len(ranges) < 2):
            raise ValueError("sampler: cmaes needs two or more ranges of numbers, and no lists, in the space")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds: expected different seeds, got one twice")
        if self.sampler == "grid" and self.trials > (available := math.prod(map(len, self.grid().values()))):
            raise ValueError(f"trials: got {self.trials}; the grid has {available} points, give at most that many")
        return self

    @property
    def metric(self) -> str:
        """The first objective."""
        return next(iter(self.objectives))

    def grid(self) -> dict[str, list[Any]]:
        """All values of each option as Optuna stores them; ValueError for a real-valued or logarithmic range."""
        found: dict[str, list[Any]] = {}
        for key, values in self.space.items():
            points = values.points() if isinstance(values, Range) else [stored(value) for value in values]
            if points is None:
                raise ValueError(f"space.{key}: a grid needs a list of values, or a range with a step")
            found[key] = points
        return found

    def values(self, params: dict[str, Any]) -> dict[str, Any]:
        """Options as in configurations, in the order of the space, from the parameters that Optuna stores."""
        found = {}
        for key, values in self.space.items():
            known = {} if isinstance(values, Range) else {json.dumps(stored(value)): value for value in values}
            found[key] = known.get(json.dumps(params[key]), params[key])
        return found


def stored(value: Any) -> Scalar:
    """A value of a list as Optuna stores it: scalars unchanged, others as JSON."""
    return value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value)
