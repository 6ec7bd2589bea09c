"""Finished runs that are not found because `trainer=auto` has another precision on this machine."""

import sys
from collections.abc import Sequence

from interlace.configuration.devices import CPU_PRECISION, GPU_PRECISION
from interlace.report.formats import plural
from interlace.studies.planning import Job
from interlace.tracking.identity import run_directory
from interlace.tracking.status import is_done

# Precision of `trainer=auto` here -> the choice of conf/trainer and the precision that it is on other machines.
ELSEWHERE = {CPU_PRECISION: ("gpu", GPU_PRECISION), GPU_PRECISION: ("cpu", CPU_PRECISION)}


def tell_other_precision(study: str, jobs: Sequence[Job]) -> None:
    """Prints the sentence of `other_precision`, if there is one, on standard error."""
    if sentence := other_precision(jobs):
        print(f"{study}: {sentence}", file=sys.stderr)


def other_precision(jobs: Sequence[Job]) -> str | None:
    """The sentence about planned runs that are not done and are there, done, in the precision of other machines.

    The precision is part of a run's identity; only runs with the choice `trainer=auto` are looked for.
    """
    found: list[str] = []
    for job in jobs:
        precision = job.config["trainer"]["precision"]
        if job.config["choices"].get("trainer") != "auto" or precision not in ELSEWHERE or is_done(job.run.directory):
            continue
        trainer = {**job.config["trainer"], "precision": ELSEWHERE[precision][1]}
        if is_done(run_directory({**job.config, "trainer": trainer}, job.run.directory.parents[2])):
            found.append(precision)
    if not found:
        return None
    choice, precision = ELSEWHERE[found[0]]
    are = "exists" if len(found) == 1 else "exist"
    return (
        f"{plural(len(found), 'run')} with other precision {are}: trainer={choice} ({precision}) finds them; "
        f"trainer=auto is {found[0]} on this machine"
    )
