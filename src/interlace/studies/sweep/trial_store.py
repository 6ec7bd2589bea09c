"""The journal of a sweep: its trials, the drivers that have claimed them, and their outcomes."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from interlace.errors import UserError
from interlace.studies.search import Search
from interlace.studies.sweep.samplers import SeededByTrial, build_pruner, distributions
from interlace.tracking.lock import LockedError, RunLock

MUTEX_POLL_SECONDS = 0.02
DIRECTIONS = {"max": "MAXIMIZE", "min": "MINIMIZE"}
# User attributes: of an Optuna study the setup of the search, of a trial its run directories and its error.
SETUP, RUNS, ERROR = "interlace", "runs", "error"
Curve = Mapping[int, float]  # the first objective after each epoch


@dataclass(frozen=True)
class Trial:
    """A trial to be made: arm, number within the arm, and options."""

    arm: str
    number: int
    options: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        """The arm and the number, which identify a trial."""
        return self.arm, self.number


class TrialStore:
    """Optuna studies, one for each arm, in one journal file that several drivers write, on one or several machines.

    An arm never has more than `search.trials` trials: counting and adding one happen under a lock that every driver
    takes for every write. A driver claims a trial before it makes its runs; a running trial whose driver has died is
    given to the next driver that asks. `close` releases unfinished trials. Raises UserError when the journal belongs to
    another search.

    `setups`: for each arm the overrides of its trials other than their options; `max_epochs`: the most epochs of a run
    of each arm.
    """

    def __init__(
        self, folder: Path, search: Search, setups: Mapping[str, Sequence[str]], max_epochs: Mapping[str, int]
    ) -> None:
        self.search = search
        self.journal = journal_path(folder)
        self.locks = locks_dir(folder)
        self.claims: dict[tuple[str, int], RunLock] = {}
        self.distributions = distributions(search)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        with self._exclusive():
            self.storage = open_journal(self.journal)
            self.studies = {arm: self._study(arm, setup, max_epochs[arm]) for arm, setup in setups.items()}

    def close(self) -> None:
        """Release the claimed trials that were not finished."""
        for lock in self.claims.values():
            lock.__exit__(None, None, None)
        self.claims.clear()

    def take(self, exclude: Collection[tuple[str, int]] = ()) -> Trial | None:
        """Claim an abandoned trial, else add one to the arm with the fewest; None when no trial is left.

        Trials in `exclude` are skipped.
        """
        with self._exclusive():
            for arm, study in self.studies.items():
                for frozen in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
                    key = (arm, frozen.number)
                    if key not in self.claims and key not in exclude and self._claim(*key):
                        return self._trial(arm, self._proposed(study, frozen))
            counts = {arm: len(study.get_trials(deepcopy=False)) for arm, study in self.studies.items()}
            arm = min(counts, key=lambda name: counts[name])
            if counts[arm] >= self.search.trials:
                return None
            self._claim(
                arm, counts[arm]
            )  # numbers are consecutive; claimed before it is added, so that no unclaimed trial appears
            frozen = self.storage.get_trial(self.studies[arm].ask(self.distributions)._trial_id)
            return self._trial(arm, frozen)

    def release(self, trial: Trial) -> None:
        """Give up the claim of an unfinished trial, so that another driver can take it."""
        with self._exclusive():
            self.claims.pop(trial.key).__exit__(None, None, None)

    def report(self, trial: Trial, epochs: int, value: float) -> bool:
        """Store the first objective after an epoch; True where the pruner stops the trial."""
        with self._exclusive():
            study, frozen = self.studies[trial.arm], self._frozen(trial)
            if epochs not in frozen.intermediate_values:
                self.storage.set_trial_intermediate_value(frozen._trial_id, epochs, value)
            return study.pruner.prune(study, self._frozen(trial))

    def complete(self, trial: Trial, values: Sequence[float], curve: Curve, runs: Sequence[str]) -> None:
        """End a trial with a value for each objective; `curve` adds values by epoch that were not reported."""
        self._finish(trial, TrialState.COMPLETE, list(values), curve, {RUNS: list(runs)})

    def prune(self, trial: Trial, curve: Curve, runs: Sequence[str]) -> None:
        """End a trial that was stopped early."""
        self._finish(trial, TrialState.PRUNED, None, curve, {RUNS: list(runs)})

    def fail(self, trial: Trial, error: str, runs: Sequence[str] = ()) -> None:
        """End a trial without values, with the reason."""
        self._finish(trial, TrialState.FAIL, None, {}, {RUNS: list(runs), ERROR: error})

    def unfinished(self) -> set[tuple[str, int]]:
        """Trials that are running or not made yet, whichever driver has claimed them."""
        found = set()
        for arm, study in self.studies.items():
            finished = {trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()}
            found |= {(arm, number) for number in range(self.search.trials) if number not in finished}
        return found

    def _finish(
        self, trial: Trial, state: TrialState, values: list[float] | None, curve: Curve, attributes: Mapping[str, Any]
    ) -> None:
        with self._exclusive():
            frozen = self._frozen(trial)
            if (
                not frozen.state.is_finished()
            ):  # it is finished where this driver was suspended and another took the trial
                for epochs in sorted(set(curve) - set(frozen.intermediate_values)):
                    self.storage.set_trial_intermediate_value(frozen._trial_id, epochs, curve[epochs])
                for name, content in attributes.items():
                    self.storage.set_trial_user_attr(frozen._trial_id, name, content)
                self.studies[trial.arm].tell(trial.number, values, state=state)
            claim = self.claims.pop(trial.key, None)
            if claim is not None:
                claim.__exit__(None, None, None)
                shutil.rmtree(claim.path.parent, ignore_errors=True)

    def _study(self, arm: str, setup: Sequence[str], max_epochs: int) -> optuna.Study:
        directions = [StudyDirection[DIRECTIONS[each]] for each in self.search.objectives.values()]
        asked = {
            "space": self.search.model_dump(mode="json")["space"],
            "objectives": dict(self.search.objectives),
            "seeds": list(self.search.seeds),
            "overrides": list(setup),
        }
        study = None
        if arm in optuna.get_all_study_names(self.storage):
            study = optuna.load_study(study_name=arm, storage=self.storage)
            self._check_same(arm, study.user_attrs.get(SETUP), asked)
        study = optuna.create_study(
            storage=self.storage,
            study_name=arm,
            directions=directions,
            load_if_exists=True,
            sampler=SeededByTrial(self.search),
            pruner=build_pruner(self.search, max_epochs),
        )
        if SETUP not in study.user_attrs:
            study.set_user_attr(SETUP, asked)
        return study

    def _check_same(self, arm: str, there: Any, asked: dict[str, Any]) -> None:
        if there is None or there == json.loads(
            json.dumps(asked)
        ):  # None: a driver was killed between creating the study and setting the attribute
            return
        differing = ", ".join(key for key in asked if there.get(key) != json.loads(json.dumps(asked[key])))
        raise UserError(
            f"{self.journal}: it holds trials of {arm} with other {differing} than this search; restore them, or move "
            "the journal away to start again (runs with the same configuration are not repeated)"
        )

    def _proposed(self, study: optuna.Study, frozen: FrozenTrial) -> FrozenTrial:
        """The trial with all its options; those that a killed driver had not drawn are drawn, with the same seed."""
        if set(frozen.params) != set(self.distributions):
            trial = optuna.Trial(study, frozen._trial_id)
            for name, distribution in self.distributions.items():
                trial._suggest(name, distribution)
        return self.storage.get_trial(frozen._trial_id)

    def _trial(self, arm: str, frozen: FrozenTrial) -> Trial:
        return Trial(arm, frozen.number, self.search.values(frozen.params))

    def _frozen(self, trial: Trial) -> FrozenTrial:
        return self.studies[trial.arm].get_trials(deepcopy=False)[trial.number]

    def _claim(self, arm: str, number: int) -> bool:
        lock = RunLock(self.locks / arm / str(number))
        try:
            lock.__enter__()
        except LockedError:
            return False
        self.claims[arm, number] = lock
        return True

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Exclusive access of this driver; first repairs what a driver killed within it has left."""
        mutex = RunLock(self.locks)
        while True:
            try:
                mutex.__enter__()
                break
            except LockedError:
                time.sleep(MUTEX_POLL_SECONDS)
        try:
            repair_journal(self.journal)
            yield
        finally:
            mutex.__exit__(None, None, None)


