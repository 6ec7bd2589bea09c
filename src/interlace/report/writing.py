"""Writing of report folders: figures as files and for pages, templates, and atomic replacement of files."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.report import formats, svg
from interlace.report.drawing import NARROW, WIDE, Drawing

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure


OPTIONAL = ("analysis.csv", "items.parquet", "judged.json")  # removed where a new report does not have them


@dataclass(frozen=True)
class PageFigure:
    """A figure as two <svg> elements, for wide screens and for phones; `factor`: the factor on its horizontal axis."""

    name: str
    caption: str
    wide: str
    narrow: str
    factor: str = ""


def write_report_folder(folder: Path, fill: Callable[[Path], Mapping[str, str]]) -> None:
    """Writes a folder of texts and figures without partial files.

    `fill` gets a temporary folder, writes figures to its subfolder `figures` and binary files to itself, and returns
    the other files' texts by name, the page last. Files are then renamed one by one; figures of an earlier report that
    the new one does not have are removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        (temporary / "figures").mkdir()
        texts = fill(temporary)
        others = [path.name for path in temporary.iterdir() if path.is_file()]
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")
        _move_into_place(temporary, folder, [*others, *texts])
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_figure(drawing: Drawing, name: str, folder: Path) -> PageFigure:
    """Writes the files of a figure, and returns its wide and narrow form for a page."""
    with svg.style(name):
        wide, narrow = write_figure_files(drawing.draw, name, folder)
        shown = {
            size: svg.inline_svg(figure, f"{name}-{size}", drawing.label)
            for size, figure in (("wide", wide), ("narrow", narrow))
        }
    return PageFigure(name, drawing.caption, shown["wide"], shown["narrow"], drawing.factor)


def write_figure_files(draw: "Callable[[float], Figure]", name: str, folder: Path) -> "tuple[Figure, Figure]":
    """Writes NAME.svg and NAME.png of the wide figure and NAME.pdf of the narrow one; returns both figures."""
    wide, narrow = svg.settled(draw(WIDE)), svg.settled(draw(NARROW))
    (folder / f"{name}.svg").write_text(svg.standalone_svg(wide), encoding="utf-8")
    (folder / f"{name}.png").write_bytes(svg.png(wide))
    (folder / f"{name}.pdf").write_bytes(svg.pdf(narrow))
    return wide, narrow


def render_template(folder: Path, figures: Sequence[PageFigure], **values: Any) -> str:
    """Render `folder`/page.html, which extends base.html of this package, with `figures` by name and `values`.

    Texts are escaped, and the page loads no files.
    """
    import jinja2
    from markupsafe import Markup

    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, here]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": formats.count, "plural": formats.plural, "breakable": breakable}
    shown = [
        {"name": each.name, "caption": each.caption, "factor": each.factor}
        | {size: Markup(getattr(each, size)) for size in ("wide", "narrow")}
        for each in figures
    ]
    return environment.get_template("page.html").render(
        style=Markup((here / "style.css").read_text(encoding="utf-8")),
        script=Markup((here / "page.js").read_text(encoding="utf-8")),
        figures={each["name"]: each for each in shown},
        **values,
    )


def breakable(name: str) -> "Markup":
    """A name as HTML with possible line breaks after underscores."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))


def _move_into_place(temporary: Path, folder: Path, names: Sequence[str]) -> None:
    """Renames the files one by one, the page last, and removes files of an earlier report that are not in `names`."""
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    new = {path.name for path in (temporary / "figures").iterdir()}
    for name in sorted(new):
        os.replace(temporary / "figures" / name, figures / name)
    for path in figures.iterdir():
        if path.name not in new and path.suffix in (".svg", ".png", ".pdf"):
            path.unlink()
    for name in OPTIONAL:
        if name not in names:
            (folder / name).unlink(missing_ok=True)
    for name in names:
        os.replace(temporary / name, folder / name)
