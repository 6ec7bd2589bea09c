"""Model card (README.md) and data card (DATA.md) of an export."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from interlace.analysis.numbers import numbers
from interlace.analysis.reading import read_analysis
from interlace.configuration.plugins import command_line
from interlace.export.about import PROGRAMS, WEIGHTS, About
from interlace.export.figures import Figure, figures
from interlace.export.folder import without_place
from interlace.export.origins import origins
from interlace.export.usage import usage
from interlace.inputs.checksums import read_verified_json
from interlace.metrics.directions import best_of
from interlace.report.markup import escape_markdown, markdown_table
from interlace.runs import Run
from interlace.tracking.files import read_yaml

MODEL_CARD, DATA_CARD = "README.md", "DATA.md"
MOST_CLASSES = 50  # named in a card
HOLDS = {
    "safetensors": f"Weights in {WEIGHTS} and the configuration; it loads without the run.",
    "huggingface": f"The language model and its tokenizer in Hugging Face's layout ({WEIGHTS}, config.json).",
    "torch_export": f"A torch.export program ({PROGRAMS['torch_export']}).",
    "onnx": f"An ONNX model ({PROGRAMS['onnx']}).",
}


def write_cards(run: Run, folder: Path, about: About, license: str | None) -> None:
    """Write both cards; every name and text from the run is escaped."""
    described = _described(run)
    card = ModelCard(f"---\n{_metadata(run, described, license).to_yaml()}\n---\n\n{model_card(run, about, described)}")
    (folder / MODEL_CARD).write_text(str(card), encoding="utf-8")
    (folder / DATA_CARD).write_text(data_card(run, described), encoding="utf-8")


def model_card(run: Run, about: About, described: Mapping[str, Any]) -> str:
    """Return the text of the model card."""
    parts = [
        f"# {_text(run.config['study'])} / {_text(run.config['arm'])}",
        " ".join([_task(run, described), HOLDS[about.format], _part(about)]).strip(),
        "## How to use it",
        f"```python\n{usage(run, about.format, about.encoder)}\n```",
        _inputs(about),
        "## Figures",
        _figures(run, described),
        "## What the predictions rely on",
        _analysis(run),
        _check(about),
        "## Limits",
        "\n".join(f"- {each}" for each in _limits(run, described)),
        "## Where it comes from",
        _origin(run, about, described),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def data_card(run: Run, described: Mapping[str, Any]) -> str:
    """Return the text of the data card."""
    sizes = described.get("num_examples") or run.results.get("num_examples") or {}
    rows = [[each.title, each.licence] for each in origins(run)]
    parts = [
        f"# Data of {_text(run.config['study'])} / {_text(run.config['arm'])}",
        markdown_table(["source", "licence"], rows, "Sources and their licences, as their publishers state them."),
        f"Fingerprint (SHA-256 over content and options): `{_hex(described.get('fingerprint'))}`",
        markdown_table(
            ["split", "examples"], [[name, f"{count:,}"] for name, count in sizes.items()], "Sizes of the splits."
        ),
        _modalities(described),
        _classes(described),
        "\n".join(f"- {_text(note)}" for note in described.get("notes") or []),
        f"Options: data={_text(run.config['choices'].get('data'))}; all of them are in `config.yaml` of the run.",
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _described(run: Run) -> dict[str, Any]:
    """Return data_description.json; of a run from an export, what its state of the data tells."""
    name = "data_description.json"
    if (run.directory / name).is_file():
        found: dict[str, Any] = read_verified_json(run.directory, name)
        return found
    if (run.directory / "data_state.json").is_file():
        state = read_verified_json(run.directory, "data_state.json")
        return {key: state[key] for key in ("task", "classes", "fingerprint") if key in state}
    return {}


def _metadata(run: Run, described: Mapping[str, Any], license: str | None) -> ModelCardData:
    """Return the metadata of the model card, which YAML quotes."""
    name = _line(f"{run.config['study']}-{run.config['arm']}")
    task = _line(described.get("task") or run.config["choices"].get("task") or "generation")
    data = _line(run.config["choices"].get("data"))
    results = [
        EvalResult(
            task_type=task,
            dataset_type=data,
            dataset_name=data,
            dataset_split="test",
            metric_type=_line(each.name),
            metric_value=round(each.value, 6),
        )
        for each in figures(run)
        if "/" not in each.name
    ]
    fusion = run.config["choices"].get("fusion")
    return ModelCardData(
        model_name=name,
        library_name="interlace",
        license=None if license is None else _line(license),
        tags=["interlace", task, *([] if fusion is None else [_line(fusion)])],
        eval_results=results or None,
    )


def _task(run: Run, described: Mapping[str, Any]) -> str:
    choices = run.config["choices"]
    task = described.get("task") or choices.get("task") or "language modelling"
    modalities = described.get("modalities") or {}
    read = ", ".join(f"{_text(name)} ({_text(each['kind'])})" for name, each in modalities.items())
    fusion = choices.get("fusion")
    words = [f"Task: {_text(task)}.", f"Inputs: {read}." if read else ""]
    words += [f"Fusion: {_text(fusion)}." if fusion is not None else f"Model: {_text(choices.get('model'))}."]
    classes = described.get("classes") or []
    if classes:
        more = f" and {len(classes) - MOST_CLASSES} more" if len(classes) > MOST_CLASSES else ""
        words.append(f"Classes: {', '.join(map(_text, classes[:MOST_CLASSES]))}{more}.")
    return " ".join(word for word in words if word)


def _part(about: About) -> str:
    if about.encoder is None:
        return ""
    return (
        f"It is the encoder of {_text(about.encoder)} alone, which gives tokens and no answer; figures are the run's."
    )


def _inputs(about: About) -> str:
    if not about.inputs:
        return ""
    rows = [
        [
            each.name,
            each.modality,
            each.part,
            each.dtype,
            " x ".join(map(str, each.shape)),
            "–" if each.longest is None else f"{each.shortest:,} to {each.longest:,}",
        ]
        for each in about.inputs
    ]
    told = (
        "Of part x are the values, padded with zeros to the longest of the batch and at least to the shortest length; "
        "length counts the real ones; present is false where the modality is missing. Outputs: "
        + ", ".join(about.outputs)
    )
    return markdown_table(["input", "modality", "part", "type", "shape", "length"], rows, told).strip()


def _figures(run: Run, described: Mapping[str, Any]) -> str:
    found = figures(run)
    overall = [each for each in found if "/" not in each.name]
    by_group = [each for each in found if "/" in each.name]
    tested = (run.results.get("num_examples") or {}).get("test")
    caption = (
        f"Test split{f', {tested:,} examples' if tested else ''}. Interval: 95%, bootstrap over test items, where the "
        "metric is a mean over them; it covers the choice of test items, not another training run."
    )
    head = ["metric", "value", "95% interval", "better"]
    parts = [markdown_table(head, list(map(_row, overall)), caption)]
    if constant := ((described.get("priors") or {}).get("majority") or {}):
        told = ", ".join(f"{_text(key)} {_text(_number(value))}" for key, value in constant.items())
        parts.append(f"The best constant answer: {told}.")
    if by_group:
        parts.append(markdown_table(head, list(map(_row, by_group)), "By group."))
    return "\n\n".join(part.strip() for part in parts)


def _row(each: Figure) -> list[str]:
    interval = "–" if each.interval is None else f"{each.interval[0]:.4f} to {each.interval[1]:.4f}"
    return [each.name, f"{each.value:.4f}", interval, "higher" if best_of(each.name) == "max" else "lower"]


def _analysis(run: Run) -> str:
    content = read_analysis(run.directory)
    if content is None:
        return (
            "Not analysed. `interlace analyze RUN_DIR` measures the loss without each modality and under noise, and "
            "what each contributes; an export made after it has the figures here."
        )
    rows = [[name.removeprefix("analysis/"), f"{value:.4f}"] for name, value in numbers(content).items()]
    caption = (
        f"Analysis of {content['examples']:,} examples by {content['metric']}: missing and noise are the mean score as "
        "more and more examples lose the modality or get noise, shapley and perceptual what a modality adds."
    )
    return markdown_table(["figure", "value"], rows, caption).strip()


def _check(about: About) -> str:
    if about.check is None:
        return ""
    rows = [[key.replace("_", " "), _number(value)] for key, value in about.check.items()]
    table = markdown_table(["over the test split", "value"], rows, "The export beside the run's own model.")
    return f"## Numerical check\n\n{table.strip()}"


def _limits(run: Run, described: Mapping[str, Any]) -> list[str]:
    seed = run.results.get("seed")
    found = [
        f"One training run (seed {_text(seed)}): the figures of another seed differ.",
        "Test items come from the same source as the training data; nothing is known of other data.",
    ]
    modalities = described.get("modalities") or {}
    always = [name for name, each in modalities.items() if (each.get("present") or {}).get("train") == 1.0]
    if len(modalities) > 1 and always:
        named = ", ".join(map(_text, always))
        found.append(f"Never missing in training: {named}; answers without them were not learned.")
    for name, each in modalities.items():
        if each["kind"] == "text":
            found.append(f"{_text(name)}: at most {each['shape'][0]} tokens.")
        if each["kind"] == "audio" and each.get("sample_rate"):
            found.append(f"{_text(name)}: at most {each['shape'][0] / each['sample_rate']:g} s.")
    if described.get("classes"):
        found.append("Every input gets one of the known classes, whatever it shows.")
    return found + [_text(note) for note in run.results.get("notes") or []]


def _origin(run: Run, about: About, described: Mapping[str, Any]) -> str:
    rows = [[key.replace("_", " "), str(value)] for key, value in about.run.items() if value is not None]
    rows.append(["interlace", about.interlace])
    rows += [["data", f"{each.title}; licence: {each.licence}"] for each in origins(run)]
    rows.append(["fingerprint of the data", _hex(described.get("fingerprint"))])
    table = markdown_table(["", ""], rows, f"More on the data: {DATA_CARD}.").strip()
    command = _command(run)
    return table if command is None else f"{table}\n\nMade by:\n\n{_indented(command)}"


def _command(run: Run) -> str | None:
    """Return the command that trained the run, without places of that machine; None where it is not recorded."""
    path = run.directory / "overrides.yaml"
    if not path.is_file():
        return None
    overrides = []
    for each in map(str, read_yaml(path)):
        key, sign, value = each.partition("=")
        overrides.append(f"{key}{sign}{without_place(value)}")
    return command_line(["train", *overrides])


def _modalities(described: Mapping[str, Any]) -> str:
    rows = [
        [name, str(each["kind"]), " x ".join(map(str, each["shape"])), *_present(each)]
        for name, each in (described.get("modalities") or {}).items()
    ]
    head = ["modality", "kind", "shape", "present in training", "in test"]
    return markdown_table(head, rows, "Modalities, and the share of examples that have each.") if rows else ""


def _classes(described: Mapping[str, Any]) -> str:
    counts = described.get("class_counts") or {}
    names = list(counts.get("train") or {})[:MOST_CLASSES]
    rows = [[name, *(f"{counts[split].get(name, 0):,}" for split in counts)] for name in names]
    return markdown_table(["class", *counts], rows, "Examples of each class.") if rows else ""


def _present(described: Mapping[str, Any]) -> list[str]:
    present = described.get("present") or {}
    return [f"{present[split]:.1%}" if split in present else "–" for split in ("train", "test")]


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "–"
    return str(value)


def _hex(value: Any) -> str:
    return "".join(sign for sign in str(value) if sign in "0123456789abcdef")


def _text(value: Any) -> str:
    """Return a text as Markdown on one line, escaped."""
    return escape_markdown(_line(value))


def _line(value: Any) -> str:
    """Return a text on one line without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(value)).split())


def _indented(text: str) -> str:
    """Return a block of code by indentation, which no sign in the text can end."""
    return f"    {_line(text)}"
