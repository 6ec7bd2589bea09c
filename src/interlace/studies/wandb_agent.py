"""W&B sweeps: create one on the server, run its trials, read the best trial."""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.errors import RunFailure, UserError, one_line
from interlace.tracking.wandb_client import quiet

COMMAND = ("${env}", "interlace", "train")  # the start of each trial's command, before its overrides
POLL_SECONDS = 1
SERVICE = "WANDB_SERVICE"


@dataclass(frozen=True)
class BestRun:
    """The best trial of a sweep, read from the server."""

    name: str
    metric: str
    value: float
    options: dict[str, Any]
    directory: str
    state: str


def create(content: Mapping[str, Any], *, project: str, entity: str | None) -> str:
    """Creates a sweep; returns "entity/project/id"."""
    import wandb

    with _a_server():
        name = wandb.sweep(dict(content), project=project, entity=entity)
        return f"{entity or os.environ.get('WANDB_ENTITY') or wandb.Api().default_entity}/{project}/{name}"


def run_trials(path: str, *, count: int | None) -> tuple[int, int]:
    """Runs all trials of a sweep, or `count` of them; returns the numbers of trials that ran and that failed.

    Each runs the command of the sweep in its own process, with `interlace` of this environment.
    """
    entity, project, name = _parts(path)
    import wandb
    from wandb.wandb_agent import Agent

    class PromptAgent(Agent):  # type: ignore[misc]
        """An agent that polls every POLL_SECONDS and continues the sweep after failed trials."""

        POLL_INTERVAL = POLL_SECONDS
        started = 0
        refused: list[str] | None = None

        def is_flapping(self) -> bool:
            return False

        def is_failing(self) -> bool:
            return False

        def _command_run(self, command: dict[str, Any]) -> None:
            if tuple(self._sweep_command)[: len(COMMAND)] != COMMAND:  # the server's data are not trusted
                self.refused, self._running = list(self._sweep_command), False
                return
            self.started += 1
            super()._command_run(command)

    with _a_server():
        os.environ.update(WANDB_ENTITY=entity, WANDB_PROJECT=project, WANDB_SWEEP_ID=name)
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        agent = PromptAgent(wandb.Api(), multiprocessing.Queue(), sweep_id=name, count=count, forward_signals=True)
        agent.run()
        wandb.teardown()  # its settings hold the sweep's id
    if agent.refused is not None:
        raise UserError(
            f"{path}: its command is {' '.join(map(str, agent.refused))[:80]!r}; only trials of interlace train are "
            "run, as interlace sweep wandb-init writes them (for another command use wandb agent)"
        )
    return agent.started, agent._failed


def best(path: str) -> BestRun:
    """The best trial by the sweep's own metric and goal."""
    import wandb

    _parts(path)
    with _a_server():
        sweep = wandb.Api().sweep(path)
        metric = sweep.config["metric"]["name"]
        run = sweep.best_run()
        if run is None or metric not in run.summary:
            raise RunFailure(f"sweep {path}: no trial has a {metric} yet")
        options = {key: _at(run.config, key) for key in sweep.config["parameters"]}
        arm, hashed = run.config.get("arm"), run.config.get("config_hash")
        directory = f"{run.config.get('study')}/{arm}-{hashed}/{run.config.get('run_dir')}"
        return BestRun(run.id, metric, float(run.summary[metric]), options, directory, run.state)


def _at(config: Mapping[str, Any], option: str) -> Any:
    """The value of an option in a run's configuration; for a group its choice."""
    if option in config.get("choices", {}):
        return config["choices"][option]
    value: Any = config
    for part in option.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value["model"] if option == "seed" and isinstance(value, Mapping) else value


def _parts(path: str) -> tuple[str, str, str]:
    parts = path.split("/")
    if len(parts) != 3 or not all(parts):
        raise UserError(f"{path}: expected ENTITY/PROJECT/SWEEP, as `interlace sweep wandb-init` prints it")
    return parts[0], parts[1], parts[2]


@contextmanager
def _a_server() -> Iterator[None]:
    """Access to the W&B server: errors become one sentence, and the environment is restored at the end."""
    quiet()
    before = dict(os.environ)
    if not os.environ.get("WANDB_API_KEY"):
        raise UserError("sweep: no W&B key; set WANDB_API_KEY, or write only the sweep file with --dry-run")
    try:
        yield
    except (UserError, RunFailure):
        raise
    except Exception as error:
        raise RunFailure(f"sweep: the request to the W&B server failed ({one_line(error)})") from error
    finally:
        before.pop(SERVICE, None)  # the address of the client's service process, which may have changed
        now = {SERVICE: os.environ[SERVICE]} if SERVICE in os.environ else {}
        os.environ.clear()
        os.environ.update(before | now)
