"""Progress of a sweep: a line on standard error for each trial that ends."""

import sys
import time
from collections.abc import Mapping

from interlace.studies.driver import Driver
from interlace.studies.search import Search
from interlace.studies.sweep.driver import Ending, SweepDriver
from interlace.studies.sweep.planning import as_overrides


class SweepProgress:
    """Prints a line for each trial that ends; the driver calls `show(driver)` several times a second."""

    def __init__(self, search: Search, arms: int) -> None:
        self.search = search
        self.total = search.trials * arms
        self.started = time.monotonic()
        self.reported = 0
        self.best: dict[str, float] = {}

    def show(self, driver: Driver) -> None:
        """Print the trials that have ended since the last call."""
        assert isinstance(driver, SweepDriver)
        new = driver.endings[self.reported :]
        if not new:
            return
        self.reported = len(driver.endings)
        ended = self.total - len(driver.trial_store.unfinished())
        for ending in new:
            print(self._line(ending, ended), file=sys.stderr, flush=True)

    def _line(self, ending: Ending, ended: int) -> str:
        trial = ending.trial
        values = "  ".join(
            f"{name} {value:.4g}" for name, value in zip(self.search.objectives, ending.values, strict=False)
        )
        text = values or ending.state
        if ending.reason:
            text += f": {ending.reason}"
        if len(ending.values) == 1 and self._is_best(trial.arm, ending.values[0]):
            text += "  (best here so far)"
        options: Mapping[str, object] = trial.options
        name = f"{trial.arm} trial {trial.number}"
        elapsed = time.monotonic() - self.started
        shown = {key: float(f"{value:.3g}") if isinstance(value, float) else value for key, value in options.items()}
        return f"[{ended:3}/{self.total}] {elapsed:5.0f} s  {name:24} {text}  {' '.join(as_overrides(shown))}"

    def _is_best(self, arm: str, value: float) -> bool:
        sign = 1.0 if self.search.objectives[self.search.metric] == "max" else -1.0
        better = sign * value > self.best.get(arm, float("-inf"))
        if better:
            self.best[arm] = sign * value
        return better
