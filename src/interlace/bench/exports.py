"""Exported programs beside the runs that they came from: differences over the test split, and speeds."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from interlace.configuration.compose import compose
from interlace.configuration.names import choices
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.export import Options, export_run
from interlace.export.about import PROGRAMS, Format
from interlace.report.markup import markdown_table
from interlace.runs import Run
from interlace.training import train

DATA = ["data.num_train=2000", "data.num_val=200", "data.num_test=1000", "trainer.max_epochs=2"]
QUICK = ["data.num_train=64", "data.num_val=32", "data.num_test=32", "trainer.max_epochs=1"]
MODALITIES = ("text", "image", "audio")  # of the scenes


class Parts(NamedTuple):
    """Strategies, modalities whose encoders are exported, and formats."""

    fusions: list[str]
    encoders: list[str]
    formats: list[str]


def chosen(fusion: str, encoder: str, formats: str) -> Parts:
    """Return the parts that options name. Raises UserError for a name that there is not."""
    known = choices("fusion")
    names = known if fusion == "all" else _named(fusion)
    parts = Parts(names, _named(encoder), _named(formats))
    pairs = zip(("--fusion", "--encoder", "--format"), parts, (known, MODALITIES, PROGRAMS), strict=True)
    for option, given, available in pairs:
        for name in given:
            if name not in available:
                raise UserError(f"{option} {name}: {did_you_mean(name, available)}")
    return parts


def measure(parts: Parts, folder: Path, quick: bool, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return a row of figures, or the error, for each strategy and each encoder in each format; `folder` is scratch."""
    rows = []
    for name in parts.fusions:
        tell(f"training fusion={name}")
        run = _trained(name, folder, quick)
        for each, options in _exports(name, parts):
            for format in parts.formats:
                tell(f"{each}: {format}")
                rows.append({"part": each, "format": format, **_figures(run, folder / "export", format, options)})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a table in Markdown."""
    head = ["part", "format", "outputs", "largest difference", "equal classes", "batch 1: run, export", "batch 64"]
    return markdown_table(
        head, [_cells(row) for row in rows], "Largest absolute difference of each output; times in ms."
    )


def _named(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _trained(name: str, folder: Path, quick: bool) -> Run:
    single = ["modalities=[image]"] if name == "single" else []
    given = ["experiment=scenes", f"fusion={name}", *single, *(QUICK if quick else DATA), "logger=none"]
    return train(compose(given), outputs=folder / "outputs", overrides=given, quiet=True)


def _exports(name: str, parts: Parts) -> Iterator[tuple[str, Options]]:
    """Yield the whole model and, for the first strategy, each encoder alone."""
    yield f"fusion={name}", Options()
    if name == parts.fusions[0] and name != "single":
        yield from ((f"encoder of {each}", Options(encoder=each)) for each in parts.encoders)


def _figures(run: Run, output: Path, format: str, options: Options) -> dict[str, Any]:
    shutil.rmtree(output, ignore_errors=True)
    wanted: Format = format  # type: ignore[assignment]
    try:
        about = export_run(run, output, wanted, options)
    except UserError as error:
        return {"error": str(error)}
    assert about.check is not None
    return dict(about.check)


def _cells(row: dict[str, Any]) -> list[str]:
    if "error" in row:
        return [row["part"], row["format"], row["error"], "", "", "", ""]
    start = "largest_difference_of_"
    differences = {key.removeprefix(start): value for key, value in row.items() if key.startswith(start)}
    share = row.get("share_of_equal_classes")
    return [
        row["part"],
        row["format"],
        ", ".join(differences),
        ", ".join(f"{value:.1e}" if value else "0" for value in differences.values()),
        "" if share is None else f"{share:.2%}",
        *(f"{row[f'eager_ms_batch_{size}']:.2f}, {row[f'export_ms_batch_{size}']:.2f}" for size in (1, 64)),
    ]
