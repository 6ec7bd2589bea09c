"""The study file that `interlace study init` writes: arms that suit the data, and further options as comments."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from interlace.configuration.names import choices
from interlace.configuration.plugins import command_line
from interlace.configuration.spelling import spelled
from interlace.configuration.suggestions import did_you_mean
from interlace.configuration.tasks import task_class
from interlace.data.manifest.findings import examine, options_of
from interlace.errors import UserError
from interlace.metrics.directions import best_of
from interlace.studies.multirun import as_name
from interlace.studies.planning import plan
from interlace.studies.study import load_study
from interlace.tracking.storage import naming

ARMS = ("attention", "late_mean", "gated", "concat")
ARMS_OF_ONE = ("attention", "concat")  # gating and averaging need two modalities
DECODERS = ("open_cross_attention", "gated_cross_attention", "prefix")
NUM_METRICS = 3  # of the task, as examples for `metrics`

TEMPLATE = """\
# Written by interlace study init. Run it:  {run}
# Show its runs without training:           {plan}
name: {name}
question: {question}
base: {base}
arms:                 # each is a list of overrides; interlace list {group} shows the choices
{arms}
{controls}
baseline: {baseline}   # the arm that others are compared with
seeds: {seeds}

# metrics: {metrics}
#   The first one ranks; by default the metric that chooses best.ckpt (checkpoint.monitor), on test data.
# margin: 0.01        # differences of the first metric below this count as equal
# factors:            # every arm with every value; further keys make a grid
#   data.batch_size: [32, 64]
# budget:             # widths are solved for so that all arms cost as much as one of them
#   parameters: {baseline}
# tuning:             # options chosen for each arm by trials on validation data, before the runs
#   trials: 4
#   metric: val/loss
#   space: {{optimizer.learning_rate: [3.0e-4, 1.0e-3, 3.0e-3, 1.0e-2]}}
# search:             # interlace sweep optuna {path}
#   objectives: {{val/loss: min}}
#   trials: 20
#   space: {{optimizer.learning_rate: {{low: 1.0e-4, high: 1.0e-2, log: true}}}}
# expected:           # interlace study verify {path}: the mean and a tolerance
#   {baseline}: {{{metric}: [0.9, 0.05]}}
"""


def write_initial_study(
    data: Path,
    overrides: Sequence[str],
    *,
    arms: Sequence[str] | None,
    controls: bool,
    seeds: int,
    output: Path,
) -> str:
    """Examine data as `interlace data check` does and write a study file; return a summary of the data.

    `overrides` are options of the data (data.task=regression), copied into the base of the study. The study is planned
    once as a check; where that fails the file is removed. UserError where the file exists, for data with bad lines, and
    for an unknown arm.
    """
    if output.exists():
        raise UserError(f"{output}: exists already; remove it, or give another name with --output")
    summary = _examine(data, overrides)
    group = "decoder" if task_class(summary["task"]).writes else "fusion"
    chosen = _arms(arms, group, summary)
    text = _text(data, overrides, summary, group, chosen, controls=controls, seeds=seeds, output=output)
    with naming(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    try:
        plan(load_study(str(output)))
    except BaseException:
        output.unlink()
        raise
    return f"{summary['examples']:,} examples with {_and(summary['modalities'])}; task: {summary['task']}"


def _examine(data: Path, overrides: Sequence[str]) -> dict[str, Any]:
    options = options_of(data, list(overrides))
    problems, summary = examine(data, **options)
    if summary["problem"]:
        raise UserError(f"{data}: {summary['problem']}")
    if problems and options["on_error"] != "skip":
        raise UserError(
            f"{data}: {len(problems)} lines cannot be used; see interlace data check {data}, correct them, or add "
            "data.on_error=skip"
        )
    return {**summary, "modalities": list(summary["splits"]["train"]["present"])}


def _arms(given: Sequence[str] | None, group: str, summary: dict[str, Any]) -> list[str]:
    if given is None:
        return list(DECODERS if group == "decoder" else ARMS if len(summary["modalities"]) > 1 else ARMS_OF_ONE)
    for arm in given:
        if arm not in choices(group):
            raise UserError(f"--arms {arm}: no such {group}; {did_you_mean(arm, choices(group))}")
    return list(dict.fromkeys(given))


def _text(
    data: Path,
    overrides: Sequence[str],
    summary: dict[str, Any],
    group: str,
    arms: Sequence[str],
    *,
    controls: bool,
    seeds: int,
    output: Path,
) -> str:
    task = task_class(summary["task"])
    name = as_name(data.stem or data.resolve().name)
    base = ["experiment=manifest", spelled("data.path", str(data)), *task.needed, *overrides]
    lines = {arm: [f"{group}={arm}"] for arm in arms}
    further = {} if task.writes else _controls(summary["modalities"], majority=task.pooled)
    metrics = f"{{{', '.join(f'test/{name}: {best_of(name)}' for name in task.usual[:NUM_METRICS])}}}"
    named = [] if task.writes else [*further, *(["linear"] if task.fitted_as in ("classes", "numbers") else [])]
    if controls:
        lines |= further
    shown = _flow(named)
    return TEMPLATE.format(
        path=output,
        run=command_line(["study", "run", str(output)]),
        plan=command_line(["study", "plan", str(output)]),
        name=name,
        question=f"Which {group} is best on {name}, with {_and(summary['modalities'])}?",
        base=_flow(base),
        group=group,
        arms="\n".join(f"  {arm}: {_flow(texts)}" for arm, texts in lines.items())
        + ("" if controls else "".join(f"\n  # {arm}: {_flow(texts)}" for arm, texts in further.items())),
        controls=("controls: " if controls and named else "# controls: ")
        + f"{shown}  # shown, and never ranked as best",
        baseline="concat" if "concat" in arms else arms[0],
        seeds=list(range(seeds)),
        metrics=metrics,
        metric=metrics[1:].partition(":")[0],
    )


def _controls(modalities: Sequence[str], *, majority: bool) -> dict[str, list[str]]:
    """Control arms: each modality alone, where there are several, and with `majority` the best constant prediction."""
    alone = {
        as_name(f"{name}_only"): ["fusion=single", spelled("modalities", [name])]
        for name in (modalities if len(modalities) > 1 else ())
    }
    return {**alone, **({"majority": ["fusion=majority"]} if majority else {})}


def _flow(values: Sequence[str]) -> str:
    text: str = yaml.safe_dump(list(values), default_flow_style=True, allow_unicode=True, width=10**6)
    return re.sub(r"\s*\n", "", text)


def _and(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
