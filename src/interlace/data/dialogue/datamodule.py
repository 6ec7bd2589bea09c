"""The data sets of conversations."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from interlace.data.cache import fingerprint_of
from interlace.data.datamodule import check_range
from interlace.data.dialogue.messages import Message, replies
from interlace.data.dialogue.reading import Conversation, read_folder
from interlace.data.dialogue.split import DialogueSplit
from interlace.data.dialogue.template import ChatTemplate, Headers, as_text, with_role_tokens
from interlace.data.notes import NAMES, repeated_splits
from interlace.data.parallel.datamodule import ParallelText
from interlace.data.shares import seeded_share
from interlace.data.sources import find
from interlace.data.text_pairs import Pairs
from interlace.data.tokenizer_cache import trained_tokenizer
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.errors import UserError

SPLITS = ("train", "val", "test")


class Dialogues(ParallelText):
    """Conversations as messages: rows of token ids by a chat template, and a pair (context, reply) for each reply.

    `name` is a public data set (taskmaster4); alternatively `path` is a folder of train.jsonl, test.jsonl and possibly
    val.jsonl (`interlace.data.dialogue.reading`). Without validation conversations, the share `val_fraction` of the
    training conversations is held out. `headers` marks the roles (`ChatTemplate`). A conversation longer than
    `max_tokens` loses its oldest turns; `describe` counts them. `train_fraction` keeps a seeded share of the training
    conversations; smaller shares are subsets of larger ones.

    Without a tokenizer the pairs stay texts, for models that read these (`interlace.models.text_algorithm`).
    """

    task = "dialogue"
    text_task = "dialogue"
    fixed_options = frozenset(
        {"source", "target", "prefix", "max_source_tokens", "max_target_tokens", "drop_long", "groups"}
    )

    def __init__(
        self,
        *,
        headers: Headers,
        max_tokens: Annotated[int, Field(ge=8)],
        val_fraction: Annotated[float, Field(gt=0, le=0.9)],
        **rows: Any,
    ) -> None:
        check_range("val_fraction", val_fraction, above=0, maximum=0.9)
        check_range("max_tokens", max_tokens, minimum=8)
        super().__init__(
            source="context", target="reply", prefix="", max_source_tokens=max_tokens, max_target_tokens=max_tokens,
            drop_long=False, **rows,
        )  # fmt: skip
        self.headers: Headers = headers
        self.max_tokens = max_tokens
        self.val_fraction = val_fraction
        self.splits: dict[str, DialogueSplit] = {}  # type: ignore[assignment]

    def prepare(self) -> None:
        """Read the conversations; with a tokenizer, train it unless it is trained, and encode them."""
        folder = self.path if self.path is not None else find(str(self.name))
        found = read_folder(folder, self.val_fraction)
        train = found["train"]
        found["train"] = [train[row] for row in seeded_share(len(train), self.train_fraction, self.seed)]
        if self.given is not None:
            self.tokenizer = self._tokenizer_of(self.given, found["train"])
        for split in SPLITS:
            self.splits[split] = self._split(found[split], split)
        content = json.dumps({split: [each.messages for each in found[split]] for split in SPLITS})
        arguments = self._arguments() | ({} if self.tokenizer is None else {"tokenizer": self.tokenizer.hash})
        self.fingerprint = fingerprint_of(arguments, hashlib.sha256(content.encode()).hexdigest())

    @property
    def template(self) -> ChatTemplate:
        """The chat template with the tokenizer. Raises UserError without one."""
        return ChatTemplate(self.needed_tokenizer(), self.headers)

    def prompts(self, contexts: Sequence[Sequence[Message]]) -> list[list[int]]:
        """Return the ids of conversations that end before a reply, each with the assistant's header."""
        template = self.template
        return [template.prompt(messages, self.max_tokens) for messages in contexts]

    def notes(self) -> list[str]:
        """Return sentences about the data that a reader of the results has to know."""
        known = {_key(each) for each in self.splits["train"].conversations}
        test = self.splits["test"].conversations
        repeated = sum(_key(each) in known for each in test)
        sentences = repeated_splits(
            self.splits, lambda a, b: [*map(_key, a.conversations)] == [*map(_key, b.conversations)]
        )
        if repeated and not sentences:
            sentences = [f"{repeated} of {len(test)} test conversations are also in training, word for word"]
        return sentences

    def describe(self) -> dict[str, Any]:
        """Return counts of conversations, messages and replies by split; with a tokenizer also tokens. Plain types."""
        described = {}
        for name, split in self.splits.items():
            described[name] = {
                "conversations": len(split.conversations),
                "messages": sum(len(each.messages) for each in split.conversations),
                "replies": len(split.pairs),
                **(_token_counts(split) if self.tokenizer is not None else {}),
            }
        known = {"task": self.task, "source": self.name or str(self.path), "splits": described}
        known["num_examples"] = {name: len(split.conversations) for name, split in self.splits.items()}
        return known if self.tokenizer is None else {**known, "vocabulary_size": len(self.tokenizer)}

    def _arguments(self) -> dict[str, Any]:
        headers = "tokens" if self.tokenizer is None else self.template.headers
        own = {"headers": headers, "max_tokens": self.max_tokens, "val_fraction": self.val_fraction}
        return {**super()._arguments(), **own}

    def _tokenizer_of(self, given: TokenizerBuilder | TextTokenizer, training: Sequence[Conversation]) -> TextTokenizer:
        """Return the tokenizer, trained on the contents of the training messages unless it is trained.

        One that is trained here gets tokens for the roles; a given one keeps its vocabulary, which its model knows.
        """
        trained = trained_tokenizer(given, _contents(training))
        if not isinstance(given, TextTokenizer) and self.headers != "text":
            return with_role_tokens(trained)
        return trained

    def _split(self, conversations: Sequence[Conversation], name: str) -> DialogueSplit:
        encoded = []
        if self.tokenizer is not None:
            template = self.template
            encoded = [template.encode(each.messages, self.max_tokens) for each in conversations]
            if not any(True in row.is_reply for row in encoded):
                raise UserError(
                    f"data.max_tokens: of the {NAMES[name]} conversations, {self.max_tokens} tokens hold no part of a "
                    "reply; raise it"
                )
        return DialogueSplit(conversations, pairs_of(conversations), encoded, bucket=self.bucket and name == "train")


def pairs_of(conversations: Sequence[Conversation]) -> Pairs:
    """Return a pair for each reply: the messages before it as text, and the reply; the id is that of the conversation
    with the number of the message."""
    rows = [(each, index) for each in conversations for index in replies(each.messages)]
    return Pairs(
        [as_text(each.messages[:index]) for each, index in rows],
        [[each.messages[index].content] for each, index in rows],
        [f"{each.id}#{index + 1}" for each, index in rows],
    )


def contexts_of(conversations: Sequence[Conversation]) -> list[list[Message]]:
    """Return the messages before each reply, in the order of `pairs_of`."""
    return [each.messages[:index] for each in conversations for index in replies(each.messages)]


def _token_counts(split: DialogueSplit) -> Mapping[str, Any]:
    return {
        "tokens": int(split.lengths.sum()),
        "tokens_of_replies": sum(sum(each.is_reply) for each in split.encoded),
        "longest": int(split.lengths.max(initial=0)),
        "cut": sum(each.is_cut for each in split.encoded),
    }


def _contents(conversations: Sequence[Conversation]) -> Iterator[str]:
    for conversation in conversations:
        for message in conversation.messages:
            yield message.content


def _key(conversation: Conversation) -> tuple[Message, ...]:
    return tuple(conversation.messages)
