"""English sentences and their German, French and Chinese translations, whose words hang on what is seen or heard.

English "this one", "the other one" and "each one" stand for any shape; German and French pronouns take the gender of
the noun that is meant, French adjectives with them, and Chinese its classifier (颗 for stars, 个 else). A sentence
alone does not tell it: contextual pronouns as in Mueller et al. 2018 (ContraPro), with pictures and sounds for context.
"""

from typing import NamedTuple

from interlace.scenes.language.captions import makes, stop
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


class Said(NamedTuple):
    """What a sentence is about: what its translation needs ("text", "image", "audio", "both", "either"), the shape that
    is meant and a colour (indices in settings.py), pitch and beats (from 0 for one).
    """

    requires: str
    shape: int
    colour: int
    pitch: int
    beats: int


def english(said: Said) -> str:
    """The source.

    "text": a hidden shape, named; "image": the one of that colour; "audio": the one that sounds; "both": the one of two
    that does not sound; "either": any of those that all have one shape.
    """
    if said.requires == "text":
        noun, colour = SHAPE_NOUNS[SHAPES[said.shape]], COLOUR_ADJECTIVES[COLOURS[said.colour]]
        return sentence(f"{indefinite('en', noun, colour)} is hidden")
    return {
        "image": f"This one is {COLOURS[said.colour]}.",
        "audio": f"This one {makes('en', said.pitch, said.beats)}.",
        "both": "The other one is silent.",
        "either": "Each one has a colour of its own.",
    }[said.requires]


def translation(language: Language, said: Said) -> str:
    """`english(said)` in German, French or Chinese."""
    words = {"de": _german, "fr": _french, "zh": _chinese}[language](said)
    return sentence(words, stop(language))


def _german(said: Said) -> str:
    noun, colour = SHAPE_NOUNS[SHAPES[said.shape]], COLOUR_ADJECTIVES[COLOURS[said.colour]]
    gender = noun.de_gender
    return {
        "text": f"{indefinite('de', noun, colour)} ist versteckt",
        "image": f"{THIS[gender][0]} ist {colour.de}",
        "audio": f"{THIS[gender][0]} {makes('de', said.pitch, said.beats)}",
        "both": f"{OTHER[gender]} ist still",
        "either": f"{EACH[gender][0]} hat eine eigene Farbe",
    }[said.requires]


def _french(said: Said) -> str:
    noun, colour = SHAPE_NOUNS[SHAPES[said.shape]], COLOUR_ADJECTIVES[COLOURS[said.colour]]
    gender = noun.fr_gender
    return {
        "text": f"{indefinite('fr', noun, colour)} est caché{'e' if gender == 'f' else ''}",
        "image": f"{THIS[gender][1]} est {french(colour, gender)}",
        "audio": f"{THIS[gender][1]} {makes('fr', said.pitch, said.beats)}",
        "both": f"l'autre est {SILENT[gender]}",
        "either": f"{EACH[gender][1]} a sa propre couleur",
    }[said.requires]


def _chinese(said: Said) -> str:
    noun, colour = SHAPE_NOUNS[SHAPES[said.shape]], COLOUR_ADJECTIVES[COLOURS[said.colour]]
    classifier = noun.zh_classifier
    return {
        "text": f"有{indefinite('zh', noun, colour)}藏起来了",
        "image": f"这{classifier}是{colour.zh}",
        "audio": f"这{classifier}{makes('zh', said.pitch, said.beats)}",
        "both": f"另一{classifier}没有声音",
        "either": f"每{classifier}都有自己的颜色",
    }[said.requires]
