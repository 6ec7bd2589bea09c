"""A study as arrays of SLURM jobs: one task a run, requeued when it is preempted or its time is over."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.configuration.locations import outputs_dir
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
# Written by interlace launch slurm: task i of the array makes run i of {table}. The same script may be submitted again;
# runs that are done stay as they are.
#SBATCH --job-name={name}
#SBATCH --array=0-{last}%{at_most}
#SBATCH --output={folder}/%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --ntasks=1
{options}
export INTERLACE_OUTPUTS={outputs}
cd {directory}

# In the background, so that this shell can hand on the signals that SLURM sends to it alone.
{python} -m interlace launch task {table} "$SLURM_ARRAY_TASK_ID" &
run=$!
trap 'kill -USR1 "$run"' USR1   # two minutes before the end of the time limit
trap 'kill -TERM "$run"' TERM   # preempted: SLURM itself requeues the job
while kill -0 "$run" 2>/dev/null; do wait "$run"; code=$?; done
if [ "$code" -eq 138 ]; then    # saved after USR1: goes on in a job of the same number
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


@dataclass(frozen=True)
class Resources:
    """What each task asks SLURM for; `extra` are further options of sbatch, as they are."""

    partition: str | None = None
    time: str | None = None
    cpus: int | None = None
    gpus: int | None = None
    memory: str | None = None
    extra: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """#SBATCH lines."""
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
    """The scripts written, each with its job's number (None: not submitted), and what can be planned once they ran."""

    scripts: list[tuple[Path, str | None]]
    later: str | None = None


def launch(study: Study, overrides: Sequence[str], resources: Resources, *, at_most: int, dry_run: bool) -> Submitted:
    """Writes the scripts of what is not done under <outputs>/<study>/slurm/ and submits them.

    Parents, trials and runs are arrays of their own, each started when the one before has succeeded. What a stage
    decides is left for `later`.
    """
    scripts: list[tuple[Path, str | None]] = []
    after: list[str] = []
    planned = stages(study, overrides)
    for stage, following in zip(planned, [*planned[1:], None], strict=True):
        undone = [job for job in stage.jobs() if not is_done(job.run.directory)]
        if not undone:
            continue
        script = write_script(study.name, stage.name, undone, resources, at_most=at_most)
        number = None if dry_run else submit(script, after)
        scripts.append((script, number))
        after = [number] if number is not None else []
        if stage.decides and following is not None:
            return Submitted(scripts, following.name)
    return Submitted(scripts)


def write_script(name: str, stage: str, jobs: Sequence[Job], resources: Resources, *, at_most: int) -> Path:
    """<folder>/<stage>.sbatch, beside the table of its runs, <stage>.jsonl."""
    folder = (outputs_dir() / name / "slurm").resolve()
    table = folder / f"{stage}.jsonl"
    rows = [
        {"directory": os.fspath(job.run.directory), "overrides": list(job.run.overrides), "config": job.config}
        for job in jobs
    ]
    text = "".join(json.dumps(row, default=str) + "\n" for row in rows)
    script = folder / f"{stage}.sbatch"
    content = SCRIPT.format(
        name=f"interlace-{name}",
        last=len(rows) - 1,
        at_most=at_most,
        folder=folder,
        table=shlex.quote(os.fspath(table)),
        options="\n".join(resources.lines()),
        outputs=shlex.quote(os.fspath(outputs_dir().resolve())),
        directory=shlex.quote(os.getcwd()),
        python=shlex.quote(sys.executable),
    )
    write_atomically(table, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    write_atomically(script, lambda temporary: temporary.write_text(content, encoding="utf-8"))
    return script


def submit(script: Path, after: Sequence[str] = ()) -> str:
    """Hands a script to sbatch; the number of the job. With `after`, once these have succeeded."""
    if shutil.which("sbatch") is None:
        raise UserError(f"sbatch: not found on this machine; submit {script} where SLURM is, or use launch local")
    waiting = [f"--dependency=afterok:{':'.join(after)}", "--kill-on-invalid-dep=yes"] if after else []
    done = subprocess.run(
        ["sbatch", "--parsable", *waiting, os.fspath(script)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RunFailure(f"sbatch refused {script}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip().split(";")[0]


def make_task(table: Path, index: int) -> Path:
    """Makes, or goes on with, run `index` of a table; returns its directory.

    A lock that a lost host has left is waited for until it is stale.
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
