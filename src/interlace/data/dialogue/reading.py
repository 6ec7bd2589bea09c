"""Reading of conversations: JSON lines with messages, and the layout of Taskmaster-4."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from interlace.data.dialogue.messages import Message, read_messages, replies
from interlace.data.problems import BadExample, Problem, error_for
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.compressed import read_decompressed
from interlace.reading.documents import parse_json, read_json
from interlace.reading.lines import text_lines

TASKMASTER_FILES = {"train": "data_00.json", "test": "data_07.json"}
REMEDY = "correct or remove them"


class Conversation(NamedTuple):
    """The messages of a conversation and its id, which is unique in a file."""

    id: str
    messages: list[Message]


def read_folder(folder: Path, val_fraction: float) -> dict[str, list[Conversation]]:
    """Read the splits of a folder: train.jsonl, test.jsonl and optionally val.jsonl (each also with .gz), or those of
    Taskmaster-4, data_00.json (training) and data_07.json (test).

    A line is `{"messages": [{"role": ..., "content": ...}, ...]}`, possibly with an "id". Without val.jsonl, the share
    `val_fraction` of the training conversations is held out by a hash of their messages.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected train.jsonl and test.jsonl with conversations in it")
    if (folder / TASKMASTER_FILES["train"]).is_file():
        found = {split: _read_taskmaster(folder / name) for split, name in TASKMASTER_FILES.items()}
    else:
        paths = {split: _existing(folder / f"{split}.jsonl") for split in ("train", "val", "test")}
        for split in ("train", "test"):
            if paths[split] is None:
                raise UserError(f"{folder}: {split}.jsonl is missing; expected a line for each conversation in it")
        found = {split: _read_lines(path) for split, path in paths.items() if path is not None}
    if "val" not in found:
        held = [_is_held_out(each, val_fraction) for each in found["train"]]
        found["val"] = [each for each, out in zip(found["train"], held, strict=True) if out]
        found["train"] = [each for each, out in zip(found["train"], held, strict=True) if not out]
        if not found["val"] or not found["train"]:
            raise UserError(
                f"{folder}: data.val_fraction={val_fraction} of so few conversations leaves none for training or for "
                "validation; add val.jsonl, or change it"
            )
    return {split: found[split] for split in ("train", "val", "test")}


def _existing(path: Path) -> Path | None:
    zipped = path.with_name(path.name + ".gz")
    note(path, zipped)
    return path if path.is_file() else zipped if zipped.is_file() else None


def _read_lines(path: Path) -> list[Conversation]:
    """Read one conversation a line; blank lines are skipped. Raises UserError that lists all bad lines."""
    try:
        lines = text_lines(read_decompressed(path), path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); expected JSON lines") from None
    records = ((number, _record(line, path)) for number, line in enumerate(lines, 1) if line.strip())
    return _conversations(path, records)


def _record(line: str, path: Path) -> Any:
    try:
        return parse_json(line, path)
    except ValueError:
        return None


def _read_taskmaster(path: Path) -> list[Conversation]:
    """Read a file of Taskmaster-4: a list of {"conversation_id", "utterances": [{"speaker", "text"}]}."""
    note(path)
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}); expected a file of Taskmaster-4") from None
    if not isinstance(content, list):
        raise UserError(f"{path}: expected a list of conversations, as in Taskmaster-4, got a {type(content).__name__}")
    return _conversations(path, ((number, _as_messages(each)) for number, each in enumerate(content, 1)))


def _as_messages(value: Any) -> Any:
    """Return a conversation of Taskmaster-4 as a record with messages."""
    utterances = value.get("utterances") if isinstance(value, dict) else None
    if not isinstance(utterances, list) or not all(isinstance(each, dict) for each in utterances):
        return None
    messages = [{"role": each.get("speaker"), "content": each.get("text")} for each in utterances]
    return {"id": value.get("conversation_id"), "messages": messages}


def _conversations(path: Path, records: Iterable[tuple[int, Any]]) -> list[Conversation]:
    found: dict[str, Conversation] = {}
    problems = []
    for number, record in records:
        try:
            if not isinstance(record, dict):
                raise BadExample("no conversation", 'expected an object with "messages"')
            messages = read_messages(record.get("messages"))
            if not replies(messages):
                raise BadExample("no reply", "no message is of the assistant, so that there is nothing to learn")
            name = str(number) if record.get("id") is None else str(record["id"])
            if name in found:
                raise BadExample("repeated id", f"the id {name[:40]!r} is that of an earlier conversation")
            found[name] = Conversation(name, messages)
        except BadExample as bad:
            problems.append(Problem(number, bad.reason, bad.detail))
    if problems:
        raise error_for(str(path), problems, REMEDY)
    if not found:
        raise UserError(f'{path}: no conversations in it; expected lines such as {{"messages": [...]}}')
    return list(found.values())


def _is_held_out(conversation: Conversation, fraction: float) -> bool:
    text = "\0".join(part for message in conversation.messages for part in message)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < fraction * 2**64
