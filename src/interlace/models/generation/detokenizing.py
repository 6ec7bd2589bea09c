"""Incremental decoding of token ids to text, without incomplete characters."""

from collections.abc import Callable, Sequence
from typing import TypeVar

S = TypeVar("S", str, tuple[int, ...])
Decode = Callable[[list[int]], str]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
CONTEXT = 6


class IncrementalText:
    """Text of a growing list of tokens that follows a prompt.

    `add` returns the text that has become final. Tokens of byte-level vocabularies may hold parts of a character: text
    that still ends in U+FFFD is held back until later tokens complete it or `finish` is called. The last few tokens are
    decoded together with the new one and their text is removed again, since decoders treat the first token of a text
    differently (a leading space is dropped). Thus decode(prompt) + text = decode(prompt + tokens) for decoders that
    never change text already decoded; each step decodes only a few tokens.
    """

    def __init__(self, decode: Decode, prompt: Sequence[int] = ()) -> None:
        self._decode = decode
        self._window = list(prompt[-CONTEXT:])
        self._shown = decode(self._window) if self._window else ""

    def add(self, token: int) -> str:
        """Return the text that `token` completes; "" while a character is incomplete."""
        self._window.append(token)
        text = self._decode(self._window)
        if text.endswith(REPLACEMENT):
            return ""
        return self._advance(text)

    def finish(self) -> str:
        """Return the text held back, with incomplete characters as U+FFFD."""
        return self._advance(self._decode(self._window)) if self._window else ""

    def _advance(self, text: str) -> str:
        new = text[len(self._shown) :]
        self._window = self._window[-CONTEXT:]
        self._shown = self._decode(self._window)
        return new


def text_of(tokens: list[int], context: Sequence[int], decode: Decode) -> str:
    """Return the text of finished tokens after their context."""
    text = IncrementalText(decode, context)
    return "".join([*(text.add(token) for token in tokens), text.finish()])


class StopText:
    """Truncates a stream of text before the first stop text; text that may begin a stop text is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.found = False

    def add(self, piece: str) -> str:
        """Return the new text that certainly precedes any stop text."""
        text = self._held + piece
        starts = [start for start in (text.find(stop) for stop in self._stops) if start >= 0]
        if starts:
            self.found, self._held = True, ""
            return text[: min(starts)]
        keep = held_back(text, self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Return the text held back, which did not become a stop text."""
        held, self._held = self._held, ""
        return held


def held_back(given: S, stops: Sequence[S]) -> int:
    """Return the length of the longest suffix of `given` that is a proper prefix of one of `stops`."""
    return max((_overlap(given, stop) for stop in stops), default=0)


def _overlap(given: S, stop: S) -> int:
    longest = min(len(given), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if given[len(given) - n :] == stop[:n]), 0)
