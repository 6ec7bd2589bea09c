"""interlace judge"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import Json, existing, writable_file

app = typer.Typer(no_args_is_help=True, help="Let people judge the answers of runs, blind, and report the result.")

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder that judge make has written.", callback=existing)
]


@app.command()
def make(
    systems: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help='Two or more run directories, or files of lines {"id", "text"}, with the same test items.',
            callback=lambda paths: [existing(path) for path in paths],
        ),
    ],
    output: Annotated[Path, typer.Option("--output", help="The folder to write; it must not exist.")],
    design: Annotated[
        Literal["pairs", "scale"], typer.Option(help="Compare two answers, or give points to one answer.")
    ] = "pairs",
    items: Annotated[
        int, typer.Option(min=1, help="Comparisons in pairs; on a scale test items, each with all answers.")
    ] = 50,
    repeats: Annotated[
        float, typer.Option(help="Share of the tasks that a rater gets twice, for agreement with herself.")
    ] = 0.1,
    raters: Annotated[int, typer.Option(min=1, help="Raters, each with an order of her own.")] = 3,
    identical: Annotated[
        Literal["tie", "omit"],
        typer.Option(help="Pairs of equal answers: tie counts them as ties, shown to nobody; omit does not draw them."),
    ] = "tie",
    question: Annotated[str | None, typer.Option(help="The question to raters. Default: which is better.")] = None,
    anchors: Annotated[
        str | None,
        typer.Option(help="Words for the points of a scale, from the worst, comma-separated. Default: five."),
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            help="Examples with the inputs of the test items, as data.path takes them. Default: the runs' data.",
            callback=existing,
        ),
    ] = None,
    reference: Annotated[bool, typer.Option("--reference", help="Show raters the reference too.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 0,
) -> None:
    """Draw judgements for raters: blind, balanced over systems and sides, in random order for each rater.

    The folder holds all that raters see, and apart from it key.json, which says whose answers these are.
    """
    from interlace.configuration.plugins import command_line
    from interlace.judging.making import Plan, make_folder

    words = None if anchors is None else tuple(word.strip() for word in anchors.split(","))
    plan = Plan(design, items, repeats, raters, identical, seed, question, words, inputs, reference)
    made = make_folder(systems, output, plan)
    print(f"{output}: {made.shown} tasks from {', '.join(made.systems)}; each of {raters} raters gets {made.turns}")
    if made.identical:
        print(f"{made.identical} further comparisons have two equal answers and count as ties")
    print(f"let raters begin with {command_line(['judge', 'serve', str(output)])}")


@app.command()
def serve(
    folder: Folder,
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than this machine's own needs --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8001,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="INTERLACE_TOKEN",
            show_envvar=True,
            show_default=False,
            help="Secret that raters enter before their code; new: draw one and print it.",
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Further name by which raters call this server, such as a proxy's; repeatable.", show_default=False
        ),
    ] = None,
) -> None:
    """Show raters their tasks on a page, and store each rating at once in ratings.sqlite of the folder.

    A rater begins with a code of her own and goes on with it where she stopped. Ctrl+C stops; nothing is lost.
    """
    from interlace.cli.serve import NEW, check_extra, drawn, log_requests

    check_extra("judge serve")
    from interlace.apps.serving.listening import HttpServer, access_for, bind, run_until_stopped
    from interlace.judging.folder import JudgingFolder

    access = access_for(host, drawn(token), tuple(allowed_host or ()))
    read = JudgingFolder(folder)
    from interlace.apps.judging.application import LIMITS, Judging

    bound = bind(host, port)
    server = HttpServer(Judging(read, access).application, LIMITS, bound)
    log_requests()
    print(f"Raters judge at {server.address}")
    if token == NEW:
        print(f"token: {access.token}")
    settings = read.settings
    print(f"  {len(read.orders[0])} tasks for each of {settings.raters} raters: {settings.question}", flush=True)
    run_until_stopped(server)
    print(f"stopped; see the result with interlace judge report {folder}")


@app.command()
def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="A folder that raters have judged, or the file of ratings of interlace serve.",
            callback=existing,
        ),
    ],
    json: Json = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write this page, one file.", callback=writable_file)
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option("--jsonl", help="Also write each rating as a line of this file.", callback=writable_file),
    ] = None,
) -> None:
    """Show the result: win rates, strengths and agreement, with intervals, and what is significant."""
    from interlace.judging.lines import summary_lines
    from interlace.judging.summary import summarize, write_ratings

    found = summarize(folder)
    if jsonl is not None:
        write_ratings(folder, jsonl)
    if html is not None:
        from interlace.configuration.plugins import command_line
        from interlace.report.judged import write_judged_page

        write_judged_page(found, html, command_line(["judge", "report", str(folder), "--html", str(html)]))
    if json:
        import json as encoder

        print(encoder.dumps(found.plain(), indent=2, ensure_ascii=False))
        return
    for line in summary_lines(found):
        print(line)
