"""Target texts about scenes: captions, answers or translations."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from interlace.data.arrays import as_strings
from interlace.data.datamodule import check_range
from interlace.errors import UserError
from interlace.scenes.ceilings import ideal_accuracy
from interlace.scenes.language.answers import answer_sentence
from interlace.scenes.language.captions import PlacedObject, picture_caption, scene_caption, sound_caption
from interlace.scenes.language.ceilings import ideal_captions, ideal_translations
from interlace.scenes.language.grammar import LANGUAGES, Language
from interlace.scenes.language.masking import masked
from interlace.scenes.language.pairs import Statement, english, translation
from interlace.scenes.questions import answer_classes, question
from interlace.scenes.settings import Settings
from interlace.scenes.world import World

MAX_WORDS = 16  # of a source sentence


class Texts(NamedTuple):
    """Prompts and target texts by example, and the groups by which metrics are reported."""

    prompts: list[str]
    targets: list[str]
    groups: dict[str, np.ndarray]


class Writer(Protocol):
    """A generator of texts about scenes."""

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """Raises UserError if texts about such scenes are not possible."""

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """Returns a prompt and a target for each scene."""

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, Any]:
        """Exact match of an ideal observer, by the inputs that it sees."""


class Captions:
    """A caption in one of `languages`, which alternate; the prompt is the tag of the language, ">>de<<".

    `about` "picture": every object and its position; "sound": the shape that sounds (by its timbre), pitch and beats;
    "scene": the same with the colour of the sounding object, which needs both. Group `language`.
    """

    def __init__(
        self, *, about: Literal["picture", "sound", "scene"], languages: Annotated[list[Language], Field(min_length=1)]
    ) -> None:
        self.about = about
        self.languages = ordered_languages(languages)
        self._given = languages

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """Every scene has a caption; raises UserError for a language given twice."""
        check_distinct(self._given, "data.write.languages")

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """Returns a caption for each scene."""
        languages = alternating_languages(self.languages, len(world.answer))
        captions = [self._caption(language, world, row) for row, language in enumerate(languages)]
        return Texts([language_tag(language) for language in languages], captions, {"language": as_strings(languages)})

    def _caption(self, language: Language, world: World, row: int) -> str:
        shapes, colours, sounding = world.shapes[row], world.colours[row], world.sounding[row]
        if self.about == "picture":
            return picture_caption(language, list(map(PlacedObject, shapes, colours, world.cells[row])))
        sound = (int(world.pitch[row]), int(world.beats[row]))
        if self.about == "sound":
            return sound_caption(language, shapes[sounding], *sound)
        return scene_caption(language, shapes[sounding], colours[sounding], *sound)

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, float]:
        """Exact match by the inputs; the same in every language."""
        return ideal_captions(settings, kinds, self.about)


class Answers:
    """The answer to the question in the prompt, in one word or in a sentence, in English. Group `requires`, as in
    `Scenes`.
    """

    def __init__(self, *, sentences: bool) -> None:
        self.sentences = sentences

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """Every scene has a question."""

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """Returns the answer to each question."""
        asked = list(zip(world.template, world.shape, world.colour, strict=True))
        classes = answer_classes(settings)
        words = [classes[answer] for answer in world.answer]
        if self.sentences:
            words = [answer_sentence(*facts, word) for facts, word in zip(asked, words, strict=True)]
        return Texts([question(*facts) for facts in asked], words, {"requires": as_strings(list(world.requires))})

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Exact match by the inputs beside the question, by kind and "overall"; equal to the accuracy of the answers,
        as question and answer determine the sentence.
        """
        table = ideal_accuracy(settings, kinds)
        return {f"prompt{inputs[4:]}": shares for inputs, shares in table.items() if inputs.startswith("text")}


class Translation:
    """The translation of an English sentence into one of `targets`, which alternate; the prompt is the tag of the
    language and the source sentence.

    The group `requires` names what determines the words of the translation: "text" (the source itself), "image" (the
    shape of the named colour), "audio" (the shape that sounds), "both" (the one of two shapes in the image that does
    not sound) or "either" (the shape of all objects). `masked_words` is the share of source words that are masked, by
    one draw per word: a word masked at a low share is masked at every higher one. Further group: `language`.
    """

    def __init__(
        self,
        *,
        targets: Annotated[list[Literal["de", "fr", "zh"]], Field(min_length=1)],
        masked_words: Annotated[float, Field(ge=0, le=1)],
    ) -> None:
        self.targets = ordered_languages(targets)
        self.masked_words = masked_words
        self._given = targets

    def check(self, settings: Settings, kinds: Mapping[str, float]) -> None:
        """Raises UserError for a language given twice, or for kind "both" without two objects and one sound."""
        check_distinct(self._given, "data.write.targets")
        check_range("write.masked_words", self.masked_words, minimum=0, maximum=1)
        if kinds.get("both") and (settings.num_objects != 2 or settings.num_distractor_sounds):
            raise UserError(
                f"data.kinds.both: 'the other one is silent' needs two objects and one sound, and these scenes have "
                f"{settings.num_objects} and {1 + settings.num_distractor_sounds}; set data.num_objects=2 "
                "data.num_distractor_sounds=0, or data.kinds.both=0"
            )

    def write(self, world: World, settings: Settings, rng: np.random.Generator) -> Texts:
        """Returns a source sentence and its translation for each scene."""
        languages = alternating_languages(self.targets, len(world.answer))
        statements = statements_of(world)
        hidden = rng.random((len(statements), MAX_WORDS)) < self.masked_words
        prompts = []
        for language, statement, flags in zip(languages, statements, hidden, strict=True):
            source = english(statement)
            prompts.append(f"{language_tag(language)} {masked(source, flags[: len(source.split())])}")
        targets = [translation(language, statement) for language, statement in zip(languages, statements, strict=True)]
        requires = as_strings([statement.requires for statement in statements])
        return Texts(prompts, targets, {"language": as_strings(languages), "requires": requires})

    def ideal(self, settings: Settings, kinds: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Exact match by the inputs beside the source, by kind, by language and "overall"."""
        return ideal_translations(settings, kinds, self.targets, self.masked_words)


def statements_of(world: World) -> list[Statement]:
    """A statement about each scene: about its focus or, if both image and sound are needed, about the other object."""
    requires = world.requires
    referents = np.where(requires == "both", world.shapes[:, 1], world.shape)
    columns = (referents.tolist(), world.colour.tolist(), world.pitch.tolist(), world.beats.tolist())
    return [Statement(*facts) for facts in zip(requires, *columns, strict=True)]


def ordered_languages(languages: Sequence[Language]) -> list[Language]:
    """Languages in the order of LANGUAGES."""
    return [language for language in LANGUAGES if language in languages]


def check_distinct(languages: Sequence[Language], where: str) -> None:
    """Raise UserError for a language given twice.

    A nested component cannot check this in its constructor, where it does not know the path of its option.
    """
    if len(set(languages)) < len(languages):
        raise UserError(f"{where}: got {list(languages)}; name each language once")


def alternating_languages(languages: Sequence[Language], num: int) -> list[Language]:
    """The language of each of `num` examples; languages alternate."""
    return [languages[row % len(languages)] for row in range(num)]


def language_tag(language: Language) -> str:
    """The tag of a language, such as ">>de<<"."""
    return f">>{language}<<"
