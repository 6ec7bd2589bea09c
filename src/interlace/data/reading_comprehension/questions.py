"""Reading of questions with their contexts and answers; errors name every question that cannot be used by its id."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from interlace.data.encoding import check_text
from interlace.data.manifest.lines import identity, read_lines
from interlace.data.manifest.splitting import NAMES, SPLITS, split_of
from interlace.data.problems import BadExample
from interlace.data.squad_layout import LAYOUT, read_articles
from interlace.errors import UserError

SHOWN = 20  # problems that an error lists
Mapped = Mapping[str, Any]


class Answer(NamedTuple):
    """A text and the number of characters of the context before it."""

    text: str
    start: int


class Question(NamedTuple):
    """A question about a context; `answers` are its different answers there, none where it cannot be answered."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]
    article: str
    split: str | None


class Found(NamedTuple):
    """Questions in the order of the file, and of each that cannot be used its id, a reason and a detail."""

    questions: list[Question]
    problems: list[tuple[str, str, str]]


def read_questions(path: Path, on_error: Literal["raise", "skip"]) -> Found:
    """Read a .json file in SQuAD's layout (1.1 or 2.0), another file with a question a line, or a folder with a file
    for each split, such as SQuAD's own: train-v1.1.json and dev-v1.1.json.

    Raises UserError for what cannot be read, and for questions that cannot be used, unless `on_error` is "skip".
    """
    files = _split_files(path) if path.is_dir() else {None: path}
    questions: list[Question] = []
    problems: list[tuple[str, str, str]] = []
    known: set[str] = set()
    for split, file in files.items():
        for name, made in _from_squad(file) if file.suffix.lower() == ".json" else _from_lines(file):
            try:
                question = _question(name, *made)
                if question.id in known:
                    raise BadExample("repeated id", "an earlier question has it as well")
            except BadExample as bad:
                problems.append((name, bad.reason, bad.detail))
                continue
            known.add(question.id)
            questions.append(question if split is None else question._replace(split=split))
    if problems and on_error == "raise":
        raise told(path, problems)
    if not questions:
        raise UserError(f"{path}: no question in it that can be used; expected {LAYOUT}, or a question a line")
    return Found(questions, problems)


def told(path: Path, problems: Sequence[tuple[str, str, str]]) -> UserError:
    """One error for all questions that cannot be used; it lists up to twenty."""
    shown = [f"  question {name}: {reason}: {detail}" for name, reason, detail in problems[:SHOWN]]
    more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    number = "1 question" if len(problems) == 1 else f"{len(problems)} questions"
    return UserError(
        "\n".join([f"{path}: {number} cannot be used (correct, or leave out by data.on_error=skip):", *shown, *more])
    )


def _split_files(folder: Path) -> dict[str | None, Path]:
    """Files by split: the word before a hyphen or the suffix names it, as in dev-v2.0.json."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        split = NAMES.get(path.stem.split("-")[0].lower())
        if split is None or path.suffix not in (".json", ".jsonl"):
            continue
        if split in found:
            raise UserError(f"{folder}: {found[split].name} and {path.name} are both its {split} split; keep one")
        found[split] = path
    if "train" not in found:
        raise UserError(f"{folder}: no training file in it; expected train.json or train.jsonl, and dev as well")
    if "test" not in found and "val" in found:  # SQuAD's test set is not public: dev is tested on
        found["test"] = found.pop("val")
    return {split: found[split] for split in SPLITS if split in found}


Made = tuple[Mapped, Any, str]  # the entry, its context, its article


def _from_squad(path: Path) -> Iterator[tuple[str, Made]]:
    """Id and content of every entry of a file in SQuAD's layout."""
    for article in read_articles(path):
        for context, entries in article.paragraphs:
            for entry in entries:
                yield str(entry.get("id"))[:80], (entry, context, article.title)


def _from_lines(path: Path) -> Iterator[tuple[str, Made]]:
    """Id and content of every line: question, context, answers, and if it has them id, title and split."""
    lines, broken = read_lines(path)
    if broken:
        raise UserError(f"{path}: {broken[0]}; expected a question a line, with its context and answers")
    for line in lines:
        record = dict(line.record)
        record["id"] = identity(line)
        yield record["id"], (record, record.get("context"), str(record.get("title") or record["id"]))


def _question(name: str, entry: Mapped, context: Any, article: str) -> Question:
    """A question of an entry; BadExample for one that cannot be used."""
    if entry.get("id") is None:
        raise BadExample("no id", f"{str(entry.get('question'))[:40]!r} needs one")
    question = check_text("question", entry.get("question"))
    context = check_text("context", context)
    answers = [_placed(text, start, context) for text, start in _answers(entry)]
    if not answers and not entry.get("is_impossible"):
        raise BadExample("no answer", 'expected `answers`, or "is_impossible": true')
    kept = () if entry.get("is_impossible") else tuple(dict.fromkeys(answers))
    return Question(name, question, context, kept, article, split_of(dict(entry)))


def _answers(entry: Mapped) -> list[tuple[Any, Any]]:
    """Text and start of each answer: a list of texts or of {"text", "answer_start"}, or two lists by those names."""
    value = entry.get("answers", entry.get("answer"))
    if value is None:
        return []
    if isinstance(value, Mapping):
        texts, starts = value.get("text"), value.get("answer_start")
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise BadExample("wrong type", "answers has no lists text and answer_start of one length")
        return list(zip(texts, starts, strict=True))
    found = []
    for each in value if isinstance(value, list) else [value]:
        found.append((each.get("text"), each.get("answer_start")) if isinstance(each, Mapping) else (each, None))
    return found


def _placed(text: Any, start: Any, context: str) -> Answer:
    """An answer at its place, without a start at the first; BadExample where the context does not have it there."""
    if not isinstance(text, str) or not text.strip():
        raise BadExample("empty answer", f"an answer is {str(text)[:40]!r}, expected a part of the context")
    first = context.find(text)
    if first < 0:
        raise BadExample("answer not in its context", f"the context does not have {text[:60]!r}")
    if start is None:
        return Answer(text, first)
    if isinstance(start, bool) or not isinstance(start, int):
        raise BadExample("wrong type", f"answer_start is {str(start)[:40]!r}, expected a number of characters")
    if start < 0 or context[start : start + len(text)] != text:
        raise BadExample(
            "answer elsewhere",
            f"at answer_start {start} the context has {context[max(start, 0) :][: len(text)][:60]!r} and "
            f"{text[:60]!r} at {first}",
        )
    return Answer(text, start)
