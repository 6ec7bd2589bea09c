"""Planning a sweep: the runs of each trial."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from interlace.configuration.compose import compose, compose_seeds
from interlace.configuration.locations import outputs_dir
from interlace.configuration.overrides import is_hardware
from interlace.configuration.spelling import spelled
from interlace.errors import UserError
from interlace.report.results import PlannedRun
from interlace.studies.planning import Job, parents_needed, plan_parents, with_parents
from interlace.studies.search import Range, Search
from interlace.studies.study import Study
from interlace.studies.sweep.trial_store import Trial, TrialStore
from interlace.tracking.identity import run_directory


class SweepPlan:
    """The search of a study with the overrides for all trials; plans the runs of each trial.

    Raises UserError for a study without a search, an override of a searched option, or an invalid configuration.
    """

    def __init__(self, study: Study, overrides: Sequence[str], outputs: Path | None = None) -> None:
        self.study = study
        self.overrides = list(overrides)
        self.outputs = outputs
        if study.search is None:
            raise UserError(
                f"study {study.name}: it has no search; add a search: section with space, trials and "
                "objectives to its study.yaml"
            )
        self.search: Search = study.search
        for text in self.overrides:
            key = text.lstrip("+~").partition("=")[0]
            if key in self.search.space:
                raise UserError(f"{text}: the sweep chooses {key}; leave that override out")

    @property
    def folder(self) -> Path:
        """The folder <outputs>/<study>."""
        return (self.outputs if self.outputs is not None else outputs_dir()) / self.study.name

    @property
    def arms(self) -> list[str]:
        """The arms that are searched, in the order of the study."""
        chosen = self.search.arms
        return [arm for arm in self.study.arms if chosen is None or arm in chosen]

    def parents(self) -> list[Job]:
        """The runs that trials start from."""
        return list(plan_parents(self.study, self.overrides, self.outputs).values())

    def open(self) -> TrialStore:
        """Check the first point of the space of each arm, and open the trial store."""
        epochs = {arm: self._max_epochs(arm) for arm in self.arms}
        given = [text for text in self.overrides if not is_hardware(text)]
        setups = {arm: [*self.study.base, *self.study.arms[arm], *given] for arm in self.arms}
        return TrialStore(self.folder, self.search, setups, epochs)

    def jobs(self, trial: Trial) -> list[Job]:
        """The runs of a trial, one for each seed.

        The first reports its validations where the search has one objective, measured on validation data. Raises
        UserError where the options of the trial do not fit each other.
        """
        parent_dirs = self.parent_dirs
        texts = [*self._overrides(trial.arm, trial.options), spelled("study", self.study.name),
                 spelled("arm", trial.arm)]  # fmt: skip
        configs = compose_seeds(with_parents(texts, parent_dirs), self.search.seeds)
        reports = len(self.search.objectives) == 1 and self.search.metric.startswith("val/")
        return [
            Job(
                PlannedRun(
                    self.study.name,
                    trial.arm,
                    {},
                    seed,
                    run_directory(config, self.outputs),
                    [*texts, f"seed={seed}"],
                ),
                config,
                parents_needed(texts, parent_dirs),
                reports=reports and seed == self.search.seeds[0] and _on_one_device(config),
            )
            for seed, config in zip(self.search.seeds, configs, strict=True)
        ]

    def _overrides(self, arm: str, options: Mapping[str, Any]) -> list[str]:
        return [*self.study.base, *self.study.arms[arm], *as_overrides(options), *self.overrides]

    @cached_property
    def parent_dirs(self) -> dict[str, Path]:
        """The directories of the parents, by name."""
        jobs = plan_parents(self.study, self.overrides, self.outputs)
        return {name: job.run.directory for name, job in jobs.items()}

    def _max_epochs(self, arm: str) -> int:
        """The max_epochs of the first point of the space; composing it checks that its options exist."""
        space = self.search.space
        first = {key: values.low if isinstance(values, Range) else values[0] for key, values in space.items()}
        try:
            config = compose(with_parents(self._overrides(arm, first), self.parent_dirs))
        except UserError as error:
            raise UserError(f"study {self.study.name}, search of {arm}: {error}") from None
        if self.search.pruner.name != "none" and not _on_one_device(config):
            raise UserError(
                f"study {self.study.name}: a pruner needs runs on one device; give trainer.devices=1, or "
                "leave the pruner out"
            )
        return int(config["trainer"]["max_epochs"])


def as_overrides(options: Mapping[str, Any]) -> list[str]:
    """Options as overrides of the command line."""
    return [spelled(key, value) for key, value in options.items()]


def _on_one_device(config: Mapping[str, Any]) -> bool:
    trainer = config["trainer"]
    return bool(trainer["devices"] == 1 and trainer["num_nodes"] == 1)
