"""The verb `interlace analyze`: compute analyses of runs, draw them, write them to run directories and print them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interlace.analysis.explain import explain_run, is_current
from interlace.analysis.reading import FILE, read_analysis
from interlace.analysis.robustness import effective_robustness
from interlace.analysis.settings import Settings
from interlace.analysis.subject import Subject
from interlace.folders import whole_folder
from interlace.report import formats, svg
from interlace.report.analysis_figures import INFORMATION, contributions, is_share, run_drawings
from interlace.report.coverage import coverage_drawing
from interlace.report.drawing import WIDE, Drawing
from interlace.report.example_maps import Media, example_drawing
from interlace.runs import Run
from interlace.studies.wandb_analysis import log_analysis
from interlace.tracking.files import write_json

FOLDER = "analysis"  # below the run directory, for figures


def analyze_runs(
    directories: Sequence[Path],
    settings: Settings,
    *,
    again: bool,
    as_json: bool,
    tell: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Analyze runs one after the other and print the results; an analysis that is up to date is only printed.

    The results of all runs are read before the first analysis, so that a wrong directory fails at once.
    """
    runs = [Run(directory) for directory in directories]
    for run in runs:
        _ = run.results  # UserError for a run without results, before hours of analysis
    found = {}
    for run in runs:
        content = read_analysis(run.directory)
        if again or content is None or not is_current(content, settings):
            subject, content = explain_run(run, settings, tell)
            write_analysis(run.directory, content, _drawings(subject, content))
            log_analysis(run, content, run.directory / FOLDER)
        found[run.directory] = content
    if as_json:
        print(json.dumps({str(path): content for path, content in found.items()}, indent=2, default=str))
        return
    for directory, content in found.items():
        show(directory, content)
    show_effective(found)


def write_analysis(directory: Path, content: Mapping[str, Any], drawings: Sequence[Drawing]) -> None:
    """Write <run>/analysis/*.{svg,png}, then <run>/analysis.json: where the file exists, its figures are complete."""
    (directory / FILE).unlink(missing_ok=True)  # an earlier analysis, whose figures are replaced below
    with whole_folder(directory / FOLDER) as temporary:
        for drawing in drawings:
            with svg.style(drawing.name):
                figure = svg.settled(drawing.draw(WIDE))
                (temporary / f"{drawing.name}.svg").write_text(svg.standalone_svg(figure), encoding="utf-8")
                (temporary / f"{drawing.name}.png").write_bytes(svg.png(figure))
    write_json(directory / FILE, dict(content))


def _drawings(subject: Subject, content: Mapping[str, Any]) -> list[Drawing]:
    found = run_drawings(content)
    rates = {name: spec.sample_rate for name, spec in subject.data.modalities.items() if spec.sample_rate}
    examples = (content.get("attention") or {}).get("examples") or []
    media = [Media(subject.encoded.split.example(example["row"])["inputs"], rates) for example in examples]
    maps = example_drawing(content, media)
    return [*found, *(each for each in (coverage_drawing(content), maps) if each is not None)]


def show(directory: Path, content: Mapping[str, Any]) -> None:
    """Print one run's analysis."""
    console = Console()
    points = is_share(content["metric"])
    console.print(f"[bold]{escape(str(directory))}[/bold]", highlight=False)
    console.print(
        f"{content['metric']} {_score(content['clean'], points)} on {content['examples']} examples of the "
        f"{content['settings']['split']} split (chance {_score(content['chance'], points)})",
        highlight=False,
    )
    names = content["modalities"]
    table = Table("", *map(escape, names), "unit", box=None, pad_edge=False)
    for measure, values, _, unit in contributions(content):
        digits = 1 if points or unit.startswith("%") else 3
        table.add_row(measure, *(f"{values[name]:.{digits}f}" for name in names), f"[dim]{unit}[/dim]")
    curves = (content.get("missing") or {}).get("curves", [])
    alone = {line["modalities"][0]: line for line in curves if len(line["modalities"]) == 1}
    if alone:
        table.add_row("missing", *(_ratio(alone[name]["relative"]) for name in names), "[dim]area / clean[/dim]")
    for noise in dict.fromkeys(line["noise"] for line in content.get("noise") or []):
        found = {line["modality"]: line["relative"] for line in content["noise"] if line["noise"] == noise}
        table.add_row(noise, *(_ratio(found.get(name)) for name in names), "[dim]area / clean[/dim]")
    if table.row_count:
        console.print(table)
    for sentence in sentences(content):
        console.print(escape(sentence), highlight=False)
    if content.get("information"):
        console.print(_information(content["information"]))
    if content.get("coverage"):
        console.print(_coverage(content["coverage"]))
    console.print(f"figures in {escape(str(directory / FOLDER))}\n", highlight=False)


