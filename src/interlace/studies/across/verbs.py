"""`interlace study report` with several studies."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from interlace.configuration.locations import outputs_dir
from interlace.configuration.plugins import command_line
from interlace.errors import UserError
from interlace.report.comparison import Comparison
from interlace.report.results import load_runs
from interlace.studies.across.report import build_across_report
from interlace.studies.metrics import metrics_of
from interlace.studies.planning import plan
from interlace.studies.study import Study


def write_across_report(studies: Sequence[Study], overrides: Sequence[str], *, folder: Path | None) -> Path:
    """Write the report over several studies in `folder` or outputs/reports/A+B+C; return the path of index.html."""
    names = [study.name for study in studies]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"study report: {name} is named twice; name each study once")
    comparisons = {study.name: _comparison(study, overrides) for study in studies}
    return build_across_report(
        folder=folder or outputs_dir() / "reports" / _folder_name(names),
        comparisons=comparisons,
        questions={study.name: study.question for study in studies},
        command=command_line(["study", "report", *names, *overrides]),
    )


def _folder_name(names: Sequence[str]) -> str:
    """The studies' names joined; above 200 bytes, which file systems may refuse, the first name and a hash of all."""
    joined = "+".join(names)
    if len(joined.encode()) <= 200:
        return joined
    return f"{names[0]}+{len(names) - 1}-others-{hashlib.sha256(joined.encode()).hexdigest()[:8]}"


def _comparison(study: Study, overrides: Sequence[str]) -> Comparison:
    runs = load_runs([job.run for job in plan(study, overrides)])
    metrics = metrics_of(study, runs)
    return Comparison(runs, metrics, study.baseline, frozenset(study.controls), {}, tuple(study.conditions))
