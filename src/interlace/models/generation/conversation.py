"""Replies in a conversation of several turns, with the cache kept between turns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from interlace.data.dialogue.messages import ASSISTANT, SYSTEM, USER, Message
from interlace.data.dialogue.template import ChatTemplate
from interlace.errors import UserError
from interlace.models.generation.generate import generate
from interlace.models.generation.options import GenerationOptions
from interlace.models.generation.results import OnToken
from interlace.models.generation.steps import CausalSteps

if TYPE_CHECKING:
    from interlace.models.base import LanguageModel

ROOM = 1024  # tokens beyond the first turn that the cache has buffers for; it is rebuilt when they are full


class Conversation:
    """A conversation with a causal model.

    Each turn is encoded once and its ids are kept, those of a reply as they were generated. The keys and values (or the
    recurrent state) of earlier turns are kept, so that a turn costs its own tokens. Beyond `max_tokens`, or the model's
    positions, the oldest turns after a system message are left out, and the rest is read again.
    """

    def __init__(
        self, model: "LanguageModel", template: ChatTemplate, options: GenerationOptions, *, max_tokens: int
    ) -> None:
        if options.num_return_sequences > 1:
            raise UserError("generation.num_return_sequences: a conversation has one reply a turn; set it to 1")
        self.model = model
        self.template = template
        self.options = options
        self.max_tokens = max_tokens if model.max_length is None else min(max_tokens, model.max_length - 1)
        self.messages: list[Message] = []
        self.tokens_read = 0  # by the model, without generated ones; what the cache saves is not in it
        self._turns: list[list[int]] = []
        self._steps: CausalSteps | None = None

    def add(self, messages: Sequence[Message]) -> None:
        """Add messages, which follow those so far, without a reply."""
        for message in messages:
            self.messages.append(message)
            self._turns.append(self.template.turn(message)[0])

    def reply(self, *, seed: int = 0, on_token: OnToken | None = None) -> str:
        """Generate the assistant's reply to the last message and add it. Raises UserError unless that is the user's."""
        if not self.messages or self.messages[-1].role != USER:
            raise UserError("conversation: a reply follows a message of the user; add one first")
        tokenizer, header = self.template.tokenizer, self.template.header(ASSISTANT)
        prompt = [*self._fitting(self.max_tokens - len(header)), *header]
        if self._steps is None:
            self._steps = CausalSteps(
                self.model, max_new_tokens=self.options.max_new_tokens + ROOM, use_cache=self.options.use_cache
            )
        before = self._steps.columns_read
        [made] = generate(
            self.model,
            [prompt],
            self.options,
            eos_id=self.template.end_id,
            pad_id=tokenizer.pad_id,
            seed=seed,
            decode=tokenizer.decode,
            on_token=on_token,
            steps=None if self.options.num_beams > 1 else self._steps,
        )
        self.tokens_read += len(prompt) - before
        if made.reason == "stop":  # the stop sequence was read, and is no part of the turn
            self._steps = None
        self._turns.append([*header, *made.tokens, self.template.end_id])
        text = (made.text or "").strip()
        self.messages.append(Message(ASSISTANT, text))
        return text

    def _fitting(self, most: int) -> list[int]:
        """Return the ids so far, at most `most`, without the oldest turns if needed; the cache is then started anew."""
        kept = int(self.messages[0].role == SYSTEM)
        while sum(map(len, self._turns)) > most and len(self._turns) > kept + 1:
            del self._turns[kept]
            self._steps = None
        ids = [i for turn in self._turns for i in turn]
        if len(ids) > most:
            self._steps = None
        return ids[-most:]
