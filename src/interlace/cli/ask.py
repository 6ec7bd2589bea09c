"""interlace ask"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlace.cli.arguments import INDEX_FILE, RUN_FILES, Json, existing, run_directory
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.apps.answers import Media, MediaKind


def ask(
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar='RUN|INDEX... "QUESTION"', help="Run directories and indexes, and last the question in words."
        ),
    ],
    image: Annotated[list[Path] | None, typer.Option(help="A picture; repeatable.")] = None,
    audio: Annotated[list[Path] | None, typer.Option(help="A sound; repeatable.")] = None,
    video: Annotated[list[Path] | None, typer.Option(help="A video; repeatable.")] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TEXT", help="A text for one modality by name; repeatable.")
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="The target language, such as '>>de<<', of a model of several.")
    ] = None,
    reader: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="A run of task=span that answers from passages of an index.")
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(help="Triples (.nt, .ttl, .tsv) in place of those of a graph run.", callback=existing)
    ] = None,
    passages: Annotated[int, typer.Option(min=1, max=100, help="Passages that an index finds and a reader reads.")] = 5,
    coverage: Annotated[
        float,
        typer.Option(
            min=0, max=0.9999, help="Probability that an answer set holds the right answer; 0: no answer sets."
        ),
    ] = 0.9,
    no_answer: Annotated[str, typer.Option(help="What is said where the answer is not known.")] = "I do not know",
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="What each modality contributed, and what was looked at.")
    ] = True,
    json: Json = False,
) -> None:
    """Ask trained runs and indexes a question in words, with pictures, sounds and videos.

    Told are the answer, its probability, an answer set calibrated on the run's validation data, and the sources.
    """
    places, question = _places_and_question(asked)
    media = [*_media("image", image), *_media("audio", audio), *_media("video", video)]
    texts = dict(_named(each) for each in text or ())
    if reader is not None:
        run_directory(reader)
    options = {
        "coverage": coverage or None,
        "no_answer": no_answer,
        "reader": reader,
        "graph": graph,
        "depth": passages,
    }
    _ask(places, {"text": question, "texts": texts, "media": tuple(media), "tag": tag}, options, explain, json)


def _ask(places: list[Path], question: dict[str, Any], options: dict[str, Any], explain: bool, as_json: bool) -> None:
    """Open the runs and indexes, ask them and print the answers; the error of all, where all have one, is raised."""
    import json

    from interlace.apps.answers import Question
    from interlace.apps.asking import ask as ask_all
    from interlace.apps.opening import open_answerers
    from interlace.apps.telling import plain, tell
    from interlace.cli.console import status_line, tell_stale

    with status_line() as say:
        say("opening")
        answerers = open_answerers(places, **options)  # type: ignore[arg-type]
        say("answering")
        replies = ask_all(answerers, Question(**question), explain=explain)
    for place in places:
        if not (place / INDEX_FILE).is_file():
            tell_stale(place)
    errors = [reply for reply in replies.values() if isinstance(reply, UserError)]
    if len(errors) == len(replies):
        raise errors[0]
    if as_json:
        print(json.dumps(plain(replies), indent=2, ensure_ascii=False))
    else:
        tell(replies)


def _places_and_question(asked: list[str]) -> tuple[list[Path], str | None]:
    """The runs and indexes, and the question behind them; None where all are runs or indexes."""
    last = None if _is_place(Path(asked[-1])) else asked[-1]
    places = [Path(each) for each in (asked if last is None else asked[:-1])]
    if not places:
        raise UserError(
            f"{asked[0][:80]!r}: expected the directory of a run or an index before the question, as in interlace ask "
            'RUN_DIR "what is red?"'
        )
    for place in places:
        if not _is_place(place):
            why = "it has neither config.yaml nor index.json" if place.is_dir() else "no such folder"
            raise UserError(f"{place}: neither a run directory nor an index ({why}); put the question last, in quotes")
    return places, last


def _is_place(path: Path) -> bool:
    return any((path / name).is_file() for name in (*RUN_FILES, INDEX_FILE))


def _media(kind: "MediaKind", paths: list[Path] | None) -> "list[Media]":
    """The files of one kind; UserError where one cannot be read."""
    from interlace.apps.answers import Media
    from interlace.inputs import note
    from interlace.reading.files import read_bytes

    found = []
    for path in paths or ():
        existing(path)
        try:
            note(path)
            found.append(Media(kind, read_bytes(path, "document_bytes"), path.suffix.lower()))
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    return found


def _named(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise UserError(f"--text {text[:80]!r}: expected NAME=TEXT, such as --text context='Ada wrote it.'")
    return name.strip(), value
