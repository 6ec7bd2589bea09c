"""The journal of a sweep: which trials there are, who is at them, and how they ended."""

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
# User attributes: of a study what was searched, of a trial its run directories and why it failed.
SETUP, RUNS, ERROR = "interlace", "runs", "error"
Curve = Mapping[int, float]  # the first objective after each epoch


@dataclass(frozen=True)
class Trial:
    """A trial to be made: its arm, its number among the arm's, and the options it tries."""

    arm: str
    number: int
    options: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        """The key that identifies it."""
        return self.arm, self.number


class TrialStore:
    """Optuna studies, one an arm, in one journal file that many drivers write, on one machine or several.

    At no time are there more than `search.trials` trials of an arm: they are counted and made in one step, under a
    lock that all drivers take for all they write. A driver claims a trial before it works at it; a trial that is
    running and that no living driver claims is taken up by the next that asks. Close the store to let go of what is not
    finished. Raises UserError when the journal is that of another search.

    `setups`: for each arm what its trials are made of beside the options; `max_epochs`: how long its runs are at most.
    """

    def __init__(
        self, folder: Path, search: Search, setups: Mapping[str, Sequence[str]], max_epochs: Mapping[str, int]
    ) -> None:
        self.search = search
        self.journal = journal_of(folder)
        self.locks = locks_of(folder)
        self.claims: dict[tuple[str, int], RunLock] = {}
        self.distributions = distributions(search)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self.storage = open_journal(self.journal)
            self.studies = {arm: self._study(arm, setup, max_epochs[arm]) for arm, setup in setups.items()}

    def close(self) -> None:
        """Lets go of the trials that were not finished."""
        for lock in self.claims.values():
            lock.__exit__(None, None, None)
        self.claims.clear()

    def take(self, but: Collection[tuple[str, int]] = ()) -> Trial | None:
        """A trial that some driver left behind, else a new one of the arm that has fewest; None when there is none.

        Those of `but` are not given out.
        """
        with self._alone():
            for arm, study in self.studies.items():
                for frozen in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
                    key = (arm, frozen.number)
                    if key not in self.claims and key not in but and self._claim(*key):
                        return self._trial(arm, self._proposed(study, frozen))
            counts = {arm: len(study.get_trials(deepcopy=False)) for arm, study in self.studies.items()}
            arm = min(counts, key=lambda name: counts[name])
            if counts[arm] >= self.search.trials:
                return None
            self._claim(arm, counts[arm])  # numbers are given in order; claimed first, so that a kill leaves nothing
            frozen = self.storage.get_trial(self.studies[arm].ask(self.distributions)._trial_id)
            return self._trial(arm, frozen)

    def let_go(self, trial: Trial) -> None:
        """Leaves a trial that has not ended to others."""
        with self._alone():
            self.claims.pop(trial.key).__exit__(None, None, None)

    def report(self, trial: Trial, epochs: int, value: float) -> bool:
        """Notes the first objective after an epoch; whether the pruner stops the trial."""
        with self._alone():
            study, frozen = self.studies[trial.arm], self._frozen(trial)
            if epochs not in frozen.intermediate_values:
                self.storage.set_trial_intermediate_value(frozen._trial_id, epochs, value)
            return study.pruner.prune(study, self._frozen(trial))

    def complete(self, trial: Trial, values: Sequence[float], curve: Curve, runs: Sequence[str]) -> None:
        """Ends a trial with its figures, one an objective; `curve` as it was reported, or would have been."""
        self._tell(trial, TrialState.COMPLETE, list(values), curve, {RUNS: list(runs)})

    def prune(self, trial: Trial, curve: Curve, runs: Sequence[str]) -> None:
        """Ends a trial that was stopped early."""
        self._tell(trial, TrialState.PRUNED, None, curve, {RUNS: list(runs)})

    def fail(self, trial: Trial, error: str, runs: Sequence[str] = ()) -> None:
        """Ends a trial that has no figures, and says why."""
        self._tell(trial, TrialState.FAIL, None, {}, {RUNS: list(runs), ERROR: error})

    def unfinished(self) -> set[tuple[str, int]]:
        """Trials that are running or not made yet, whoever is at them."""
        found = set()
        for arm, study in self.studies.items():
            finished = {trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()}
            found |= {(arm, number) for number in range(self.search.trials) if number not in finished}
        return found

    def _tell(
        self, trial: Trial, state: TrialState, values: list[float] | None, curve: Curve, attributes: Mapping[str, Any]
    ) -> None:
        with self._alone():
            frozen = self._frozen(trial)
            if not frozen.state.is_finished():  # it may be, where this driver slept so long that another took over
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
        if there is None or there == json.loads(json.dumps(asked)):  # None: killed between making and naming it
            return
        differing = ", ".join(key for key in asked if there.get(key) != json.loads(json.dumps(asked[key])))
        raise UserError(
            f"{self.journal}: it holds trials of {arm} with other {differing} than this search has; put them back, "
            "or move the journal away to start anew (runs that are the same are not made again)"
        )

    def _proposed(self, study: optuna.Study, frozen: FrozenTrial) -> FrozenTrial:
        """A trial with all its options: those that a killed driver did not get to are drawn now, by the same seed."""
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
    def _alone(self) -> Iterator[None]:
        """One driver at a time; what one that was killed in here left behind is put in order first."""
        mutex = RunLock(self.locks)
        while True:
            try:
                mutex.__enter__()
                break
            except LockedError:
                time.sleep(MUTEX_POLL_SECONDS)
        try:
            mend_journal(self.journal)
            yield
        finally:
            mutex.__exit__(None, None, None)


def journal_of(folder: Path) -> Path:
    """The journal in a study's outputs; absolute, since its lock is a link to it."""
    return folder.resolve() / "sweep.journal"


def read_trials(folder: Path, arms: Sequence[str]) -> dict[str, list[FrozenTrial]]:
    """The trials of each arm so far, by number, of a sweep that others may be at; nothing is written."""
    if not journal_of(folder).exists():
        return {arm: [] for arm in arms}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_journal(journal_of(folder))
    known = {study.study_name: study._study_id for study in storage.get_all_studies()}
    return {arm: storage.get_all_trials(known[arm]) if arm in known else [] for arm in arms}


def is_claimed(folder: Path, arm: str, number: int) -> bool:
    """True while a running driver holds a trial."""
    return RunLock(locks_of(folder) / arm / str(number)).holder() is not None


def locks_of(folder: Path) -> Path:
    """The folder in which drivers claim trials."""
    return folder.resolve() / "sweep" / "locks"


def open_journal(path: Path) -> JournalStorage:
    """The storage in a file; its lock is one that holds on shared disks too."""
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileSymlinkLock(str(path))))


def mend_journal(path: Path) -> None:
    """Cuts off a line that a kill left half written, and removes the lock of the killed. Only for who is alone at it.

    Optuna refuses a journal with a broken line once another follows it, and waits 30 s for such a lock.
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
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        if end < size:
            file.truncate(end)
