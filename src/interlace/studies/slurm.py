"""A study as SLURM job arrays: one task per run, requeued when it is preempted or reaches its time limit."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.configuration.locations import outputs_dir
from interlace.configuration.plugins import named_packages
from interlace.errors import RunFailure, UserError
from interlace.reading.documents import parse_json
from interlace.reading.files import read_bytes
from interlace.reading.lines import text_lines
from interlace.studies.planning import Job, stages
from interlace.studies.study import Study
from interlace.tracking.files import write_atomically
from interlace.tracking.lock import STALE_SECONDS, LockedError
from interlace.tracking.status import is_done

SCRIPT = """\
#!/bin/bash
# Written by interlace launch slurm: task i of the array makes run i of {table}. Both files are never changed, so that
# a requeued task makes the same run. The script may be submitted again; finished runs are skipped.
#SBATCH --job-name={name}
#SBATCH --array=0-{last}%{at_most}
#SBATCH --output={log}
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --ntasks=1
{options}
{setup}
export INTERLACE_OUTPUTS={outputs}
export INTERLACE_PLUGINS={plugins}
cd {directory}

# In the background, so that this shell can forward the signals that SLURM sends to it alone.
{python} -m interlace launch task {table} "$SLURM_ARRAY_TASK_ID" &
run=$!
trap 'kill -USR1 "$run"' USR1       # two minutes before the end of the time limit
trap 'kill -TERM "$run"' TERM HUP   # preempted: SLURM itself requeues the job
while kill -0 "$run" 2>/dev/null; do wait "$run"; code=$?; done
if [ "$code" -eq 138 ]; then        # saved after USR1: continues in a job of the same number
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""
DEFAULT_ARRAY_SIZE = 1001  # MaxArraySize of SLURM where slurm.conf does not set it
GPU_OPTIONS = re.compile(r"--(gpus|gpus-per-(task|node|socket)|gres|tres-per-task)\b.*|-G.*")


