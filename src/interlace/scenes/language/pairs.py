"""English sentences and their German, French and Chinese translations, whose words depend on the image or sound.

English "this one", "the other one" and "each one" refer to any shape. German and French pronouns (and French
adjectives) take the gender of the noun they refer to, and Chinese takes its classifier (颗 for stars, 个 otherwise).
The sentence alone does not determine the noun: contextual pronouns as in Mueller et al. 2018 (ContraPro), with images
and sounds as the context.
"""

from typing import NamedTuple

from interlace.scenes.language.captions import full_stop, sound_phrase
from interlace.scenes.language.grammar import (
    COLOUR_ADJECTIVES,
    SHAPE_NOUNS,
    Language,
    french,
    indefinite,
    sentence,
)
from interlace.scenes.settings import COLOURS, SHAPES

THIS = {"m": ("dieser", "celui-ci"), "f": ("diese", "celle-ci"), "n": ("dieses", "")}
OTHER = {"m": "der andere", "f": "die andere", "n": "das andere"}
EACH = {"m": ("jeder", "chacun"), "f": ("jede", "chacune"), "n": ("jedes", "")}
SILENT = {"m": "silencieux", "f": "silencieuse"}


class Statement(NamedTuple):
    """The content of a sentence: the modality that its translation needs ("text", "image", "audio", "both", "either"),
    the shape it refers to and a colour (indices in settings.py), pitch and beats (counted from 0 for one).
    """

    requires: str
    shape: int
    colour: int
    pitch: int
    beats: int


def english(statement: Statement) -> str:
    """The English source sentence.

    "text": a hidden shape, named; "image": the object of that colour; "audio": the object that sounds; "both": the one
    of two objects that does not sound; "either": any of the objects, which all have the same shape.
    """
    if statement.requires == "text":
        noun, colour = SHAPE_NOUNS[SHAPES[statement.shape]], COLOUR_ADJECTIVES[COLOURS[statement.colour]]
        return sentence(f"{indefinite('en', noun, colour)} is hidden")
    return {
        "image": f"This one is {COLOURS[statement.colour]}.",
        "audio": f"This one {sound_phrase('en', statement.pitch, statement.beats)}.",
        "both": "The other one is silent.",
        "either": "Each one has a colour of its own.",
    }[statement.requires]


def translation(language: Language, statement: Statement) -> str:
    """The translation of `english(statement)` into German, French or Chinese."""
    words = {"de": _german, "fr": _french, "zh": _chinese}[language](statement)
    return sentence(words, full_stop(language))


def _german(statement: Statement) -> str:
    noun, colour = SHAPE_NOUNS[SHAPES[statement.shape]], COLOUR_ADJECTIVES[COLOURS[statement.colour]]
    gender = noun.de_gender
    return {
        "text": f"{indefinite('de', noun, colour)} ist versteckt",
        "image": f"{THIS[gender][0]} ist {colour.de}",
        "audio": f"{THIS[gender][0]} {sound_phrase('de', statement.pitch, statement.beats)}",
        "both": f"{OTHER[gender]} ist still",
        "either": f"{EACH[gender][0]} hat eine eigene Farbe",
    }[statement.requires]


def _french(statement: Statement) -> str:
    noun, colour = SHAPE_NOUNS[SHAPES[statement.shape]], COLOUR_ADJECTIVES[COLOURS[statement.colour]]
    gender = noun.fr_gender
    return {
        "text": f"{indefinite('fr', noun, colour)} est caché{'e' if gender == 'f' else ''}",
        "image": f"{THIS[gender][1]} est {french(colour, gender)}",
        "audio": f"{THIS[gender][1]} {sound_phrase('fr', statement.pitch, statement.beats)}",
        "both": f"l'autre est {SILENT[gender]}",
        "either": f"{EACH[gender][1]} a sa propre couleur",
    }[statement.requires]


def _chinese(statement: Statement) -> str:
    noun, colour = SHAPE_NOUNS[SHAPES[statement.shape]], COLOUR_ADJECTIVES[COLOURS[statement.colour]]
    classifier = noun.zh_classifier
    return {
        "text": f"有{indefinite('zh', noun, colour)}藏起来了",
        "image": f"这{classifier}是{colour.zh}",
        "audio": f"这{classifier}{sound_phrase('zh', statement.pitch, statement.beats)}",
        "both": f"另一{classifier}没有声音",
        "either": f"每{classifier}都有自己的颜色",
    }[statement.requires]
