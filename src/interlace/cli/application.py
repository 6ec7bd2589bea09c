"""The tree of verbs, and how each way of ending becomes an exit code."""

import errno
import os
import sys
from pathlib import Path
from typing import Any

import typer

from interlace.cli import (
    analyze,
    bench,
    bundle,
    compare,
    config,
    corpus,
    data,
    environment,
    evaluate,
    generate,
    launch,
    listing,
    predict,
    pretrained,
    reproduce,
    study,
    sweep,
    sync,
    tokenizer,
    train,
    tune,
    vectors,
)
from interlace.errors import RunFailure, UserError

app = typer.Typer(
    name="interlace",
    help="Compare multimodal fusion strategies, and learn which wins, by how much and how sure that is.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Overrides such as ~key or +key=1 are arguments; a mistyped --option is still refused.
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("reproduce")(reproduce.reproduce)
app.command("compare")(compare.compare)
app.command("analyze")(analyze.analyze)
app.command("bundle")(bundle.bundle)
app.command("unbundle")(bundle.unbundle)
app.command("list")(listing.list_names)
app.command("sync")(sync.sync)
app.command("env")(environment.environment)
app.add_typer(study.app, name="study")
app.add_typer(sweep.app, name="sweep")
app.add_typer(launch.app, name="launch")
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
app.add_typer(tokenizer.app, name="tokenizer")
app.add_typer(corpus.app, name="corpus")
app.add_typer(pretrained.app, name="pretrained")
app.add_typer(vectors.app, name="vectors")
app.add_typer(tune.app, name="tune")
app.add_typer(bench.app, name="bench")

# Of whichever click this typer uses: older ones the package, newer ones a copy of their own.
WrongUsage: Any = typer.BadParameter.__bases__[0]


def run(arguments: list[str]) -> int:
    """Runs one command line; returns 0 done, 1 a run failed, 2 wrong usage or configuration, 128+n signal n."""
    try:
        result = app(args=arguments, standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except WrongUsage as error:
        error.show()
        return 2
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except (UserError, RunFailure) as error:
        print(f"interlace: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        return _say_storage(error)
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if isinstance(code, int):  # Preempted
            print(f"interlace: {error}; the same command goes on from here", file=sys.stderr)
            return code
        raise
    return result if isinstance(result, int) else 0


def _say_storage(error: OSError) -> int:
    """A full or read-only disk that nothing below has named; other errors of the system are passed on."""
    from interlace.tracking.storage import FULL, storage_error

    told = storage_error(Path(os.fsdecode(error.filename or ".")).absolute(), error)
    if told is None or error.errno not in FULL | {errno.EROFS}:
        raise error
    print(f"interlace: {told}", file=sys.stderr)
    return told.exit_code
