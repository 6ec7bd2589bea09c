"""Token ids to text while they arrive, without ever showing half a character."""

from collections.abc import Callable, Sequence
from typing import TypeVar

S = TypeVar("S", str, tuple[int, ...])
Decode = Callable[[list[int]], str]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
CONTEXT = 6


class IncrementalText:
    """The text of a growing list of tokens, as it follows a prompt.

    `add` gives what has become definite. Tokens of byte-level vocabularies may hold parts of a character: text that
    still ends in U+FFFD is held back until later tokens complete it, or `finish` says that none will come. Decoding
    is done behind a few earlier tokens, whose text is cut off again, since decoders treat the first token of a text
    differently (a leading space is dropped). So decode(prompt) + text = decode(prompt + tokens) for decoders that
    never change text already decoded; each step costs the decoding of a handful of tokens, not of all.
    """

    def __init__(self, decode: Decode, prompt: Sequence[int] = ()) -> None:
        self._decode = decode
        self._window = list(prompt[-CONTEXT:])
        self._shown = decode(self._window) if self._window else ""

    def add(self, token: int) -> str:
        """The text that `token` made definite; "" while a character is incomplete."""
        self._window.append(token)
        text = self._decode(self._window)
        if text.endswith(REPLACEMENT):
            return ""
        return self._advance(text)

    def finish(self) -> str:
        """What was held back, incomplete characters shown as U+FFFD."""
        return self._advance(self._decode(self._window)) if self._window else ""

    def _advance(self, text: str) -> str:
        new = text[len(self._shown) :]
        self._window = self._window[-CONTEXT:]
        self._shown = self._decode(self._window)
        return new


def text_of(tokens: list[int], context: Sequence[int], decode: Decode) -> str:
    """The text of finished tokens, as it follows its context."""
    text = IncrementalText(decode, context)
    return "".join([*(text.add(token) for token in tokens), text.finish()])


class StopText:
    """Cuts a stream of text before the first of some stop texts, holding back what may be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.found = False

    def add(self, piece: str) -> str:
        """The part of the text so far that is certainly before any stop text, less what was given out before."""
        text = self._held + piece
        places = [place for place in (text.find(stop) for stop in self._stops) if place >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        keep = held_back(text, self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back: no stop text came of it."""
        held, self._held = self._held, ""
        return held


def held_back(given: S, stops: Sequence[S]) -> int:
    """The length of the longest end of `given` that is the start, short of all, of one of `stops`."""
    return max((_overlap(given, stop) for stop in stops), default=0)


def _overlap(given: S, stop: S) -> int:
    longest = min(len(given), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if given[len(given) - n :] == stop[:n]), 0)
