"""Runs per minute of a study of fusion strategies over frozen encoders, with and without cached tokens."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, get_args

from interlace.bench.measuring import reporting
from interlace.configuration.cores import threads_of_each
from interlace.errors import UserError
from interlace.studies.expansion import expand
from interlace.studies.study import Study
from interlace.tracking.files import read_json, write_yaml

Way = Literal["cached", "forked", "fresh"]

NAME = "bench-fusion"
ARMS = (
    "concat", "sum", "gated", "film", "late_mean", "low_rank", "mfb", "early", "attention", "cross_attention",
    "bottleneck", "perceiver", "graph", "moe",
)  # fmt: skip
SEEDS = (0, 1, 2, 3, 4)
RUN = ("experiment=av_digits", "trainer=cpu", "trainer.max_epochs=4", "trainer.steps_per_epoch=100")
SMALL_DATA = ("data.num_train=200", "data.num_val=50", "data.num_test=50")
QUICK = (*SMALL_DATA, "trainer.max_epochs=1", "trainer.steps_per_epoch=2")
ENCODERS = {
    "image": ("encoder.image.channels=[32,64,64]",),
    "audio": ("encoder/audio=transformer", "encoder.audio.num_stages=3"),
}


def train_encoders(*, folder: Path, threads: int, quick: bool) -> dict[str, Any]:
    """Train the encoders to freeze, one short run per modality; this also decodes the data. It is not measured."""
    from interlace import compose, train

    places = {}
    for modality, options in ENCODERS.items():
        overrides = [
            "experiment=av_digits", "trainer=cpu", "fusion=single", f"modalities=[{modality}]", *options,
            "trainer.max_epochs=1", "trainer.steps_per_epoch=100", f"trainer.threads={threads}", "logger=none",
            "study=encoders", f"arm={modality}", *(QUICK if quick else ()),
        ]  # fmt: skip
        places[modality] = str(train(compose(overrides), outputs=folder, quiet=True).directory.resolve())
    return places


def encoders_in(folder: Path) -> dict[str, Path]:
    """Return the runs of `train_encoders` in a folder, by modality."""
    found = {}
    for path in sorted(folder.glob("encoders/*/seed-*/results.json")):
        found[str(read_json(path)["arm"])] = path.parent.resolve()
    if set(found) != set(ENCODERS):
        raise UserError(f"{folder}: contains no encoders; make them with python -m {__spec__.name} encoders {folder}")
    return found


def study(encoders: dict[str, Path], *, cached: bool, quick: bool) -> dict[str, Any]:
    """Return the study file: 14 strategies x 5 seeds with 400 updates; quick: two strategies, one seed, two updates."""
    arms = ARMS[:2] if quick else ARMS
    starts = [f"encoders.{modality}.init_from={path}" for modality, path in encoders.items()]
    return {
        "name": NAME,
        "question": "How many runs a minute?",
        "base": [
            *RUN,
            *(QUICK if quick else ()),
            "finetuning=frozen_encoders",
            f"finetuning.cache={str(cached).lower()}",
            *starts,
        ],
        "arms": {arm: [f"fusion={arm}"] for arm in arms},
        "baseline": arms[0],
        "seeds": list(SEEDS[:1] if quick else SEEDS),
        "metrics": {"test/accuracy": "max", "test/loss": "min"},
    }


def runs_a_minute(*, folder: Path, way: Way, jobs: int, scratch: Path, quick: bool) -> dict[str, Any]:
    """Measure the runs of the study with `jobs` parallel runs; "value" is the number of runs per minute.

    "cached": all runs by `interlace study run`, many per process, with an empty token cache; the time of the whole
    command, with planning, imports, encoding and report. "forked": one run of each arm (the first seed) by
    `interlace study run --runs-per-process 1` without the cache, from the start of the first to the end of the last, so
    that the constant costs of a study are left out. "fresh": the same runs, each by an `interlace train`. "metrics"
    holds the metrics of each run by arm and seed, which do not depend on the way.
    """
    content = study(encoders_in(folder), cached=way == "cached", quick=quick)
    if way != "cached":
        content["seeds"] = content["seeds"][:1]
    outputs = scratch / "outputs"
    environment = {**os.environ, "INTERLACE_OUTPUTS": str(outputs), "INTERLACE_CACHE": str(fresh_cache(scratch))}
    start = time.perf_counter()
    if way == "fresh":
        _train_each(Study(**content), jobs, environment)
    else:
        file = scratch / "study.yaml"
        write_yaml(file, content)
        own = ("--runs-per-process", "1") if way == "forked" else ()
        _command(["study", "run", str(file), "--jobs", str(jobs), *own, "logger=none"], environment)
    wall = time.perf_counter() - start
    directories = sorted(path.parent for path in outputs.glob(f"{NAME}/*/seed-*/results.json"))
    expected = len(content["arms"]) * len(content["seeds"])
    if len(directories) != expected:
        raise UserError(f"{NAME}: only {len(directories)} of {expected} runs are done; see {outputs}")
    return {**rates(directories, None if way == "forked" else wall), "wall_seconds": wall, "jobs": jobs, "way": way}


def _train_each(content: Study, jobs: int, environment: dict[str, str]) -> None:
    """Make every run by a separate command, with the threads that the study's driver would give it."""
    threads = threads_of_each(jobs)
    with ThreadPoolExecutor(jobs) as pool:
        for done in [
            pool.submit(_command, ["train", *run.overrides, f"trainer.threads={threads}", "logger=none"], environment)
            for run in expand(content)
        ]:
            done.result()


