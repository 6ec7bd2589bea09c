"""The command tree, and the exit code for each kind of error."""

import errno
import io
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from interlace.cli import (
    analyze,
    ask,
    bench,
    bundle,
    chat,
    compare,
    config,
    corpus,
    correct,
    data,
    environment,
    evaluate,
    export,
    generate,
    index,
    judge,
    launch,
    listing,
    new,
    predict,
    pretrained,
    reproduce,
    serve,
    study,
    summarize,
    sweep,
    sync,
    test,
    tokenizer,
    train,
    translate,
    tune,
    usage,
    vectors,
)
from interlace.errors import RunFailure, UserError, one_line

app = typer.Typer(
    name="interlace",
    help="Compare multimodal fusion strategies, and learn which wins, by how much and how sure that is.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        from interlace import __version__

        print(f"interlace {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin",
            metavar="PACKAGE",
            help="Also use the components and conf/ of this importable package; repeatable, anywhere on the line. "
            "Installed packages with an entry point interlace.plugins are used without it.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Compare multimodal fusion strategies, and learn which wins, by how much and how sure that is."""
    if plugin:
        from interlace.configuration.plugins import named_plugins

        context.with_resource(named_plugins(plugin))


# Overrides such as ~key or +key=1 are arguments; a mistyped --option is still refused.
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("ask")(ask.ask)
app.command("index")(index.index)
app.command("translate")(translate.translate)
app.command("chat")(chat.chat)
app.command("correct")(correct.correct)
app.command("summarize")(summarize.summarize)
app.command("serve")(serve.serve)
app.command("reproduce")(reproduce.reproduce)
app.command("compare")(compare.compare)
app.command("analyze")(analyze.analyze)
app.command("export")(export.export)
app.command("bundle")(bundle.bundle)
app.command("unbundle")(bundle.unbundle)
app.command("list")(listing.list_names)
app.command("new")(new.new)
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
app.add_typer(test.app, name="test")
app.add_typer(judge.app, name="judge")

# The base class in the click that this typer uses: the installed package, or for newer versions a vendored copy.
WrongUsage: Any = typer.BadParameter.__bases__[0]


def run(arguments: list[str]) -> int:
    """Runs one command line; returns 0 for success, 1 for a failed run, 2 for wrong usage or configuration, 128+n for
    signal n.

    Every error is printed as one sentence. An unexpected exception is reported as a fault of interlace, with the file
    that holds its traceback.
    """
    _print_anything()
    try:
        result = app(args=_global_options_first(arguments), prog_name="interlace", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except WrongUsage as error:
        return _say_usage(error, arguments)
    except KeyboardInterrupt:
        return 130
    except typer.Abort as stop:  # click raises it for KeyboardInterrupt and for EOFError, which a damaged file raises
        return 130 if not isinstance(stop.__cause__, EOFError) else say_error(stop.__cause__)
    except Exception as error:
        return say_error(error)
    return result if isinstance(result, int) else 0


def _global_options_first(arguments: list[str]) -> list[str]:
    """The command line with each `--plugin PACKAGE` before the verb, where click expects options of the program."""
    first: list[str] = []
    rest: list[str] = []
    given = iter(arguments)
    for each in given:
        if each == "--":
            rest += [each, *given]
        elif each == "--plugin":
            package = next(given, None)
            if package is None:
                raise UserError("--plugin: expected the import name of a package after it, as in --plugin my_package")
            first += [each, package]
        elif each.startswith("--plugin="):
            first.append(each)
        else:
            rest.append(each)
    return [*first, *rest]


def _print_anything() -> None:
    """Print characters that a stream cannot encode (other scripts on an ASCII terminal, file names that are not valid
    text) as escapes instead of raising UnicodeEncodeError.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say_usage(error: Any, arguments: list[str]) -> int:
    """Prints wrong usage in one line; a command without arguments prints its help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    command = error.ctx.command_path if getattr(error, "ctx", None) is not None else "interlace"
    option = getattr(error, "option_name", "")
    of_hydra = usage.hydra_sentence(option, arguments)
    renamed = usage.renamed_sentence(command, arguments[len(command.split()) - 1 :])
    renamed = renamed or usage.moved_sentence(command, option)
    message = " ".join(error.format_message().split())
    usual = f"{command}: {message.rstrip('.')}; see {command} --help"
    print(renamed or (f"{command}: {of_hydra}" if of_hydra else usual), file=sys.stderr)
    return 2


def say_error(error: BaseException) -> int:
    """Prints the error that ended a command; returns its exit code."""
    code = getattr(error, "exit_code", None)
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        return 1
    if isinstance(error, UserError | RunFailure):
        print(f"interlace: {error}", file=sys.stderr)
        return error.exit_code
    if isinstance(code, int):  # Preempted
        print(f"interlace: {error}; the same command continues from here", file=sys.stderr)
        return code
    known = _system_error(error) if isinstance(error, OSError) else None
    print(f"interlace: {known or _unexpected_error(error)}", file=sys.stderr)
    return getattr(known, "exit_code", 1)


def _system_error(error: OSError) -> UserError | RunFailure | None:
    """The UserError or RunFailure for a failed operating-system call on a file; None where the call names no file."""
    from interlace.tracking.storage import CLOSED, FULL, storage_error

    if error.errno in FULL | {errno.EROFS}:
        return storage_error(Path(os.fsdecode(error.filename or ".")).absolute(), error)
    if error.filename is None or isinstance(error.filename, int):
        return None
    name = os.fsdecode(error.filename2 if error.filename2 is not None else error.filename)
    if error.errno == errno.ENOENT:
        return UserError(f"{name}: no such file or folder")
    if error.errno == errno.EISDIR:
        return UserError(f"{name}: a folder, where a file is expected")
    if error.errno in CLOSED | {errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}:
        return UserError(f"{name}: cannot be opened ({os.strerror(error.errno or 0)})")
    return None


def _unexpected_error(error: BaseException) -> str:
    """The message for an unexpected exception, whose traceback is written to a temporary file."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, name = tempfile.mkstemp(prefix="interlace-fault-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError:
        name = "nowhere, as no temporary file can be written"
    return f"a fault of interlace itself, {one_line(error)}; the traceback is in {name}"
