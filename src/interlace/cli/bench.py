"""interlace bench"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from interlace.cli import bench_own_data, bench_predict
from interlace.cli.benchmarking import (
    Output,
    Repeat,
    Start,
    Strict,
    Timeout,
    absolute,
    check_files,
    conclude,
    measured,
    scratch_folder,
)
from interlace.configuration.cores import available_cores

Text = Annotated[Path | None, typer.Option(help="Text to train and pack; default: War and Peace, else artificial.")]
Dropout = Annotated[float, typer.Option(min=0, max=0.9, help="Dropout of the rows mlm and clm, on both sides.")]
AttentionDropout = Annotated[float, typer.Option(min=0, max=0.9, help="Dropout of attention weights in these rows.")]

app = typer.Typer(no_args_is_help=True, help="Measure Interlace and comparable libraries on this machine.")


app.command()(bench_predict.predict)
app.command("own-data")(bench_own_data.own_data)
app.command("own-data-sets")(bench_own_data.own_data_sets)


@app.callback()
def bench() -> None:
    """Measure Interlace and comparable libraries on this machine."""


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
    output: Output = None,
    repeat: Repeat = 3,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each side; default: all cores.")] = None,
    text: Text = None,
    ngram_text: Annotated[Path | None, typer.Option(help="Text of the ngram row; default: as --text.")] = None,
    megabytes: Annotated[float, typer.Option(min=0.1, help="Size of the text of the pack row.")] = 27.0,
    dropout: Dropout = 0.1,
    attention_dropout: AttentionDropout = 0.0,
    nanogpt: Annotated[Path | None, typer.Option(help="Checkout of nanoGPT, for the shakespeare row.")] = None,
    lmplz: Annotated[Path | None, typer.Option(help="KenLM's lmplz, for the ngram row; default: from PATH.")] = None,
    timeout: Timeout = None,
    quick: Annotated[bool, typer.Option(help="Hardly any steps: to see it run; numbers mean nothing.")] = False,
    strict: Strict = False,
) -> None:
    """Run language-model tasks with Interlace and with a peer library in turn, and print the ratio of their speeds.

    Each side is a process of its own with all cores; let nothing else run. A row whose peer is not installed is
    skipped, with the missing requirement named. Exit code 1 when a command that was started failed.
    """
    from interlace.bench import benchmark, machine
    from interlace.bench.inputs import Inputs
    from interlace.bench.language_models import ROWS, Options, chosen, parts_of

    names = chosen(rows or [])
    check_files({"--text": text, "--ngram-text": ngram_text, "--nanogpt": nanogpt, "--lmplz": lmplz})
    options = Options(
        threads=threads or available_cores(),
        repeats=repeat,
        timeout=timeout,
        quick=quick,
        text=absolute(text),
        ngram_text=absolute(ngram_text),
        megabytes=1.0 if quick else megabytes,
        dropout=dropout,
        attention_dropout=attention_dropout,
        nanogpt=absolute(nanogpt),
        lmplz=absolute(lmplz),
        cuda=bool(machine.gpus()),
    )
    with scratch_folder() as (folder, tell):
        environment = benchmark.environment(folder, options.threads)
        inputs = Inputs(folder / "inputs")
        started = Start()
        tell("making the inputs")
        source = benchmark.make_inputs(inputs, parts_of(names, cuda=options.cuda), options, environment)
        built = [ROWS[row].build(options, inputs) for row in names]
        outcomes = measured(built, options, output, environment, folder, tell, started, source)
    conclude(outcomes, strict)


@app.command()
def fusion(
    rows: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ROWS]...",
            help="Of modalities, tokens, study; all when none is named.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    repeat: Repeat = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the cost curves; default: all cores.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Runs of the study at a time; default: one a core.")] = None,
    timeout: Timeout = None,
    quick: Annotated[bool, typer.Option(help="Hardly any steps: to see it run; numbers mean nothing.")] = False,
    strict: Strict = False,
) -> None:
    """Measure how costs of fusion strategies grow, and how many runs a minute a study of them makes.

    modalities and tokens: exponents of FLOPs and time in the number of modalities and of tokens; 1 is a linear cost.
    study: 14 strategies x 5 seeds on av_digits over frozen encoders whose tokens are cached, many runs a process;
    compared with one run of each strategy without the cache, each by an `interlace train` (the ratio) or a forked
    process. Training the encoders is not part of the measured time.
    """
    from interlace.bench import benchmark
    from interlace.bench.fusion import ROWS, Options, chosen, make_encoders, missing_data

    names = chosen(rows or [])
    cores = available_cores()
    options = Options(
        threads=threads or cores, repeats=repeat, timeout=timeout, quick=quick, jobs=jobs or cores
    )  # fmt: skip
    with scratch_folder() as (folder, tell):
        environment = benchmark.environment(folder, options.threads)
        started = Start()
        if "study" in names and missing_data() is None:
            tell("training the encoders")
            make_encoders(options, folder / "encoders", environment)
        built = [ROWS[row](options, folder / "encoders") for row in names]
        outcomes = measured(built, options, output, environment, folder, tell, started, None)
    conclude(outcomes, strict)


@app.command()
def study(
    rows: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ROWS]...", help="Of study, start; both when none is named.", show_default=False),
    ] = None,
    output: Output = None,
    repeat: Repeat = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Cores of each side; default: all.")] = None,
    timeout: Timeout = None,
    quick: Annotated[bool, typer.Option(help="Four runs a side: to see it run; numbers mean nothing.")] = False,
    strict: Strict = False,
) -> None:
    """Measure runs a minute of a study of small models, compared with a Hydra multirun of a template's script.

    study: 8 fusion strategies x 5 seeds of 100 steps, whole commands from start to end; Interlace makes one run per
    core at a time, the peer (a script in the form of lightning-hydra-template, with the same models and data) one run
    after the other with all cores. start: seconds from the command to the first training step. Let nothing else run.
    """
    from interlace.bench import benchmark
    from interlace.bench.study import ROWS, Options, chosen, warm_up

    names = chosen(rows or [])
    cores = threads or available_cores()
    options = Options(threads=cores, repeats=repeat, timeout=timeout, quick=quick, jobs=cores)
    with scratch_folder() as (folder, tell):
        environment = benchmark.environment(folder, cores)
        started = Start()
        tell("one run of each side, to compile the imported modules")
        warm_up(options, folder / "warm-up", environment)
        outcomes = measured(
            [ROWS[row](options) for row in names], options, output, environment, folder, tell, started, None
        )
    conclude(outcomes, strict)


@app.command()
def data(
    rows: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ROWS]...", help="Of check, prepare, batches; all when none is named.", show_default=False
        ),
    ] = None,
    output: Output = None,
    lines: Annotated[int, typer.Option(min=100, help="Lines of the manifest that is made.")] = 1_000_000,
    repeat: Repeat = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads or processes of each side; default: all cores.")
    ] = None,
    timeout: Timeout = None,
    quick: Annotated[bool, typer.Option(help="Few lines: to see it run; numbers mean nothing.")] = False,
    strict: Annotated[bool, typer.Option(help="Exit code 1 also for a skipped row.")] = False,
) -> None:
    """Measure seconds and peak memory for a large manifest of texts and feature vectors, and for Hugging Face datasets.

    check: `interlace data check`. prepare: from the file to arrays of ids and vectors, with nothing cached; the peer
    loads JSON, counts words and maps. batches: one shuffled pass of padded training batches. Let nothing else run.
    """
    from interlace.bench import benchmark
    from interlace.bench.data import FEWEST, ROWS, Options, chosen, make_manifest

    names = chosen(rows or [])
    options = Options(
        threads=threads or available_cores(), repeats=repeat, timeout=timeout, quick=quick,
        lines=min(lines, FEWEST) if quick else lines,
    )  # fmt: skip
    with scratch_folder() as (folder, tell):
        environment = benchmark.environment(folder, options.threads)
        started = Start()
        tell(f"writing a manifest of {options.lines:,} lines")
        manifest = folder / "inputs" / "manifest.jsonl"
        make_manifest(options, manifest, environment)
        built = [ROWS[row](options, manifest) for row in names]
        outcomes = measured(built, options, output, environment, folder, tell, started, None)
    conclude(outcomes, strict)


@app.command()
def tasks(
    rows: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ROWS]...",
            help="Of index, query, dense, beams, beams-equal, reading; all when none is named.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    passages: Annotated[int, typer.Option(min=1000, help="Passages that are made, and vectors.")] = 100_000,
    repeat: Repeat = 3,
    timeout: Timeout = None,
    quick: Annotated[bool, typer.Option(help="Small data and models: to see it run; numbers mean nothing.")] = False,
    strict: Strict = False,
) -> None:
    """Measure retrieval, beam search and reading with one thread, in seconds of processor time, beside peers.

    index, query: BM25 of generated passages, and bm25s alone with the same terms. dense: the nearest vectors, and numpy
    and torch. beams, beams-equal: a T5, and `generate` of transformers with the same weights. reading: windows in
    batches of similar length, and in the order of the file. Results that differ between the sides are a failure.
    """
    from interlace.bench import benchmark
    from interlace.bench.tasks.rows import FEWEST, RETRIEVAL_ROWS, ROWS, Options, chosen, make_passages

    names = chosen(rows or [])
    options = Options(
        threads=1, repeats=repeat, timeout=timeout, quick=quick, passages=min(passages, FEWEST) if quick else passages
    )
    with scratch_folder() as (folder, tell):
        environment = benchmark.environment(folder, options.threads)
        started = Start()
        if set(names) & set(RETRIEVAL_ROWS):
            tell(f"writing {options.passages:,} passages")
            make_passages(options, folder / "inputs", environment)
        built = [ROWS[row](options, folder / "inputs") for row in names]
        outcomes = measured(built, options, output, environment, folder, tell, started, None)
    conclude(outcomes, strict)


@app.command()
def serve(
    rows: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ROWS]...", help="Of load, attack; both when none is named.", show_default=False),
    ] = None,
    output: Output = None,
    clients: Annotated[int, typer.Option(min=1, help="Clients at one time.")] = 50,
    seconds: Annotated[int, typer.Option(min=1, help="Seconds of each side.")] = 60,
    repeat: Repeat = 1,
    timeout: Timeout = None,
    quick: Annotated[bool, typer.Option(help="Few seconds and clients: to see it run; numbers mean nothing.")] = False,
    strict: Strict = False,
) -> None:
    """Measure `interlace serve` under load and under attack, with a small run that is trained first.

    load: questions with a picture and a sound from parallel clients on the loopback, every answer compared with that of
    predict, and the same model called in a loop; requests per second, their times, and the server's memory. attack: a
    request beside 200 connections that send a byte now and then, and the seconds until these are closed.
    """
    from interlace.bench import benchmark
    from interlace.bench.serving.rows import ROWS, Options, chosen, make_inputs
    from interlace.cli.serve import check_extra

    check_extra("bench serve")
    names = chosen(rows or [])
    options = Options(
        threads=1, repeats=repeat, timeout=timeout, quick=quick, clients=min(clients, 5) if quick else clients,
        seconds=min(seconds, 3) if quick else seconds,
    )  # fmt: skip
    with scratch_folder() as (folder, tell):
        environment = benchmark.environment(folder, options.threads)
        started = Start()
        tell("training a small run")
        make_inputs(options, folder / "inputs", environment)
        built = [ROWS[row](options, folder / "inputs") for row in names]
        outcomes = measured(built, options, output, environment, folder, tell, started, None)
    conclude(outcomes, strict)


@app.command()
def export(
    fusion: Annotated[
        str, typer.Option(help="Strategies, comma-separated, or all.")
    ] = "concat,attention,gated,low_rank,bottleneck",
    encoder: Annotated[str, typer.Option(help="Modalities whose encoders are exported alone.")] = "text,audio",
    formats: Annotated[str, typer.Option("--format", help="Of torch_export, onnx; both.")] = "torch_export,onnx",
    output: Output = None,
    quick: Annotated[bool, typer.Option(help="Few examples and one epoch: to see it run.")] = False,
) -> None:
    """Train a classifier of the scenes by each strategy, export it, and compare the export with the run.

    Differences are the largest over the whole test split, times the median of a batch, with one thread in milliseconds
    of processor time. Exit code 1 when a strategy cannot be exported.
    """
    from interlace.bench.exports import chosen, measure, table
    from interlace.tracking.files import write_json

    parts = chosen(fusion, encoder, formats)
    with scratch_folder() as (folder, tell):
        rows = measure(parts, folder, quick, tell)
    print(table(rows), end="")
    if output is not None:
        write_json(output, rows)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


@app.command()
def statistics(
    output: Annotated[
        Path | None, typer.Option(help="Also write everything as JSON to this file, and README.md to its folder.")
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Simulated studies of each kind.")] = 1000,
) -> None:
    """Measure false positive rates and coverage of reports on simulated studies whose true differences are known.

    Results over seeds that are normal, heavy-tailed, of unequal variance, bimodal or near 100%, and test items in
    clusters; 2 to 20 arms with 3 to 10 seeds, all equal or one better. One core, some minutes.
    """
    from rich.console import Console

    from interlace.bench.statistics import simulate, told
    from interlace.bench.statistics_tables import show, write_readme
    from interlace.cli.console import status_line
    from interlace.tracking.files import write_json

    with status_line() as tell:
        cells = list(simulate(repeat, tell))
    if output is not None:
        write_json(output, told(cells, repeat, sys.argv[1:]))
        write_readme(output.parent / "README.md", cells)
    show(cells, Console())