def _command(arguments: Sequence[str], environment: dict[str, str]) -> None:
    """Run an `interlace` command. Raises UserError with its last line of output when it fails."""
    command = [sys.executable, "-m", "interlace", *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"{NAME}: interlace {arguments[0]} failed: {lines[-1]}")


def rates(directories: Sequence[Path], seconds: float | None) -> dict[str, Any]:
    """Return runs per minute in `seconds`, or from the start of the first run to the end of the last, and results."""
    results = [read_json(directory / "results.json") for directory in directories]
    states = [read_json(directory / "status.json") for directory in directories]
    if seconds is None:
        seconds = max(state["ended"] for state in states) - min(state["started"] for state in states)
    whole = [state["ended"] - state["started"] for state in states]
    return {
        "value": 60 * len(directories) / seconds,
        "runs": len(directories),
        "seconds": seconds,
        "run_seconds": sum(whole) / len(whole),
        "training_seconds": sum(result["seconds"] for result in results) / len(results),
        "metrics": {f"{result['arm']} {result['seed']}": result["metrics"] for result in results},
    }


def fresh_cache(scratch: Path) -> Path:
    """Return a cache with the decoded data, as for the other contenders, and without tokens."""
    from interlace.configuration.locations import cache_dir

    arrays = scratch / "cache" / "arrays"
    arrays.mkdir(parents=True)
    for path in sorted((cache_dir() / "arrays").glob("av_digits-*")):
        if path.is_dir():
            (arrays / path.name).symlink_to(path.resolve(), target_is_directory=True)
    return arrays.parent


def main() -> None:
    """The command line of this module."""
    given = vars(_parser().parse_args())
    work = given.pop("work")
    with reporting() as figures:
        figures.update(work(**given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    encoders = verbs.add_parser("encoders")
    encoders.add_argument("--threads", type=int, required=True)
    encoders.set_defaults(work=train_encoders)
    runs = verbs.add_parser("runs")
    runs.add_argument("--way", choices=get_args(Way), required=True)
    runs.add_argument("--jobs", type=int, required=True)
    runs.add_argument("--scratch", type=Path, required=True)
    runs.set_defaults(work=runs_a_minute)
    for each in (encoders, runs):
        each.add_argument("folder", type=Path, help="where the encoders are")
        each.add_argument("--quick", action="store_true")
    return parser


if __name__ == "__main__":
    main()
