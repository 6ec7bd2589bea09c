"""W&B sweeps on a server: create one, run its trials, read the best back."""

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

COMMAND = ("${env}", "interlace", "train")  # what begins the command of each trial; the rest are its overrides
POLL_SECONDS = 1
SERVICE = "WANDB_SERVICE"


@dataclass(frozen=True)
class BestRun:
    """The best trial of a sweep, as the server has it."""

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
    """Runs trials of a sweep until it has no more, or `count` of them; returns how many ran and how many failed.

    Each is the sweep's own command in a process of its own, with `interlace` being the one of this environment.
    """
    entity, project, name = _parts(path)
    import wandb
    from wandb.wandb_agent import Agent

    class PromptAgent(Agent):  # type: ignore[misc]
        """Looks more often, and lets a failed trial be a failed trial: the sweep goes on."""

        POLL_INTERVAL = POLL_SECONDS
        started = 0
        refused: list[str] | None = None

        def is_flapping(self) -> bool:
            return False

        def is_failing(self) -> bool:
            return False

        def _command_run(self, command: dict[str, Any]) -> None:
            if tuple(self._sweep_command)[: len(COMMAND)] != COMMAND:  # whoever writes to the server writes it
                self.refused, self._running = list(self._sweep_command), False
                return
            self.started += 1
            super()._command_run(command)

    with _a_server():
        os.environ.update(WANDB_ENTITY=entity, WANDB_PROJECT=project, WANDB_SWEEP_ID=name)
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        agent = PromptAgent(wandb.Api(), multiprocessing.Queue(), sweep_id=name, count=count, forward_signals=True)
        agent.run()
        wandb.teardown()  # it knows of the sweep
    if agent.refused is not None:
        raise UserError(
            f"{path}: its command is {' '.join(map(str, agent.refused))[:80]!r}; trials are runs of interlace train "
            "alone, as interlace sweep wandb-init writes them (for another command: wandb agent)"
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
    """An option's value in a run's configuration: a group is in its choices."""
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
    """A sweep lives on a server: what is missing is one sentence. What the client leaves in the environment goes."""
    quiet()
    before = dict(os.environ)
    if not os.environ.get("WANDB_API_KEY"):
        raise UserError("sweep: no W&B key; set WANDB_API_KEY, or write the sweep file alone with --dry-run")
    try:
        yield
    except (UserError, RunFailure):
        raise
    except Exception as error:
        raise RunFailure(f"sweep: the W&B server did not do its part ({one_line(error)})") from error
    finally:
        before.pop(SERVICE, None)  # where the client's own process listens now
        now = {SERVICE: os.environ[SERVICE]} if SERVICE in os.environ else {}
        os.environ.clear()
        os.environ.update(before | now)
