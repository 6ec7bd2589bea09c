"""What is to be written about scenes: captions, answers or translations."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from interlace.data.arrays import as_strings
from interlace.data.datamodule import check_range
from interlace.errors import UserError
from interlace.scenes.ceilings import ideal_accuracy
from interlace.scenes.language.answers import answer_sentence
from interlace.scenes.language.captions import Seen, picture_caption, scene_caption, sound_caption
from interlace.scenes.language.ceilings import ideal_captions, ideal_translations
from interlace.scenes.language.grammar import LANGUAGES, Language
from interlace.scenes.language.masking import masked
from interlace.scenes.language.pairs import Said, english, translation
from interlace.scenes.questions import answer_classes, question
from interlace.scenes.settings import Settings
from interlace.scenes.world import World

MAX_WORDS = 16  # of a source


class Texts(NamedTuple):
    """Of each example: what is read first, what is to be written, and groups by which metrics are split."""

    prompts: list[str]
    targets: list[str]
    groups: dict[str, np.ndarray]


class Writer(Protocol):
    """Texts about scenes."""

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """Raises UserError where these scenes cannot be written about."""

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """A text for each scene."""

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, Any]:
        """Exact match of a perfect observer, by what it sees."""


class Captions:
    """A caption in one of `languages`, which take turns; the prompt is a tag of the language, ">>de<<".

    `about` "picture": every object and where it lies; "sound": which shape sounds (its timbre tells), how high and how
    often; "scene": the same with the colour of what sounds, which needs both. Group `language`.
    """

    def __init__(
        self, *, about: Literal["picture", "sound", "scene"], languages: Annotated[list[Language], Field(min_length=1)]
    ) -> None:
        self.about = about
        self.languages = in_order(languages)
        self._given = languages

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """Any scene has a caption, in each language once."""
        check_once(self._given, "data.write.languages")

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """A caption for each scene."""
        languages = take_turns(self.languages, len(world.answer))
        captions = [self._caption(language, world, row) for row, language in enumerate(languages)]
        return Texts([tag(each) for each in languages], captions, {"language": as_strings(languages)})

    def _caption(self, language: Language, world: World, row: int) -> str:
        shapes, colours, sounding = world.shapes[row], world.colours[row], world.sounding[row]
        if self.about == "picture":
            return picture_caption(language, list(map(Seen, shapes, colours, world.cells[row])))
        sound = (int(world.pitch[row]), int(world.beats[row]))
        if self.about == "sound":
            return sound_caption(language, shapes[sounding], *sound)
        return scene_caption(language, shapes[sounding], colours[sounding], *sound)

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, float]:
        """By what is seen; the same in every language."""
        return ideal_captions(settings, kinds, self.about)


class Answers:
    """The answer to the question that is the prompt, in one word or in a sentence; English. Group `requires`, as in
    `Scenes`.
    """

    def __init__(self, *, sentences: bool) -> None:
        self.sentences = sentences

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """Any scene has a question."""

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """The answer to each question."""
        asked = list(zip(world.template, world.shape, world.colour, strict=True))
        classes = answer_classes(settings)
        words = [classes[answer] for answer in world.answer]
        if self.sentences:
            words = [answer_sentence(*facts, word) for facts, word in zip(asked, words, strict=True)]
        return Texts([question(*facts) for facts in asked], words, {"requires": as_strings(list(world.requires))})

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """By what is seen beside the question, for each kind and "overall": question and answer make the sentence."""
        table = ideal_accuracy(settings, kinds)
        return {f"prompt{seen[4:]}": shares for seen, shares in table.items() if seen.startswith("text")}


class Translation:
    """An English sentence in one of `targets`, which take turns; the prompt is the tag of the language and the source.

    The group `requires` says what settles the words of the translation: "text" (the source itself), "image" (which
    shape has the colour that is named), "audio" (which shape sounds), "both" (which of the two in the picture does not)
    or "either" (the shape that all have). `masked_words` hides that share of the source's words, drawn once for each
    word: what is hidden at a low share is hidden at a higher one. Group `language` besides.
    """

    def __init__(
        self,
        *,
        targets: Annotated[list[Literal["de", "fr", "zh"]], Field(min_length=1)],
        masked_words: Annotated[float, Field(ge=0, le=1)],
    ) -> None:
        self.targets = in_order(targets)
        self.masked_words = masked_words
        self._given = targets

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """ "The other one is silent" takes two objects, and nothing else that sounds."""
        check_once(self._given, "data.write.targets")
        check_range("write.masked_words", self.masked_words, minimum=0, maximum=1)
        if kinds.get("both") and (settings.num_objects != 2 or settings.num_distractor_sounds):
            raise UserError(
                f"data.kinds.both: 'the other one is silent' takes two objects and one sound, and these scenes have "
                f"{settings.num_objects} and {1 + settings.num_distractor_sounds}; set data.num_objects=2 "
                "data.num_distractor_sounds=0, or data.kinds.both=0"
            )

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """A source and its translation for each scene."""
        languages = take_turns(self.targets, len(world.answer))
        said = said_of(world)
        hidden = rng.random((len(said), MAX_WORDS)) < self.masked_words
        prompts = []
        for language, each, flags in zip(languages, said, hidden, strict=True):
            source = english(each)
            prompts.append(f"{tag(language)} {masked(source, flags[: len(source.split())])}")
        targets = [translation(language, each) for language, each in zip(languages, said, strict=True)]
        requires = as_strings([each.requires for each in said])
        return Texts(prompts, targets, {"language": as_strings(languages), "requires": requires})

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """By what is seen beside the source, for each kind, each language and "overall"."""
        return ideal_translations(settings, kinds, self.targets, self.masked_words)


def said_of(world: World) -> list[Said]:
    """What is said of each scene: of its focus, or, where both picture and sound are needed, of the other object."""
    requires = world.requires
    meant = np.where(requires == "both", world.shapes[:, 1], world.shape)
    columns = (meant.tolist(), world.colour.tolist(), world.pitch.tolist(), world.beats.tolist())
    return [Said(*facts) for facts in zip(requires, *columns, strict=True)]


def in_order(languages: Sequence[Language]) -> list[Language]:
    """Languages in the order of LANGUAGES."""
    return [language for language in LANGUAGES if language in languages]


def check_once(languages: Sequence[Language], where: str) -> None:
    """UserError for a language that is there twice. A component within a component cannot tell in its constructor."""
    if len(set(languages)) < len(languages):
        raise UserError(f"{where}: got {list(languages)}; name each language once")


def take_turns(languages: Sequence[Language], num: int) -> list[Language]:
    """One language an example."""
    return [languages[row % len(languages)] for row in range(num)]


def tag(language: Language) -> str:
    """ ">>de<<"."""
    return f">>{language}<<"
