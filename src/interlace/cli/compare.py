"""interlace compare"""

from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import Json, run_directories
from interlace.cli.console import tell_stale


def compare(
    run_dirs: Annotated[
        list[Path], typer.Argument(metavar="RUN_DIR...", help="Two or more run directories.", callback=run_directories)
    ],
    json: Json = False,
) -> None:
    """Show the settings in which runs differ, their metrics, and which were measured on different test data.

    Runs that wrote texts for the same test data are compared by paired tests too.
    """
    from interlace.comparison import compare_runs, compare_tests, compare_texts
    from interlace.errors import UserError
    from interlace.runs import load_run

    if len(run_dirs) < 2:
        raise UserError("compare: got one run directory; give two or more")
    runs = [load_run(path) for path in run_dirs]
    for path in run_dirs:
        tell_stale(path)
    settings, metrics = compare_runs(runs)
    notes, paired = compare_tests(runs), compare_texts(runs)
    if json:
        import json as encoder

        content = {"settings": settings, "metrics": metrics, "notes": notes}
        if paired:
            content["paired"] = {
                run: {metric: result._asdict() for metric, result in results.items()} for run, results in paired.items()
            }
        print(encoder.dumps(content, indent=2, default=str))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", *(f"{path.parent.name}/{path.name}" for path in map(Path.resolve, run_dirs)), box=None)
    for title, rows in (("settings that differ", settings), ("metrics", metrics)):
        table.add_row(f"[bold]{title}[/bold]")
        for name, values in rows.items():
            table.add_row(escape(name), *(f"{v:.4f}" if isinstance(v, float) else escape(str(v)) for v in values))
    Console().print(table)
    for name, results in paired.items():
        print(f"\n{name} against the first run, over single texts: p of approximate randomization, of the bootstrap")
        for metric, result in results.items():
            print(
                f"{metric:16} {result.first:9.4f} {result.second:9.4f}  difference {result.second - result.first:+.4f} "
                f"[{result.low:+.4f}, {result.high:+.4f}]  p = {result.p_randomization:.4f}, {result.p_bootstrap:.4f}"
            )
    for note in notes:
        print(f"note: {note}")
