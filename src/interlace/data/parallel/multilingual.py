"""Parallel text of several language pairs for one model, told apart by tags."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field

from interlace.data.parallel.datamodule import ParallelText
from interlace.data.parallel.reading import read_folder
from interlace.data.sources import find
from interlace.data.text_pairs import Pairs
from interlace.data.tokenizers import TextTokenizer, TokenizerBuilder
from interlace.data.tokenizers.tags import check_tag, split_tag, tag_ids, tag_of, with_tags
from interlace.errors import UserError

PAIR = re.compile(r"([^-\s<>]+)-([^-\s<>]+)")
GROUP = "pair"


class MultilingualText(ParallelText):
    """Several language pairs of one folder for one model; a source begins with the tag of its target (">>de<< A dog").

    `pairs` are names such as "en-de". A tag is one token of the vocabulary (Johnson et al. 2017, "Google's Multilingual
    Neural Machine Translation System"), which text never produces. Metrics are also given by pair (`test/bleu/en-de`).
    New sources begin with a trained tag; other tags are refused. A pair that was not trained but whose target was
    (zero-shot translation) is not. A given tokenizer (of an initial model) without these tokens encodes the tags as
    ordinary text, and `notes` tells it. `test_pairs` are those of the test split, null: `pairs`; a model of many pairs
    is compared with that of one on the texts of this one, and a pair is tested that was not trained. Training and
    validation are unchanged by it. The other arguments are those of `ParallelText`.
    """

    fixed_options = frozenset({"source", "target"})

    def __init__(
        self,
        *,
        pairs: Annotated[list[str], Field(min_length=1)],
        test_pairs: Annotated[list[str], Field(min_length=1)] | None = None,
        **options: Any,
    ) -> None:
        self.language_pairs = _all_sides(pairs, "data.pairs")
        self.test_pairs = None if test_pairs is None else _all_sides(test_pairs, "data.test_pairs")
        targets = [target for _, target in self.language_pairs]
        for source, target in self.test_pairs or ():
            if target not in targets:
                raise UserError(
                    f"data.test_pairs: got {source}-{target}, and {target} is no target of data.pairs "
                    f"({', '.join(pairs)}); leave it out, or train a pair with it"
                )
        if GROUP in options.get("groups", ()):
            raise UserError(f"data.groups: {GROUP!r} is the group of the language pair; rename the key of the lines")
        source, target = self.language_pairs[0]
        super().__init__(source=source, target=target, **options)

    @property
    def languages(self) -> list[str]:
        """Source and target languages, in the order of `pairs`."""
        return list(dict.fromkeys(language for pair in self.language_pairs for language in pair))

    @property
    def tags(self) -> list[str]:
        """The tags of the target languages."""
        return list(dict.fromkeys(tag_of(target) for _, target in self.language_pairs))

    def read_pairs(self) -> dict[str, Pairs]:
        """The tagged pairs of the splits, one language pair after another; ids are `en-de/1`."""
        folder = self.path if self.path is not None else find(str(self.name))
        wanted = dict.fromkeys(("train", "val", "test"), self.language_pairs)
        wanted["test"] = self.test_pairs or self.language_pairs
        read = {
            sides: read_folder(folder, *sides, groups=self.groups)
            for sides in dict.fromkeys([*self.language_pairs, *wanted["test"]])
        }
        return {
            split: _joined({sides: read[sides][split] for sides in pairs}, self.groups)
            for split, pairs in wanted.items()
        }

    def check_source(self, text: str) -> None:
        """Raise UserError unless a new source begins with a trained tag."""
        check_tag(text, self.tags)

    def encode_sources(self, texts: Sequence[str]) -> list[list[int]]:
        """See `ParallelText`; raises UserError for a text without a trained tag."""
        for text in texts:
            self.check_source(text)
        return super().encode_sources(texts)

    def notes(self) -> list[str]:
        """Also whether the tags are no tokens."""
        if self.tokenizer is None or tag_ids(self.tokenizer):
            return super().notes()
        told = f"the tokenizer has no token for {', '.join(self.tags)}: the tags are encoded as ordinary text"
        return [*super().notes(), told]

    def _arguments(self) -> dict[str, Any]:
        tested = {} if self.test_pairs is None else {"test_pairs": ["-".join(sides) for sides in self.test_pairs]}
        return {**super()._arguments(), "pairs": ["-".join(sides) for sides in self.language_pairs], **tested}

    def _tokenizer(self, given: TokenizerBuilder | TextTokenizer, training: Pairs) -> TextTokenizer:
        tokenizer = super()._tokenizer(given, training)
        if not isinstance(given, TextTokenizer):
            return with_tags(tokenizer, (target for _, target in self.language_pairs))
        known = tag_ids(tokenizer)
        new = [tag for tag in self.tags if tag not in known]
        if known and new:
            raise UserError(
                f"data.pairs: the initial model knows {', '.join(known)}, and not {', '.join(new)}; leave these pairs "
                "out, or train from scratch"
            )
        return tokenizer

    def _training_texts(self, training: Pairs) -> Iterator[str]:
        """Texts without tags, which are added to the vocabulary afterwards."""
        return super()._training_texts(
            Pairs([split_tag(text)[1] for text in training.sources], training.references, training.ids)
        )


def _all_sides(pairs: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Return source and target of names such as "en-de"; UserError for another name or one that stands twice."""
    found = []
    for pair in pairs:
        match = PAIR.fullmatch(pair)
        if match is None or match[1] == match[2]:
            raise UserError(f"{option}: got {pair!r}; expected SOURCE-TARGET with two languages, such as en-de")
        found.append((match[1], match[2]))
    if len(set(found)) < len(found):
        raise UserError(f"{option}: got {', '.join(pairs)}; name each pair once")
    return found


def _joined(parts: dict[tuple[str, str], Pairs], groups: Sequence[str]) -> Pairs:
    """Return the pairs of all language pairs, with tags, ids of their own and the group of the language pair."""
    sources: list[str] = []
    references: list[Sequence[str]] = []
    ids: list[str] = []
    values: dict[str, list[str]] = {name: [] for name in (GROUP, *groups)}
    for sides, pairs in parts.items():
        name = "-".join(sides)
        sources += [f"{tag_of(sides[1])} {text}" for text in pairs.sources]
        references += pairs.references
        ids += [f"{name}/{each}" for each in pairs.ids]
        values[GROUP] += [name] * len(pairs)
        for group in groups:
            values[group] += pairs.groups[group]
    return Pairs(sources, references, ids, values)
