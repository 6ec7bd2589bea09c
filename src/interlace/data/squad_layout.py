"""Files in the layout of SQuAD (Rajpurkar et al. 2016): articles, their paragraphs, and the questions of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.documents import read_json

LAYOUT = 'SQuAD\'s layout, {"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers"}]}]}]}'


class Paragraph(NamedTuple):
    """A context, which is not checked, and the entries of its questions."""

    context: Any
    entries: list[Mapping[str, Any]]


class Article(NamedTuple):
    """A title, the article's number where it has none, and paragraphs."""

    title: str
    paragraphs: list[Paragraph]


def read_articles(path: Path) -> list[Article]:
    """Read a file, at least one article. Raises UserError for another layout."""
    note(path)
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {LAYOUT} (data.path=FILE)") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected {LAYOUT}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); expected {LAYOUT}") from None
    articles = []
    for number, article in enumerate(_list(path, content, "data", "the file"), 1):
        where = f"article {number}"
        paragraphs = _list(path, article, "paragraphs", where)
        read = [_paragraph(path, each, f"{where}, paragraph {place}") for place, each in enumerate(paragraphs, 1)]
        articles.append(Article(str(article.get("title") or number), read))
    if not articles:
        raise UserError(f"{path}: no article in it; expected {LAYOUT}")
    return articles


def _paragraph(path: Path, content: Any, where: str) -> Paragraph:
    entries = _list(path, content, "qas", where)
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise UserError(f"{path}: {where}: an entry of qas is {str(entry)[:40]!r}; expected {LAYOUT}")
    return Paragraph(content.get("context"), entries)


def _list(path: Path, content: Any, key: str, where: str) -> list[Any]:
    value = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(value, list):
        raise UserError(f"{path}: {where} has no list {key!r}; expected {LAYOUT}")
    return value
