"""interlace vectors"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from interlace.cli.arguments import Json, existing

if TYPE_CHECKING:
    from interlace.metrics.word_vectors import AnalogyScore, SimilarityScore

app = typer.Typer(no_args_is_help=True, help="Inspect, evaluate and convert files of word vectors.")

VectorFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="word2vec text or binary, or GloVe text; .gz too.", callback=existing, show_default=False
    ),
]
Count = Annotated[int, typer.Option("--count", "-k", min=1, help="Number of words to show.")]
FormatName = Literal["word2vec-text", "word2vec-binary", "glove"]


@app.command()
def nearest(file: VectorFile, word: str, count: Count = 10, json: Json = False) -> None:
    """Show the words whose vectors are nearest to a word's, with their cosine."""
    from interlace.pretrained.word_vectors import WordVectors

    _show_words(WordVectors.load(file).nearest(word, count), json)


@app.command()
def analogy(file: VectorFile, a: str, b: str, c: str, count: Count = 5, json: Json = False) -> None:
    """Complete "A is to B as C is to ..." (`analogy FILE man king woman`)."""
    from interlace.pretrained.word_vectors import WordVectors

    _show_words(WordVectors.load(file).analogy(a, b, c, count), json)


@app.command()
def evaluate(
    file: VectorFile,
    analogies: Annotated[
        Path | None, typer.Option(help="Analogy questions; else word-analogy/questions-words.txt of INTERLACE_DATA.")
    ] = None,
    similarity: Annotated[
        list[Path] | None, typer.Option(help="Judged word pairs, repeatable; else word-similarity/EN-*.txt.")
    ] = None,
    case: Annotated[
        Literal["fold", "exact"], typer.Option(help="fold: upper and lower case are the same; exact: they differ.")
    ] = "fold",
    vocabulary_limit: Annotated[
        int, typer.Option(min=0, help="Analogies among the first N words of the file (compute-accuracy.c); 0 = all.")
    ] = 30000,
    json: Json = False,
) -> None:
    """Score word vectors on analogies and word similarity, and print how many questions they cover.

    With only one of --analogies and --similarity, the other is left out.
    """
    from interlace.metrics.word_vectors import analogy_scores, read_analogies, read_judged_pairs, similarity_score
    from interlace.pretrained.word_vectors import WordVectors

    if analogies is None and not similarity:
        analogies, similarity = _default_files()
    sections = read_analogies(analogies) if analogies else []
    judged = {path.stem: read_judged_pairs(path) for path in similarity or []}
    vectors = WordVectors.load(file)
    found_analogies = (
        analogy_scores(vectors.words, vectors.matrix, sections, case=case, vocabulary_limit=vocabulary_limit or None)
        if sections
        else []
    )
    found_similarity = [
        similarity_score(vectors.words, vectors.matrix, pairs, name=name, case=case) for name, pairs in judged.items()
    ]
    if json:
        _print_json({"analogies": _rows(found_analogies), "similarity": _rows(found_similarity)})
    else:
        _show_scores(found_analogies, found_similarity)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The file to read.", callback=existing)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write; .gz compresses it.")],
    source_format: Annotated[
        FormatName | None, typer.Option("--from", help="IN's format; default: detected from its content.")
    ] = None,
    target_format: Annotated[
        FormatName | None,
        typer.Option("--to", help="OUT's format; else by name: .bin binary, glove* GloVe, others word2vec text."),
    ] = None,
) -> None:
    """Rewrite word vectors in another format."""
    from interlace.pretrained.word_vectors import WordVectors

    vectors = WordVectors.load(source, source_format)
    vectors.save(target, target_format)
    print(f"{target}: {len(vectors)} words, {vectors.dim} dimensions")


def _default_files() -> tuple[Path | None, list[Path]]:
    from interlace.configuration.locations import data_folders
    from interlace.errors import UserError

    for folder in data_folders():
        questions = folder / "word-analogy" / "questions-words.txt"
        pairs = sorted((folder / "word-similarity").glob("EN-*.txt"))
        if questions.is_file() or pairs:
            return (questions if questions.is_file() else None), pairs
    raise UserError(
        "vectors evaluate: no word-analogy/questions-words.txt or word-similarity/EN-*.txt in the folders of "
        "INTERLACE_DATA; name files with --analogies and --similarity"
    )


def _rows(scores: "list[AnalogyScore] | list[SimilarityScore]") -> list[dict[str, Any]]:
    rows = []
    for score in scores:
        row = {**score._asdict(), "coverage": score.coverage}
        if "correct" in row:
            row["accuracy"] = score.accuracy  # type: ignore[union-attr]
        rows.append(row)
    return rows


def _print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def _show_words(found: list[tuple[str, float]], json: bool) -> None:
    if json:
        _print_json([{"word": word, "cosine": cosine} for word, cosine in found])
        return
    for word, cosine in found:
        print(f"{cosine:7.4f}  {word}")


def _show_scores(analogies: "list[AnalogyScore]", similarity: "list[SimilarityScore]") -> None:
    from rich.console import Console
    from rich.table import Table

    for title, metric, rows in (
        ("analogies", "accuracy", [(s.name, s.accuracy, s.asked, s.total, s.coverage) for s in analogies]),
        ("similarity", "Spearman", [(s.name, s.spearman, s.used, s.total, s.coverage) for s in similarity]),
    ):
        if not rows:
            continue
        table = Table(title, metric, "covered", "coverage", box=None)
        for name, value, used, total, coverage in rows:
            table.add_row(name, "-" if value is None else f"{value:.3f}", f"{used} of {total}", f"{coverage:.1%}")
        Console().print(table)