def journal_path(folder: Path) -> Path:
    """The path of the journal in a study's outputs; absolute, as its lock is a symbolic link to it."""
    return folder.resolve() / "sweep.journal"


def read_trials(folder: Path, arms: Sequence[str]) -> dict[str, list[FrozenTrial]]:
    """The trials of each arm so far, by number; writes nothing, so that it is safe while drivers run."""
    if not journal_path(folder).exists():
        return {arm: [] for arm in arms}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_journal(journal_path(folder))
    known = {study.study_name: study._study_id for study in storage.get_all_studies()}
    return {arm: storage.get_all_trials(known[arm]) if arm in known else [] for arm in arms}


def is_claimed(folder: Path, arm: str, number: int) -> bool:
    """True while a running driver holds a trial."""
    return RunLock(locks_dir(folder) / arm / str(number)).holder() is not None


def locks_dir(folder: Path) -> Path:
    """The folder in which drivers claim trials."""
    return folder.resolve() / "sweep" / "locks"


def open_journal(path: Path) -> JournalStorage:
    """Optuna's storage in a file, with a lock that works on network file systems too."""
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileSymlinkLock(str(path))))


def repair_journal(path: Path) -> None:
    """Truncates an incomplete last line and removes the lock file, both left by a killed process.

    Call it only with exclusive access. Optuna rejects a journal with an incomplete line before others, and waits 30 s
    for a stale lock.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}.lock")
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
