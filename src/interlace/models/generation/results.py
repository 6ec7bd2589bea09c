"""What generation gives back, all at the end or piece by piece."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from interlace.models.generation.detokenizing import IncrementalText, StopText, held_back
from interlace.models.generation.options import GenerationOptions

Reason = Literal["eos", "stop", "length", "blocked"]


@dataclass(frozen=True)
class Generated:
    """One continuation.

    tokens: without the prompt, the end token and a stop sequence. text: theirs as it follows the prompt, up to a
    stop text; None without a tokenizer. reason: "eos", "stop" (sequence or text), "length" (max_new_tokens or the
    context is full), "blocked" (the options ban every token that could follow). log_probability: sum over the new
    tokens, what ended them included, of ln p in nats, as the model itself gives it, before any option changes it.
    score: log p / length^length_penalty of beam search, by which the continuations of a prompt are ordered, best
    first; None otherwise. prompt and sequence: which prompt it belongs to, and which of its continuations it is.
    """

    tokens: list[int]
    text: str | None
    reason: Reason
    log_probability: float
    score: float | None
    prompt: int
    sequence: int


@dataclass(frozen=True)
class Piece:
    """What one step made definite of one continuation: zero or more tokens, and text (perhaps "", see Generated).

    Joined, the pieces are the tokens and the text of the `Generated`.
    """

    tokens: list[int]
    text: str
    prompt: int
    sequence: int


OnToken = Callable[[Piece], None]


class Continuation:
    """A continuation while it grows: knows when it ends, and what of it is definite."""

    def __init__(
        self,
        *,
        prompt: int,
        sequence: int,
        limit: int,
        options: GenerationOptions,
        eos_id: int | None,
        text: IncrementalText | None,
        on_token: OnToken | None,
    ) -> None:
        self._prompt, self._sequence = prompt, sequence
        self._limit = limit
        self._minimum = options.min_new_tokens
        self._eos_id = eos_id
        self._stops = options.stop_sequences
        self._decoder = text
        self._stop_text = StopText(options.stop_texts)
        self._on_token = on_token
        self._tokens: list[int] = []
        self._given = 0  # tokens handed to on_token
        self._text: list[str] = []
        self._log_probability = 0.0
        self.reason: Reason | None = None

    def add(self, token: int, log_probability: float) -> None:
        """Takes the next token; afterwards `reason` says whether it was the last."""
        self._tokens.append(token)
        self._log_probability += log_probability
        self.reason, surplus = ending(
            self._tokens, eos_id=self._eos_id, stops=self._stops, minimum=self._minimum, limit=self._limit
        )
        del self._tokens[len(self._tokens) - surplus :]
        keep = 0 if self.reason else held_back(tuple(self._tokens), self._stops)
        self._give(len(self._tokens) - keep)

    def block(self) -> None:
        """Ends it because every next token is banned."""
        self.reason = "blocked"
        self._give(len(self._tokens))

    def _give(self, up_to: int) -> None:
        """Turns tokens up to a place into text, and hands both out."""
        tokens = self._tokens[self._given : up_to]
        self._given = max(self._given, up_to)
        text = ""
        if self._decoder is not None:
            for place, token in enumerate(tokens, up_to - len(tokens)):
                piece = self._decoder.add(token)
                text += piece if place + 1 < self._minimum else self._stop_text.add(piece)
                if self._stop_text.found:
                    self._cut(place + 1)
                    tokens = tokens[: len(tokens) - (up_to - place - 1)]
                    break
            if self.reason and not self._stop_text.found:
                text += self._stop_text.add(self._decoder.finish())
                text += self._stop_text.finish()
        self._text.append(text)
        if self._on_token is not None and (tokens or text):
            self._on_token(Piece(tokens, text, self._prompt, self._sequence))

    def _cut(self, length: int) -> None:
        """A stop text came with the last of `length` tokens."""
        self.reason = "stop"
        del self._tokens[length:]
        self._given = length

    def result(self) -> Generated:
        """The finished continuation."""
        assert self.reason is not None, "the continuation is still growing"
        return Generated(
            tokens=self._tokens,
            text=None if self._decoder is None else "".join(self._text),
            reason=self.reason,
            log_probability=self._log_probability,
            score=None,
            prompt=self._prompt,
            sequence=self._sequence,
        )


def ending(
    tokens: Sequence[int], *, eos_id: int | None, stops: Sequence[Sequence[int]], minimum: int, limit: int
) -> tuple[Reason | None, int]:
    """Why the newest token ends a continuation, if it does, and how many of its last tokens are not part of it."""
    if tokens[-1] == eos_id:
        return "eos", 1
    if len(tokens) >= minimum:
        for stop in stops:
            if tuple(tokens[-len(stop) :]) == tuple(stop):
                return "stop", len(stop)
    return ("length", 0) if len(tokens) >= limit else (None, 0)
