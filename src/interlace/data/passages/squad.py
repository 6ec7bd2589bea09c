"""Questions of SQuAD (Rajpurkar et al. 2016) as queries, and its paragraphs as passages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlace.data.passages.collection import Collection, Queries, check_unique
from interlace.data.squad_layout import LAYOUT, Article, read_articles
from interlace.errors import UserError


def read_squad(path: Path, held_out: Mapping[str, int]) -> tuple[Collection, dict[str, Queries]]:
    """The paragraphs in their order, named "TITLE/NUMBER", and the questions split by article.

    `held_out`: the number of articles of "test", the last ones of the file, and of "val", those before them. A question
    has one relevant passage, its own paragraph, which is also its cluster: questions of a paragraph share how easily it
    is found. Questions without an answer (SQuAD 2.0) are left out, as no passage answers them.
    """
    articles = read_articles(path)
    left = len(articles) - sum(held_out.values())
    if left < 1:
        raise UserError(
            f"{path}: it has {len(articles)} articles, and data.val_articles={held_out['val']} and "
            f"data.test_articles={held_out['test']} leave none to train on; lower them"
        )
    collection = Collection([], [], [])
    splits = {"train": Queries(), "val": Queries(), "test": Queries()}
    for number, article in enumerate(articles):
        split = "train" if number < left else "val" if number < left + held_out["val"] else "test"
        _add(article, f"{path}: article {number + 1}", collection, splits[split])
    names = [name for queries in splits.values() for name in queries.ids]
    check_unique(names, str(path), "the question")
    check_unique(collection.ids, str(path), "the paragraph")
    return collection, splits


def _add(article: Article, where: str, collection: Collection, queries: Queries) -> None:
    try:
        for number, paragraph in enumerate(article.paragraphs):
            name = f"{article.title}/{number}"
            row = len(collection)
            collection.ids.append(name)
            collection.titles.append(article.title.replace("_", " "))
            collection.texts.append(_string(paragraph.context))
            for question in paragraph.entries:
                given = [_string(answer["text"]) for answer in question.get("answers", [])]
                text = _string(question["question"]).strip()
                if not text:
                    raise UserError(f"{where}: the question {question['id']!r} has no words; correct or remove it")
                if not question.get("is_impossible"):
                    queries.add(str(question["id"]), text, {row: 1}, name, list(dict.fromkeys(given)))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{where}: {type(error).__name__} {error}; expected {LAYOUT}") from None


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return value
