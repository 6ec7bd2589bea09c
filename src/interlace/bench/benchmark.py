"""Execution of a benchmark: inputs, rows in sequence, and the JSON record."""

import datetime
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from interlace.bench import machine
from interlace.bench.inputs import Inputs, Part
from interlace.bench.language_models import Options
from interlace.bench.measuring import CommandFailure, measure
from interlace.bench.rows import Contender, Outcome, Row, Settings, run_row
from interlace.errors import RunFailure

SCHEMA = 1
# Half a core: a higher load means that something else was running.
BUSY = 0.5


def environment(folder: Path, threads: int) -> dict[str, str]:
    """Return the environment variables of every command: `threads` threads, no network, caches in `folder`.

    The caches include compiled Python: without it, a process would compile its imports for seconds.
    """
    number = str(threads)
    return {
        "OMP_NUM_THREADS": number,
        "MKL_NUM_THREADS": number,
        "RAYON_NUM_THREADS": number,
        "TOKENIZERS_PARALLELISM": "true",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "INTERLACE_CACHE": str(folder / "cache"),
        "INTERLACE_OUTPUTS": str(folder / "outputs"),
        "HF_HOME": str(folder / "hugging-face"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "WANDB_MODE": "disabled",
    }


def make_inputs(inputs: Inputs, parts: Sequence[Part], options: Options, environment: dict[str, str]) -> str:
    """Make the inputs in a separate process; return the source of the text. Raises RunFailure on failure."""
    command = [sys.executable, "-m", "interlace.bench.inputs", str(inputs.folder), *parts]
    command += ["--megabytes", str(options.megabytes), *(["--text", str(options.text)] if options.text else [])]
    try:
        source: str = measure(command, environment=environment).figures["source"]
    except CommandFailure as failure:
        raise RunFailure(f"bench: the inputs could not be made: {failure}") from None
    return source


def run_rows(
    rows: Sequence[Row],
    options: Settings,
    environment: dict[str, str],
    scratch: Path,
    tell: Callable[[str], object],
) -> Iterator[Outcome]:
    """Run the rows in sequence and yield each outcome."""
    scratch.mkdir(parents=True, exist_ok=True)
    for row in rows:
        yield run_row(
            row,
            repeats=options.repeats,
            environment=environment,
            scratch=scratch,
            tell=tell,
            timeout=options.timeout,
        )


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def record(
    outcomes: Sequence[Outcome],
    options: Settings,
    *,
    started: str,
    load: float | None,
    arguments: Sequence[str],
    text: str | None,
) -> dict[str, Any]:
    """Return the JSON document of a benchmark.

    `schema`, `started`, `ended` (UTC), `command`, `repeats`, `threads`, `quick` (the values are then meaningless),
    `load_at_start`, `text` (null if none is read), `machine`, `versions`, `code` (hash of the code that determines
    results), `git`, and `rows`: name, title, unit, larger_is_better, target, against, at_most, at_least (bounds of
    contenders), agree_on, status, ratio {median, min, max, values} or null, reached, ours, peer (the contenders
    compared), and contenders: label, side, command, status, reason, median, values, peak_memory_mb, seconds, figures
    (all reported values); the last four with one entry per repeat, and values too unless a command reports several.
    """
    from interlace.tracking.identity import code_hash

    return {
        "schema": SCHEMA,
        "started": started,
        "ended": now(),
        "command": ["interlace", *arguments],
        "repeats": options.repeats,
        "threads": options.threads,
        "quick": options.quick,
        "load_at_start": load,
        "text": text,
        "machine": machine.describe(),
        "versions": machine.versions(),
        "code": code_hash(),
        "git": _git(),
        "rows": [_row(outcome) for outcome in outcomes],
    }


def _git() -> dict[str, Any] | None:
    from interlace.tracking.source_tree import own_tree

    tree = own_tree()
    return tree.described() if tree is not None else None


def _row(outcome: Outcome) -> dict[str, Any]:
    row = outcome.row
    return {
        "name": row.name,
        "title": row.title,
        "unit": row.unit,
        "larger_is_better": row.larger_is_better,
        "target": row.target,
        "against": row.against,
        "at_most": dict(row.at_most),
        "at_least": dict(row.at_least),
        "agree_on": row.agree_on,
        "status": status(outcome),
        "ratio": _spread(outcome),
        "reached": outcome.reached,
        "ours": outcome.ours.label if outcome.ours else None,
        "peer": outcome.peer.label if outcome.peer else None,
        "contenders": [_contender(contender) for contender in outcome.contenders],
    }


def _spread(outcome: Outcome) -> dict[str, Any] | None:
    ratios = outcome.ratios
    if not ratios:
        return None
    return {"median": outcome.ratio, "min": min(ratios), "max": max(ratios), "values": ratios}


def status(outcome: Outcome) -> str:
    """Return "failed" if a command failed, "ran" if all ran, "not run" if none did, else "partly"."""
    states = {contender.status for contender in outcome.contenders}
    if "failed" in states:
        return "failed"
    return states.pop() if len(states) == 1 else "partly"


def portable(word: str) -> str:
    """Return a word of a command without paths of this machine: this Python becomes `python`, and paths in the
    benchmark's temporary folder become relative to `{folder}`.
    """
    if word == sys.executable:
        return "python"
    path = Path(word)
    temporary = Path(tempfile.gettempdir())
    return f"{{folder}}/{Path(*path.relative_to(temporary).parts[1:])}" if path.is_relative_to(temporary) else word


def _contender(contender: Contender) -> dict[str, Any]:
    return {
        "label": contender.label,
        "side": contender.side,
        "command": [portable(word) for word in contender.command],
        "status": contender.status,
        "reason": contender.reason,
        "median": contender.median,
        "values": contender.values,
        "peak_memory_mb": contender.peak_memory_mb,
        "seconds": contender.seconds,
        "figures": contender.figures,
    }