@dataclass(frozen=True)
class Resources:
    """Resources of each SLURM task; `extra` are further options of sbatch, passed on unchanged."""

    partition: str | None = None
    time: str | None = None
    cpus: int | None = None
    gpus: int | None = None
    memory: str | None = None
    extra: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The lines "#SBATCH --OPTION=VALUE"."""
        named = {
            "partition": self.partition,
            "time": self.time,
            "cpus-per-task": self.cpus,
            "gpus-per-task": self.gpus,
            "mem": self.memory,
        }
        options = [f"--{name}={value}" for name, value in named.items() if value is not None]
        return [f"#SBATCH {option}" for option in [*options, *self.extra]]


@dataclass(frozen=True)
class Submitted:
    """The scripts with their job numbers (None: not submitted), and the number of tasks.

    `later`: name of the stage that can be planned only when these jobs have ended.
    """

    scripts: list[tuple[Path, str | None]]
    later: str | None = None
    tasks: int = 0


def launch(
    study: Study,
    overrides: Sequence[str],
    resources: Resources,
    *,
    at_most: int,
    dry_run: bool,
    setup: Sequence[str] = (),
    array_size: int | None = None,
) -> Submitted:
    """Writes scripts for the unfinished runs into a new folder and submits them.

    Parents, trials and runs are separate arrays; each starts when the one before has succeeded. A stage that depends on
    results of an unfinished one is left for `later`. An array has at most `array_size` tasks (None: MaxArraySize of
    SLURM); a stage with more tasks has several arrays that run in turn. Raises UserError for runs that a task with
    these resources cannot make.
    """
    undone = _undone(study, overrides)
    for _, jobs, _ in undone:
        for job in jobs:
            check_resources(job.config, resources)
    limit = array_size or max_array_size()
    scripts: list[tuple[Path, str | None]] = []
    after: list[str] = []
    folder = new_folder(study.name, dry_run=dry_run) if undone else None
    for stage, jobs, _ in undone:
        assert folder is not None
        numbers: list[str] = []
        parts = [jobs[start : start + limit] for start in range(0, len(jobs), limit)]
        for position, part in enumerate(parts, 1):
            name = stage if len(parts) == 1 else f"{stage}-{position}"
            script = write_script(folder, study.name, name, part, resources, at_most=at_most, setup=setup)
            number = None if dry_run else submit(script, after, numbers[-1:])
            scripts.append((script, number))
            numbers += [number] if number is not None else []
        after = numbers
    return Submitted(scripts, undone[-1][2] if undone else None, sum(len(jobs) for _, jobs, _ in undone))


def _undone(study: Study, overrides: Sequence[str]) -> list[tuple[str, list[Job], str | None]]:
    """Stages with unfinished runs as (name, runs, later), up to the first on which the planning of a `later` stage
    depends.
    """
    found: list[tuple[str, list[Job], str | None]] = []
    planned = stages(study, overrides)
    for stage, following in zip(planned, [*planned[1:], None], strict=True):
        undone = [job for job in stage.jobs() if not is_done(job.run.directory)]
        if undone:
            later = following.name if stage.decides and following is not None else None
            found.append((stage.name, undone, later))
            if later is not None:
                break
    return found


def check_resources(config: Mapping[str, Any], resources: Resources) -> None:
    """Raises UserError for a run that a single task with these resources cannot make."""
    requested, trainer = resources.gpus, config["trainer"]
    if requested is not None and trainer["accelerator"] == "cpu" and config["choices"].get("trainer") == "auto":
        raise UserError(
            f"--gpus {requested}: trainer=auto is the CPU on this machine, which has no GPU; add trainer=gpu, here and "
            "in the commands that report these runs"
        )
    if trainer["num_nodes"] > 1:
        raise UserError(
            f"trainer.num_nodes: got {trainer['num_nodes']}, but each task of an array runs on one host; use "
            "trainer=gpu or trainer=ddp, or start the ranks with interlace launch torchrun"
        )
    if trainer["accelerator"] != "gpu" or (requested is None and any(map(GPU_OPTIONS.fullmatch, resources.extra))):
        return
    if requested is None:
        raise UserError(
            f"trainer.accelerator: these runs use a GPU, but their tasks request none; add --gpus {trainer['devices']}"
        )
    if trainer["devices"] > requested:
        raise UserError(
            f"trainer.devices: got {trainer['devices']}, but a task requests {requested}; "
            f"add --gpus {trainer['devices']}"
        )


def submission_summary(submitted: Submitted, resources: Resources) -> str:
    """Text with the number of tasks, their maximal GPU hours, and the commands to submit or watch them."""
    tasks = f"{submitted.tasks} task{'' if submitted.tasks == 1 else 's'}"
    if resources.gpus is not None:
        tasks += f" of {resources.gpus} GPU{'' if resources.gpus == 1 else 's'}"
        hours = None if resources.time is None else hours_of(resources.time)
        limit = "with no --time, as long as the partition allows" if hours is None else f"{resources.time} each"
        total = "" if hours is None else f": up to {submitted.tasks * resources.gpus * hours:,.1f} GPU hours"
        tasks += f", {limit}{total}"
    waiting = [shlex.join(["sbatch", os.fspath(script)]) for script, number in submitted.scripts if number is None]
    if not waiting:
        return f"{tasks}; submitted: squeue --me shows the jobs, interlace study status the runs"
    then = ", each once the one before has ended" if len(waiting) > 1 else ""
    return f"{tasks}; submit by{then}: {'; '.join(waiting)}"


def hours_of(time: str) -> float | None:
    """A time limit of sbatch (MINUTES, M:S, H:M:S, D-H, D-H:M, D-H:M:S) in hours; None for any other text."""
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", time.strip())
    if found is None:
        return None
    days, *parts = found.groups()
    numbers = [int(part) for part in parts if part is not None]
    if days is not None:
        hours, minutes, seconds = [*numbers, 0, 0][:3]
    else:
        hours, minutes, seconds = {1: [0, *numbers, 0], 2: [0, *numbers], 3: numbers}[len(numbers)]
    return 24 * int(days or 0) + hours + minutes / 60 + seconds / 3600


def max_array_size() -> int:
    """MaxArraySize of SLURM on this machine; its default where scontrol is not found."""
    if shutil.which("scontrol") is None:
        return DEFAULT_ARRAY_SIZE
    config = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"^\s*MaxArraySize\s*=\s*([1-9]\d*)\s*$", config, re.MULTILINE)
    return int(found[1]) if found else DEFAULT_ARRAY_SIZE


def new_folder(study: str, *, dry_run: bool) -> Path:
    """Creates <outputs>/<study>/slurm/<number>, for a dry run slurm/dry-runs/<number>, with the next free number."""
    above = (outputs_dir() / study / "slurm" / ("dry-runs" if dry_run else "")).resolve()
    above.mkdir(parents=True, exist_ok=True)
    number = max((int(path.name) for path in above.iterdir() if path.name.isdecimal()), default=0)
    while True:
        number += 1
        with suppress(FileExistsError):  # another launch may create it first
            (above / f"{number:03}").mkdir()
            return above / f"{number:03}"


def write_script(
    folder: Path,
    name: str,
    stage: str,
    jobs: Sequence[Job],
    resources: Resources,
    *,
    at_most: int,
    setup: Sequence[str] = (),
) -> Path:
    """Writes <folder>/<stage>.sbatch and the table of its runs, <stage>.jsonl; returns the script."""
    table, script = folder / f"{stage}.jsonl", folder / f"{stage}.sbatch"
    rows = [
        {"directory": os.fspath(job.run.directory), "overrides": list(job.run.overrides), "config": job.config}
        for job in jobs
    ]
    text = "".join(json.dumps(row, default=str) + "\n" for row in rows)
    content = SCRIPT.format(
        name=shlex.quote(f"interlace-{name}"),
        last=len(rows) - 1,
        at_most=at_most,
        log=shlex.quote(os.fspath(folder).replace("%", "%%") + "/%A_%a.log"),
        table=shlex.quote(os.fspath(table)),
        options="\n".join(resources.lines()),
        setup="\n".join(["", *setup]) if setup else "",
        outputs=shlex.quote(os.fspath(outputs_dir().resolve())),
        plugins=shlex.quote(",".join(named_packages())),
        directory=shlex.quote(os.getcwd()),
        python=shlex.quote(sys.executable),
    )
    write_atomically(table, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    write_atomically(script, lambda temporary: temporary.write_text(content, encoding="utf-8"))
    return script


def submit(script: Path, after: Sequence[str] = (), behind: Sequence[str] = ()) -> str:
    """Submits a script; returns the job's number. It starts when `after` have succeeded and `behind` have ended."""
    if shutil.which("sbatch") is None:
        raise UserError(f"sbatch: not found on this machine; submit {script} on a host with SLURM, or use launch local")
    named = [("afterok", after), ("afterany", behind)]
    conditions = ",".join(f"{kind}:{':'.join(numbers)}" for kind, numbers in named if numbers)
    waiting = [f"--dependency={conditions}", "--kill-on-invalid-dep=yes"] if conditions else []
    done = subprocess.run(
        ["sbatch", "--parsable", *waiting, os.fspath(script)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RunFailure(f"sbatch refused {script}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip().split(";")[0]


def make_task(table: Path, index: int) -> Path:
    """Makes or resumes run `index` of a table; returns its directory.

    Waits until a lock that a lost host has left is stale; raises LockedError for a lock that stays fresh.
    """
    from interlace.training import train

    row = read_task(table, index)
    directory = Path(row["directory"])
    deadline = time.monotonic() + 1.5 * STALE_SECONDS
    while True:
        try:
            return train(row["config"], outputs=directory.parents[2], overrides=row["overrides"]).directory
        except LockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(5.0)


def read_task(table: Path, index: int) -> dict[str, Any]:
    """Row `index` of a table of runs."""
    if not table.exists():
        raise UserError(f"{table}: no such table of runs; write it with interlace launch slurm")
    rows = text_lines(read_bytes(table), table)
    if not 0 <= index < len(rows):
        raise UserError(f"{table}: it has runs 0 to {len(rows) - 1}; got {index}")
    row: dict[str, Any] = parse_json(rows[index], table)
    return row
