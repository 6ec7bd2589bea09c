"""Analysis of one run, computed part by part."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from interlace.analysis import contribution, examples, run_robustness
from interlace.analysis.coverage import coverage
from interlace.analysis.reading import results_hash
from interlace.analysis.settings import Settings
from interlace.analysis.siblings import unimodal_gain
from interlace.analysis.subject import Subject, open_subject
from interlace.runs import Run

# Part, which is also its key in analysis.json -> function that computes it.
COMPUTED: dict[str, Callable[[Subject], Any]] = {
    "missing": run_robustness.missing,
    "noise": run_robustness.noise,
    "gain": lambda subject: unimodal_gain(subject.run, subject.names),
    "shapley": contribution.shapley_values,
    "perceptual": contribution.perceptual_scores,
    "emap": contribution.additive_projection,
    "tokens": contribution.token_shares,
    "information": contribution.information,
    "attention": examples.attention,
    "coverage": coverage,
}


def explain(subject: Subject, tell: Callable[[str], None] = lambda sentence: None) -> dict[str, Any]:
    """Return the content of analysis.json in plain types: a description of the run, then one entry for each part."""
    run, settings = subject.run, subject.settings
    whole = subject.encoded.predict_present(subject.encoded.present())
    content: dict[str, Any] = {
        "run": {
            "study": run.results.get("study"),
            "arm": run.results.get("arm"),
            "factors": run.results.get("factors"),
            "seed": run.results.get("seed"),
            "fusion": run.config["choices"].get("fusion"),
        },
        "results": results_hash(run.directory),
        "code": analysis_code(),
        "settings": settings.plain(),
        "metric": subject.measure.name,
        "modalities": list(subject.names),
        "kinds": {name: subject.data.modalities[name].kind for name in subject.names},
        "examples": subject.encoded.size,
        "clean": subject.measure.score(whole, subject.labels),
        "chance": subject.measure.chance,
    }
    for name in settings.parts:
        tell(f"{run.directory}: {name}")
        content[name] = COMPUTED[name](subject)
    return content


def explain_run(
    run: Run, settings: Settings, tell: Callable[[str], None] = lambda sentence: None
) -> tuple[Subject, dict[str, Any]]:
    """Open a finished run and analyse it; nothing is written."""
    tell(f"{run.directory}: encoding")
    subject = open_subject(run, settings)
    return subject, explain(subject, tell)


def is_current(content: dict[str, Any] | None, settings: Settings) -> bool:
    """Return True if an analysis was computed with these settings and the present code."""
    return content is not None and content["settings"] == settings.plain() and content["code"] == analysis_code()


@cache
def analysis_code() -> str:
    """Return twelve hex digits of the hash over the sources of this package."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted((package / "analysis").glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
