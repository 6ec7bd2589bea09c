"""Sequences of ids, with special tokens, from single texts or pairs of texts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from interlace.data.problems import BadExample
from interlace.data.text import WordTokenizer
from interlace.data.tokenizers.roles import Roles
from interlace.data.tokenizers.tokenizer import TextTokenizer
from interlace.errors import UserError
from interlace.tokens import ModalitySpec

JOINER = " | "  # between the texts of a pair when displayed


class SequenceTokenizer:
    """Tokenizer of sequences for classification of at most `max_tokens`; longer texts are cut, a pair at its longer
    text.

    With class and separator tokens: `[CLS] a [SEP]` and `[CLS] a [SEP] b [SEP]` (Devlin et al. 2019, section 4); if
    these are RoBERTa's `<s>` and `</s>`: `<s> a </s></s> b </s>`. With only an end token (T5, GPT): `a </s>` and
    `a </s> b </s>`. With a WordTokenizer, which has neither: `a`, and for a pair one additional id, the last, between
    the texts. `columns` names the fields of a record that hold the texts. `pad_id` (0 if the tokenizer has none),
    `unk_id`, `bos_id`, `eos_id`, `mask_id`, `cls_id` and `sep_id` are those of the tokenizer.
    """

    def __init__(self, tokenizer: WordTokenizer | TextTokenizer, *, columns: Sequence[str], max_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.columns = list(columns)
        self.max_tokens = max_tokens
        roles = tokenizer if isinstance(tokenizer, TextTokenizer) else None
        cls, sep, eos = (roles.cls_id, roles.sep_id, roles.eos_id) if roles else (None, None, None)
        self.cls_id, self.sep_id, self.eos_id = cls, sep, eos
        self.bos_id, self.mask_id = (roles.bos_id, roles.mask_id) if roles else (None, None)
        self.unk_id = roles.unk_id if roles else 1
        self.pad_id: int = (roles.pad_id if roles else None) or 0
        framed = cls is not None and sep is not None
        self._before = [cls] if framed else []
        self._after = [sep] if framed else [eos] if eos is not None else []
        if self.is_pair and roles is not None and not self._after:
            raise UserError(
                f"tokenizer: pairs ({' and '.join(self.columns)}) need a tokenizer with a separator or an end "
                "token, which this one lacks; choose another tokenizer=..."
            )
        between = self._after or ([len(tokenizer)] if self.is_pair else [])
        as_in_roberta = framed and roles is not None and (cls, sep) == (roles.bos_id, roles.eos_id)
        self._between = between * (2 if as_in_roberta else 1) if self.is_pair else []
        self._extra = 1 if self.is_pair and not self._after else 0
        self._room = max_tokens - len(self._before) - len(self._between) - len(self._after)
        if self._room < len(self.columns):
            least = max_tokens - self._room + len(self.columns)
            raise UserError(f"data.max_tokens: got {max_tokens}; expected at least {least}, special tokens included")

    @property
    def is_pair(self) -> bool:
        """True if a sequence holds two texts."""
        return len(self.columns) > 1

    @property
    def pair_separator(self) -> int | None:
        """The id whose first occurrence ends the first text of a pair; None for single texts."""
        return self._between[0] if self.is_pair else None

    def __len__(self) -> int:
        return len(self.tokenizer) + self._extra

    @property
    def words(self) -> tuple[str, ...]:
        """The tokens of the vocabulary in the order of ids; "" for an id without a token."""
        if isinstance(self.tokenizer, TextTokenizer):
            spelled = [self.tokenizer.token(i) or "" for i in range(len(self.tokenizer))]
        else:
            spelled = ["[PAD]", "[UNK]", *self.tokenizer.words]
        return (*spelled, *["[SEP]"] * self._extra)

    @property
    def spec(self) -> ModalitySpec:
        """The modality that is encoded."""
        shape, separator = (self.max_tokens,), self.pair_separator
        return ModalitySpec("text", shape, vocabulary_size=len(self), words=self.words, pair_separator=separator)

    def encode(self, text: str | Sequence[str]) -> list[int]:
        """Ids of a text, or of the texts of a pair, special tokens included."""
        return self.join([self.tokenizer.encode(part) for part in ([text] if isinstance(text, str) else text)])

    def encode_rows(self, rows: Sequence[Sequence[str]]) -> list[list[int]]:
        """Encodes many rows of texts."""
        return [self.join(parts) for parts in self.bare(rows)]

    def bare(self, rows: Sequence[Sequence[str]]) -> list[tuple[list[int], ...]]:
        """Ids of each text of each row, uncut and without special tokens, as `join` takes them."""
        columns = [self.tokenizer.encode_batch([row[c] for row in rows]) for c in range(len(self.columns))]
        return list(zip(*columns, strict=True))

    def is_cut(self, parts: Sequence[list[int]]) -> bool:
        """True if `join` has to cut these ids."""
        return sum(map(len, parts)) > self._room

    def join(self, parts: Sequence[list[int]]) -> list[int]:
        """Joins the bare ids of the texts into one sequence, cut to the maximal length."""
        if len(parts) != len(self.columns):
            raise ValueError(f"{len(parts)} texts for the columns {self.columns}")
        if not self.is_pair:
            return [*self._before, *(parts[0][: self._room] or [self.unk_id or 0]), *self._after]
        first, second = shortened(len(parts[0]), len(parts[1]), self._room)
        return [*self._before, *parts[0][:first], *self._between, *parts[1][:second], *self._after]

    def room_beside(self, first: Sequence[int]) -> int:
        """The tokens of a second text that fit beside the bare ids of a first one; may be negative."""
        return self._room - len(first)

    def framed(self, first: Sequence[int], second: Sequence[int]) -> tuple[list[int], int]:
        """The sequence of a pair of bare ids, uncut, and the position of the second text's first token."""
        before = [*self._before, *first, *self._between]
        return [*before, *second, *self._after], len(before)

    def padded(self, sequences: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        """Sequences as (N, longest) int64, padded at the end, and their lengths (N,)."""
        length = np.asarray([len(ids) for ids in sequences], dtype=np.int64)
        x = np.full((len(sequences), max(1, int(length.max(initial=0)))), self.pad_id, dtype=np.int64)
        for row, ids in enumerate(sequences):
            x[row, : len(ids)] = ids
        return x, length

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, without special tokens."""
        return self.tokenizer.decode(int(i) for i in ids if int(i) < len(self.tokenizer))

    def texts_of(self, record: Mapping[str, Any], name: str) -> tuple[Any, ...] | None:
        """The values of a record for modality `name`: under that name (a list for a pair) or under the columns.

        None if it has none of them. Raises BadExample if it has only one text of a pair.
        """
        value = record.get(name)
        if value is None:
            values = tuple(record.get(column) for column in self.columns)
            if all(part is None for part in values):
                return None
        else:
            values = tuple(value) if isinstance(value, list) else (value,)
        if len(values) != len(self.columns) or any(part is None for part in values):
            raise BadExample("half a pair", f"expected {' and '.join(self.columns)}, or {name} as a list of both texts")
        return values

    def state(self) -> dict[str, Any]:
        """The state that `from_state` restores, as plain JSON."""
        state: dict[str, Any] = {"columns": self.columns, "max_tokens": self.max_tokens}
        if isinstance(self.tokenizer, TextTokenizer):
            return {**state, "tokenizer": self.tokenizer.backend.to_str(), "roles": vars(self.tokenizer.roles)}
        return {**state, **self.tokenizer.state()}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "SequenceTokenizer":
        """Restores a tokenizer from its `state()`."""
        tokenizer: WordTokenizer | TextTokenizer
        if "tokenizer" in state:
            tokenizer = TextTokenizer(Tokenizer.from_str(state["tokenizer"]), Roles(**state["roles"]))
        else:
            tokenizer = WordTokenizer.from_state(state)
        return SequenceTokenizer(tokenizer, columns=state["columns"], max_tokens=state["max_tokens"])


def shortened(first: int, second: int, room: int) -> tuple[int, int]:
    """Lengths of a pair cut to `room`, one token at a time from the longer text (from the second if equal), as BERT."""
    keep_first = min(first, max(room - second, (room + 1) // 2))
    return keep_first, min(second, room - keep_first)


def tokenizer_from_state(state: Mapping[str, Any]) -> WordTokenizer | SequenceTokenizer:
    """Restore the tokenizer of a modality from its `state()`."""
    return SequenceTokenizer.from_state(state) if "columns" in state else WordTokenizer.from_state(state)
