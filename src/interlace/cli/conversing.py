"""Conversations in `interlace generate`: replies to messages of a file, and turns from the standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.data.dialogue.messages import Message
    from interlace.models.generation import GenerationOptions

EXPECTED = 'expected {"messages": [{"role": "user", "content": "TEXT"}]}, in a .jsonl file one a line'


def answer_messages(directory: Path, file: Path, options: "GenerationOptions", *, seed: int, json: bool) -> None:
    """Print a reply to each conversation of a file; with `json`, its messages with the reply, a line each."""
    import json as encoder

    conversations = list(read_conversations(file))
    run = _dialogue_run(directory)
    for number, messages in enumerate(conversations, 1):
        conversation = run.conversation(options)
        conversation.add(messages)
        reply = conversation.reply(seed=seed)
        if json:
            record = {"messages": [each._asdict() for each in conversation.messages]}
            print(encoder.dumps(record, ensure_ascii=False), flush=True)
        else:
            if len(conversations) > 1:
                print(f"--- conversation {number}")
            print(reply, flush=True)


def chat(directory: Path, system: str | None, options: "GenerationOptions", *, seed: int, streamed: bool) -> None:
    """Reply to each line of the standard input as the user's next turn, until its end; blank lines are skipped."""
    from interlace.data.dialogue.messages import SYSTEM, USER, Message

    conversation = _dialogue_run(directory).conversation(options)
    if system is not None:
        conversation.add([Message(SYSTEM, _text("--system", system))])
    for line in _lines():
        conversation.add([Message(USER, _text("a turn", line.strip()))])
        on_token = (lambda piece: print(piece.text, end="", flush=True)) if streamed else None
        reply = conversation.reply(seed=seed, on_token=on_token)
        print("" if streamed else reply, flush=True)


def read_conversations(file: Path) -> "Iterator[list[Message]]":
    """Read the conversations of a .json or .jsonl file, each of which ends with a message of the user."""
    from interlace.data.dialogue.messages import read_prompt
    from interlace.data.problems import BadExample
    from interlace.reading.documents import parse_json
    from interlace.reading.files import read_bytes
    from interlace.reading.lines import text_lines

    try:
        lines = text_lines(read_bytes(file), file)
    except OSError as error:
        raise UserError(f"{file}: cannot read messages ({error.strerror or error})") from None
    texts = [(f"{file}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if file.suffix != ".jsonl":
        texts = [(str(file), "\n".join(lines))]
    if not texts:
        raise UserError(f"{file}: no conversation in it; {EXPECTED}")
    for where, text in texts:
        try:
            record = parse_json(text, where)
        except ValueError:
            raise UserError(f"{where}: not JSON; {EXPECTED}") from None
        try:
            yield read_prompt(record.get("messages") if isinstance(record, dict) else record)
        except BadExample as bad:
            raise UserError(f"{where}: {bad}") from None


def _dialogue_run(directory: Path) -> Any:
    from interlace.runs import load_run

    run = load_run(directory)
    if not run.converses:
        raise UserError(
            f"{directory}: the model of this run continues texts and has learned no replies; give --prompt, or a run "
            "of experiment=dialogue/taskmaster4 or data=dialogues"
        )
    return run


def _lines() -> Iterator[str]:
    """Lines of the standard input, with a prompt in a terminal."""
    if sys.stdin.isatty():
        print("One turn a line; Ctrl-D ends.", file=sys.stderr)
    yield from (line for line in sys.stdin if line.strip())


def _text(name: str, text: str) -> str:
    from interlace.data.encoding import check_text
    from interlace.data.problems import BadExample

    try:
        return check_text(name, text)
    except BadExample as bad:
        raise UserError(f"generate: {bad}") from None
