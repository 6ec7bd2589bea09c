"""Runs per minute of a study of 100-step models, by `interlace study run` and as a Hydra multirun."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from interlace.bench.measuring import reporting
from interlace.configuration.plugins import PLUGINS
from interlace.errors import UserError
from interlace.tracking.files import read_json, write_yaml

Way = Literal["study", "train", "multirun"]

NAME = "bench-study"
ARMS = ("concat", "sum", "gated", "film", "low_rank", "attention", "cross_attention", "bottleneck")
SEEDS = (0, 1, 2, 3, 4)
STEPS = 100
# As in peers/lightning_hydra/configs/data: a hundred batches of 64 per epoch.
SIZES = {"num_train": 64 * STEPS, "num_val": 640, "num_test": 640}
OPTIONS = [f"data.{key}={size}" for key, size in SIZES.items()]
RUN = ("experiment=interactions", "trainer=cpu", "trainer.max_epochs=1", *OPTIONS)
FIRST_STEP = "interlace.bench.first_step.FirstStep"  # by name, to keep the imports of this process small
TEMPLATE = "interlace.bench.peers.lightning_hydra.train"
COMPARED = {"study": ("test/accuracy", "test/loss"), "multirun": ("test/acc", "test/loss")}


def study(arms: Sequence[str], seeds: Sequence[int], first_step: Path) -> dict[str, Any]:
    """Return the study file, with a callback that records the time of the first step."""
    callback = f"+callbacks.first_step={{_target_: {FIRST_STEP}, output: '{first_step}'}}"
    return {
        "name": NAME,
        "question": "How many runs a minute?",
        "base": [*RUN, callback],
        "arms": {arm: [f"fusion={arm}"] for arm in arms},
        "baseline": arms[0],
        "seeds": list(seeds),
        "metrics": {"test/accuracy": "max"},
    }


def runs_a_minute(*, way: Way, num_arms: int, num_seeds: int, jobs: int, threads: int, scratch: Path) -> dict[str, Any]:
    """Measure a command that runs the first `num_arms` strategies with `num_seeds` seeds on `threads` cores.

    "study": `interlace study run` with `jobs` parallel runs that share the cores, report included. "multirun": the
    template's script with `-m`, sequentially, as Hydra's basic launcher does. "train": one `interlace train`. Both
    sides write metrics as CSV. "value" is the number of runs per minute, "first_step_seconds" the time from the start
    of the command to the end of the first training step, "training_seconds" (Interlace only) the total time in
    `Trainer.fit`. "metrics" holds the metrics of each run; raises UserError when a run has none.
    """
    arms, seeds = ARMS[:num_arms], SEEDS[:num_seeds]
    first_step = scratch / "first-step"
    outputs = scratch / "outputs"
    environment = {
        **os.environ,
        PLUGINS: "interlace.bench",  # has the callback of `study`
        "INTERLACE_OUTPUTS": str(outputs),
        "INTERLACE_CACHE": str(scratch / "cache"),
        "OMP_NUM_THREADS": str(threads),
    }
    command = _command(way, arms, seeds, jobs, threads, scratch, first_step)
    began, start = time.time(), time.perf_counter()
    _run(command, environment)
    seconds = time.perf_counter() - start
    metrics = _template_metrics(outputs) if way == "multirun" else _own_metrics(outputs)
    expected = len(arms) * len(seeds)
    if len(metrics) != expected:
        raise UserError(f"{NAME}: only {len(metrics)} of {expected} runs have test metrics; see {outputs}")
    return {
        "value": 60 * expected / seconds,
        "runs": expected,
        "seconds": seconds,
        **({} if way == "multirun" else {"training_seconds": _training_seconds(outputs)}),
        "first_step_seconds": float(first_step.read_text(encoding="utf-8")) - began,
        "way": way,
        "jobs": jobs if way == "study" else 1,
        "metrics": metrics,
    }


def _command(
    way: Way, arms: Sequence[str], seeds: Sequence[int], jobs: int, threads: int, scratch: Path, first_step: Path
) -> list[str]:
    content = study(arms, seeds, first_step)
    if way == "study":
        file = scratch / "study.yaml"
        write_yaml(file, content)
        share = f"trainer.threads={max(1, threads // jobs)}"
        return ["interlace", "study", "run", str(file), "--jobs", str(jobs), "logger=csv", share]
    if way == "train":
        if len(arms) * len(seeds) != 1:
            raise UserError("--way train: makes one run; give --num-arms 1 --num-seeds 1")
        own = [*content["base"], *content["arms"][arms[0]], f"seed={seeds[0]}", f"study={NAME}"]
        return ["interlace", "train", *own, "logger=csv", f"trainer.threads={threads}"]
    sizes = [f"data.{key}={size}" for key, size in SIZES.items()]
    callback = f"+callbacks.first_step={{_target_: {FIRST_STEP}, output: '{first_step}'}}"
    return [
        TEMPLATE, "-m", f"model.fusion={','.join(arms)}", f"seed={','.join(map(str, seeds))}", *sizes, callback,
        f"hydra.sweep.dir='{scratch / 'outputs'}'",
    ]  # fmt: skip


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run a module with its arguments. Raises UserError with its last line of output when it fails."""
    words = [sys.executable, "-m", *command]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=dict(environment))
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"{NAME}: {command[0]} failed: {lines[-1]}")


def _own_metrics(outputs: Path) -> dict[str, dict[str, float]]:
    """Return the test metrics by arm and seed of runs that made all their steps."""
    found = {}
    for path in sorted(outputs.glob(f"{NAME}/*/seed-*/results.json")):
        results = read_json(path)
        last = read_json(path.with_name("status.json"))["total_steps"]
        figures = {name: results["metrics"].get(name) for name in COMPARED["study"]}
        if last == STEPS and None not in figures.values():
            found[f"{results['arm']} {results['seed']}"] = figures
    return found


def _training_seconds(outputs: Path) -> float:
    """Return the total training seconds of all runs of Interlace."""
    return sum(read_json(path)["seconds"] for path in outputs.glob(f"{NAME}/*/seed-*/results.json"))


def _template_metrics(outputs: Path) -> dict[str, dict[str, float]]:
    """Return the test metrics by arm and seed of a multirun, from the CSV files of its runs."""
    import pandas as pd
    from omegaconf import OmegaConf

    found = {}
    for path in sorted(outputs.glob("*/csv/version_0/metrics.csv")):
        table = pd.read_csv(path)
        config = OmegaConf.load(path.parents[2] / ".hydra" / "config.yaml")
        if "test/acc" in table and int(table["step"].max()) == STEPS:
            last = table[table["test/acc"].notna()].iloc[-1]
            found[f"{config.model.fusion} {config.seed}"] = {name: float(last[name]) for name in COMPARED["multirun"]}
    return found


def main() -> None:
    """The command line of this module."""
    with reporting() as figures:
        figures.update(runs_a_minute(**vars(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=get_args(Way), required=True)
    for name, most in (("num-arms", len(ARMS)), ("num-seeds", len(SEEDS))):
        parser.add_argument(f"--{name}", type=int, choices=range(1, most + 1), required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    return parser


if __name__ == "__main__":
    main()