def _information(content: Mapping[str, Any]) -> Table:
    """Partial information of each pair of modalities in bits; in brackets the value with shuffled labels."""
    table = Table(
        "bits (shuffled)", "about", "shared", "first alone", "second alone", "together", box=None, pad_edge=False
    )
    for pair in content["pairs"]:
        for kind, about in (("data", "labels"), ("model", "answers")):
            bits, none = pair[kind], pair[kind]["shuffled"]
            parts = (f"{bits[part]:.2f} ({none[part]:.2f})" for part in INFORMATION)
            table.add_row(escape(" + ".join(pair["modalities"])), about, *parts)
    return table


def _coverage(content: Mapping[str, Any]) -> Table:
    """Measured coverage by level and pattern of present modalities, with the mean size of the answer sets."""
    levels = list(content["patterns"][0]["levels"])
    sets = "classes" if content["kind"] == "classes" else "width"
    titles = (f"{100 * float(level):g}% ({sets})" for level in levels)
    table = Table("answer sets, present", *titles, box=None, pad_edge=False)
    for each in content["patterns"]:
        values = (
            formats.MISSING if line is None else f"{100 * line['coverage']:.1f}% ({line['size']:.3g})"
            for line in each["levels"].values()
        )
        table.add_row(escape(" + ".join(each["modalities"])), *values)
    return table


def sentences(content: Mapping[str, Any]) -> list[str]:
    """Results without a column in the table, as sentences: gain, EMAP, cooperation."""
    points = is_share(content["metric"])
    found = []
    gain = content.get("gain")
    if gain:
        best = gain["unimodal"][gain["best"]]
        text = f"gain over {gain['best']} alone ({best['arm']}): {_signed(gain['gain'], points)}"
        if gain["ensemble"]:
            text += f"; over the unimodal ensemble: {_signed(gain['gain_over_ensemble'], points)}"
        found.append(text + ("" if best["same_budget"] else "; encoder or training differ from the run's"))
    elif "gain" in content and len(content["modalities"]) > 1:
        found.append("gain: the study has no finished run of a single modality with this seed and data")
    projection = content.get("emap")
    if projection:
        found.append(
            f"EMAP on {projection['examples']} examples: {_score(projection['score'], points)}, additive part "
            f"{_score(projection['projected'], points)}, gap {_signed(projection['gap'], points)}; "
            f"{100 * projection['interaction']:.0f}% of the variance over all combinations is interaction"
        )
    for shares in content.get("shapley") or []:
        if shares["cooperation"]:
            parts = ", ".join(f"{name} {_signed(value, points)}" for name, value in shares["cooperation"].items())
            found.append(f"cooperation ({shares['replacement'].partition(':')[0]}): {parts}")
    return found


def show_effective(found: Mapping[Path, Mapping[str, Any]]) -> None:
    """Print effective robustness to missing modalities, for three or more runs with the same modalities."""
    groups: dict[tuple[str, ...], dict[Path, Mapping[str, Any]]] = {}
    for path, content in found.items():
        if content.get("missing") and is_share(content["metric"]):
            groups.setdefault(tuple(content["modalities"]), {})[path] = content
    for members in groups.values():
        clean = [content["clean"] for content in members.values()]
        subsets = [" + ".join(line["modalities"]) for line in next(iter(members.values()))["missing"]["curves"]]
        columns = [
            effective_robustness(clean, [each["missing"]["curves"][i]["area"] for each in members.values()])
            for i in range(len(subsets))
        ]
        if any(column is None for column in columns):
            continue
        table = Table("effective robustness (points), missing", *map(escape, subsets), box=None, pad_edge=False)
        for index, path in enumerate(members):
            values = [formats.signed("test/accuracy", column[index]) for column in columns if column is not None]
            table.add_row(escape(f"{path.parent.name}/{path.name}"), *values)
        Console().print(table)


def _score(value: float | None, points: bool) -> str:
    if value is None:
        return formats.MISSING
    return f"{100 * value:.1f}%" if points else f"{value:.3f}"


def _signed(value: float, points: bool) -> str:
    return f"{100 * value:+.1f} points" if points else f"{value:+.3f}"


def _ratio(value: float | None) -> str:
    return formats.MISSING if value is None else f"{value:.2f}"
