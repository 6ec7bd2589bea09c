"""interlace bench"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interlace.bench.language_models import Options
    from interlace.bench.rows import Outcome

app = typer.Typer(no_args_is_help=True, help="Measure our code beside its peers on this machine.")


@app.callback()
def bench() -> None:
    """Measure our code beside its peers on this machine."""


@app.command()
def lm(
    rows: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ROWS]...",
            help="Of mlm, clm, shakespeare, trainer, pack, ngram, gpt2-124m; all when none is named.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Also write everything as JSON to this file.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Times that each side is run, in turn.")] = 3,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each side; all cores.")] = None,
    text: Annotated[Path | None, typer.Option(help="Text to train and pack; War and Peace, else artificial.")] = None,
    ngram_text: Annotated[Path | None, typer.Option(help="Text of the ngram row; the same.")] = None,
    megabytes: Annotated[float, typer.Option(min=0.1, help="Size of the text of the pack row.")] = 27.0,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="In the rows mlm and clm, on both sides.")] = 0.1,
    attention_dropout: Annotated[float, typer.Option(min=0, max=0.9, help="The same, of attention weights.")] = 0.0,
    nanogpt: Annotated[Path | None, typer.Option(help="A checkout of nanoGPT, for the shakespeare row.")] = None,
    lmplz: Annotated[Path | None, typer.Option(help="KenLM's lmplz, for the ngram row; else from PATH.")] = None,
    timeout: Annotated[float | None, typer.Option(min=1, help="Seconds after which a command has failed.")] = None,
    quick: Annotated[bool, typer.Option(help="Hardly any steps: shows that all runs; figures mean nothing.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit code 1 also for a missed target or what was not run.")] = False,
) -> None:
    """Run language-model work of ours and of our peers in turn, and print how many times as fast ours is.

    Each side is a process of its own with all cores; let nothing else run. What a peer needs and is not there is
    named, and the rest runs. Exit code 1 when a command that was started failed.
    """
    from rich.console import Console

    from interlace.bench import benchmark, machine, table
    from interlace.bench.language_models import Options, chosen

    names = chosen(rows or [])
    _check_files({"--text": text, "--ngram-text": ngram_text, "--nanogpt": nanogpt, "--lmplz": lmplz})
    options = Options(
        threads=threads or machine.cores(),
        repeats=repeat,
        timeout=timeout,
        quick=quick,
        text=_whole(text),
        ngram_text=_whole(ngram_text),
        megabytes=1.0 if quick else megabytes,
        dropout=dropout,
        attention_dropout=attention_dropout,
        nanogpt=_whole(nanogpt),
        lmplz=_whole(lmplz),
        cuda=bool(machine.gpus()),
    )
    outcomes = _measured(names, options, output)
    table.show(outcomes, Console())
    bad = any(outcome.failed for outcome in outcomes)
    if strict:
        bad = bad or any(benchmark.status(o) != "ran" or o.reached is False for o in outcomes)
    if bad:
        raise typer.Exit(1)


def _measured(names: list[str], options: "Options", output: Path | None) -> list["Outcome"]:
    """Makes the inputs and runs the rows; `output` is written anew after each, so that an interruption leaves it."""
    import tempfile

    from interlace.bench import benchmark, machine
    from interlace.bench.inputs import Inputs
    from interlace.bench.language_models import ROWS, parts_of
    from interlace.cli.telling import telling
    from interlace.tracking.files import write_json

    started, load = benchmark.now(), machine.load()
    if load is not None and load > benchmark.BUSY:
        print(f"bench: the machine is busy (load {load}); figures will be too low", file=sys.stderr)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="interlace-bench-") as name, telling() as tell:
        folder = Path(name)
        environment = benchmark.environment(folder, options.threads)
        inputs = Inputs(folder / "inputs")
        tell("making the inputs")
        source = benchmark.make_inputs(inputs, parts_of(names, cuda=options.cuda), options, environment)
        rows = [ROWS[row].build(options, inputs) for row in names]
        for outcome in benchmark.run_rows(rows, options, environment, folder / "scratch", tell):
            outcomes.append(outcome)
            if output is not None:
                told = benchmark.record(
                    outcomes, options, started=started, load=load, arguments=sys.argv[1:], text=source
                )
                write_json(output, told)
    return outcomes


def _whole(path: Path | None) -> Path | None:
    return path.expanduser().resolve() if path is not None else None


def _check_files(given: dict[str, Path | None]) -> None:
    from interlace.errors import UserError

    for option, path in given.items():
        if path is not None and not path.expanduser().exists():
            raise UserError(f"{option} {path}: no such file or folder; name one that is there, or leave it out")
