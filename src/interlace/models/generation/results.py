"""Results of generation, complete or streamed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from interlace.models.generation.detokenizing import IncrementalText, StopText, held_back
from interlace.models.generation.options import GenerationOptions

Reason = Literal["eos", "stop", "length", "blocked"]


@dataclass(frozen=True)
class Generated:
    """One continuation.

    tokens: without the prompt, the end token and a stop sequence. text: of these tokens after the prompt, up to a stop
    text; None without a tokenizer. reason: "eos", "stop" (sequence or text), "length" (max_new_tokens or the context is
    full), "blocked" (the options ban every next token). log_probability: sum of ln p in nats over the new tokens,
    including the end token or stop sequence, of the model itself, before logits processors. score: log p /
    length^length_penalty of beam search, which orders the continuations of a prompt, best first; None otherwise.
    prompt and sequence: index of the prompt, and index among the continuations of the prompt.
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
    """New final tokens and text of one continuation after a step; both may be empty.

    Concatenated, the pieces are the tokens and the text of the `Generated`.
    """

    tokens: list[int]
    text: str
    prompt: int
    sequence: int


OnToken = Callable[[Piece], None]


class Continuation:
    """A continuation during generation: detects its end and streams the tokens and text that are final."""

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
        """Add the next token; `reason` is then not None if it was the last one."""
        self._tokens.append(token)
        self._log_probability += log_probability
        self.reason, surplus = ending(
            self._tokens, eos_id=self._eos_id, stops=self._stops, minimum=self._minimum, limit=self._limit
        )
        del self._tokens[len(self._tokens) - surplus :]
        keep = 0 if self.reason else held_back(tuple(self._tokens), self._stops)
        self._give(len(self._tokens) - keep)

    def block(self) -> None:
        """End the continuation because every next token is banned."""
        self.reason = "blocked"
        self._give(len(self._tokens))

    def _give(self, up_to: int) -> None:
        """Decode the tokens before position `up_to` and pass tokens and text to `on_token`."""
        tokens = self._tokens[self._given : up_to]
        self._given = max(self._given, up_to)
        text = ""
        if self._decoder is not None:
            for position, token in enumerate(tokens, up_to - len(tokens)):
                piece = self._decoder.add(token)
                text += piece if position + 1 < self._minimum else self._stop_text.add(piece)
                if self._stop_text.found:
                    self._cut(position + 1)
                    tokens = tokens[: len(tokens) - (up_to - position - 1)]
                    break
            if self.reason and not self._stop_text.found:
                text += self._stop_text.add(self._decoder.finish())
                text += self._stop_text.finish()
        self._text.append(text)
        if self._on_token is not None and (tokens or text):
            self._on_token(Piece(tokens, text, self._prompt, self._sequence))

    def _cut(self, length: int) -> None:
        """End the continuation after `length` tokens, the last of which completed a stop text."""
        self.reason = "stop"
        del self._tokens[length:]
        self._given = length

    def result(self) -> Generated:
        """Return the finished continuation."""
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
    """Return the reason if the newest token ends a continuation, and the number of last tokens to remove from it."""
    if tokens[-1] == eos_id:
        return "eos", 1
    if len(tokens) >= minimum:
        for stop in stops:
            if tuple(tokens[-len(stop) :]) == tuple(stop):
                return "stop", len(stop)
    return ("length", 0) if len(tokens) >= limit else (None, 0)
