"""Chat templates: messages as token ids, with the mask of the replies."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tokenizers import AddedToken, Tokenizer

from interlace.data.dialogue.messages import ASSISTANT, ROLES, SYSTEM, Message
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError

Headers = Literal["auto", "tokens", "text"]
ROLE_TOKENS = {role: f"<|{role}|>" for role in ROLES}
ROLE_TEXTS = {role: f"{role.capitalize()}:" for role in ROLES}


class Encoded(NamedTuple):
    """Token ids (T,), the mask of the tokens of replies (T,), and whether older turns were left out."""

    ids: list[int]
    is_reply: list[bool]
    is_cut: bool


class ChatTemplate:
    """A message is a header for its role, its content, and the end token.

    `headers` "tokens": a special token each, <|system|>, <|user|>, <|assistant|>, which no text can produce; "text":
    "System:", "User:", "Assistant:" in the vocabulary of any tokenizer; "auto": special tokens where the tokenizer has
    them, else text. Content and end token of the assistant's messages are the reply: what the model learns and
    generates. A message is encoded by itself, so that the ids of a conversation begin with those of its earlier turns.
    """

    def __init__(self, tokenizer: TextTokenizer, headers: Headers) -> None:
        if tokenizer.eos_id is None:
            raise UserError(
                "tokenizer: conversations need one with an end token, which this one lacks; choose another "
                "tokenizer=..."
            )
        self.tokenizer = tokenizer
        known = all(tokenizer.token_id(token) is not None for token in ROLE_TOKENS.values())
        self.headers = headers if headers != "auto" else "tokens" if known else "text"
        self.end_id = tokenizer.eos_id
        self._header_ids = {role: self._encoded_header(role) for role in ROLES}

    def header(self, role: str) -> list[int]:
        """Return the ids of the header of a role."""
        return self._header_ids[role]

    @property
    def header_token_ids(self) -> list[int]:
        """The ids of headers that are special tokens, which are never part of a content."""
        return [ids[0] for ids in self._header_ids.values()] if self.headers == "tokens" else []

    def turn(self, message: Message) -> tuple[list[int], list[bool]]:
        """Return the ids (T,) of one message with header and end token, and the mask of the reply (T,)."""
        header = self._header_ids[message.role]
        spaced = message.content if self.headers == "tokens" else f" {message.content}"
        body = [*self.tokenizer.encode(spaced), self.end_id]
        return [*header, *body], [False] * len(header) + [message.role == ASSISTANT] * len(body)

    def encode(self, messages: Sequence[Message], max_tokens: int) -> Encoded:
        """Return the ids of a conversation of at most `max_tokens`; longer ones lose their oldest turns, after a system
        message, which stays, and at last the beginning of the remaining one."""
        turns = [self.turn(message) for message in messages]
        kept = int(bool(messages) and messages[0].role == SYSTEM)
        total = sum(len(ids) for ids, _ in turns)
        is_cut = total > max_tokens
        while total > max_tokens and len(turns) > kept + 1:
            total -= len(turns.pop(kept)[0])
        ids = [i for part, _ in turns for i in part][-max_tokens:]
        return Encoded(ids, [flag for _, part in turns for flag in part][-max_tokens:], is_cut)

    def prompt(self, messages: Sequence[Message], max_tokens: int) -> list[int]:
        """Return the ids of a conversation and the assistant's header, after which the reply begins; at most
        `max_tokens`."""
        header = self._header_ids[ASSISTANT]
        return [*self.encode(messages, max_tokens - len(header)).ids, *header]

    def reply(self, text: str) -> list[int]:
        """Return the ids of a reply after the assistant's header, with the end token."""
        message = Message(ASSISTANT, text)
        return self.turn(message)[0][len(self._header_ids[ASSISTANT]) :]

    def render(self, messages: Sequence[Message]) -> str:
        """Return the conversation as text with its special tokens, for people."""
        return self.tokenizer.decode([i for each in messages for i in self.turn(each)[0]], skip_special=False)

    def _encoded_header(self, role: str) -> list[int]:
        if self.headers == "text":
            return self.tokenizer.encode(ROLE_TEXTS[role])
        index = self.tokenizer.token_id(ROLE_TOKENS[role])
        if index is None:
            raise UserError(
                f"data.headers: the tokenizer has no token {ROLE_TOKENS[role]}; choose data.headers=text, which needs "
                "none, or auto"
            )
        return [index]


def with_role_tokens(tokenizer: TextTokenizer) -> TextTokenizer:
    """Return a tokenizer with the special tokens of all roles at the end of its vocabulary."""
    backend = Tokenizer.from_str(tokenizer.backend.to_str())
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ROLE_TOKENS.values()])
    return TextTokenizer(backend, tokenizer.roles)


def as_text(messages: Sequence[Message]) -> str:
    """Return messages as lines with the role before each, for models that read text and for reports."""
    return "\n".join(f"{ROLE_TEXTS[message.role]} {message.content}" for message in messages)
