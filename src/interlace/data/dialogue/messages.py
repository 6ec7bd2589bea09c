"""Messages of a conversation, `{"role": ..., "content": ...}`, and the rules of their order."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from interlace.configuration.suggestions import did_you_mean
from interlace.data.encoding import check_text
from interlace.data.problems import BadExample

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
ROLES = (SYSTEM, USER, ASSISTANT)


class Message(NamedTuple):
    """One turn of a conversation: the role of its author, and its text."""

    role: str
    content: str


def read_messages(value: Any) -> list[Message]:
    """Return the messages of a list of objects with the keys "role" and "content".

    The first may have the role "system"; after it "user" and "assistant" alternate. Raises BadExample for any other
    order, an unknown role and an empty content.
    """
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else f"{str(value)[:40]!r}"
        raise BadExample("no messages", f'messages is {found}, expected a list of {{"role": ..., "content": ...}}')
    messages = [_message(number, each) for number, each in enumerate(value, 1)]
    turns = messages[1:] if messages[0].role == SYSTEM else messages
    first = len(messages) - len(turns) + 1
    for number, message in enumerate(turns, first):
        if message.role == SYSTEM:
            raise BadExample("wrong order", f"message {number} has the role system, which only the first may have")
        if number > first and message.role == turns[number - first - 1].role:
            raise BadExample(
                "wrong order",
                f"messages {number - 1} and {number} are both of the {message.role}; join them, as user and assistant "
                "alternate",
            )
    return messages


def read_prompt(value: Any) -> list[Message]:
    """Return messages that a reply is asked for. Raises BadExample also if the last is not the user's."""
    messages = read_messages(value)
    if messages[-1].role != USER:
        raise BadExample(
            "no question", f"the last message is of the {messages[-1].role}; expected one of the user to reply to"
        )
    return messages


def replies(messages: Sequence[Message]) -> list[int]:
    """Return the indices of the assistant's messages."""
    return [index for index, message in enumerate(messages) if message.role == ASSISTANT]


def _message(number: int, value: Any) -> Message:
    role, content = (value.get("role"), value.get("content")) if isinstance(value, dict) else (None, None)
    if not isinstance(role, str) or not isinstance(content, str):
        found = f"message {number} is {str(value)[:40]!r}"
        raise BadExample("no message", f'{found}, expected the texts "role" and "content"')
    if role not in ROLES:
        raise BadExample("unknown role", f"message {number} has the role {role[:40]!r}; {did_you_mean(role, ROLES)}")
    if not content.strip():
        raise BadExample("empty message", f"message {number}, of the {role}, has no text; remove it")
    return Message(role, check_text("content", content.strip()))
