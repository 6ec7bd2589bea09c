"""Captions of images, of sounds, of scenes with both, and of videos."""

from typing import NamedTuple

from interlace.scenes.language.grammar import (
    COLOUR_ADJECTIVES,
    SHAPE_NOUNS,
    Adjective,
    Language,
    Noun,
    definite,
    enumeration,
    indefinite,
    sentence,
)
from interlace.scenes.settings import COLOURS, SHAPES

# Cells of the grid, row by row.
POSITIONS: dict[Language, tuple[str, ...]] = {
    "en": ("at the top left", "at the top right", "at the bottom left", "at the bottom right"),
    "de": ("oben links", "oben rechts", "unten links", "unten rechts"),
    "fr": ("en haut à gauche", "en haut à droite", "en bas à gauche", "en bas à droite"),
    "zh": ("左上角", "右上角", "左下角", "右下角"),
}
# left, right, up, down
DIRECTIONS: dict[Language, tuple[str, ...]] = {
    "en": ("to the left", "to the right", "up", "down"),
    "de": ("nach links", "nach rechts", "nach oben", "nach unten"),
    "fr": ("vers la gauche", "vers la droite", "vers le haut", "vers le bas"),
    "zh": ("向左", "向右", "向上", "向下"),
}
# low, middle, high; German singular after "ein" (accusative and dative) and plural; French singular and plural.
ENGLISH_PITCH = ("low", "medium", "high")
GERMAN_PITCH = (("tiefen", "tiefe"), ("mittleren", "mittlere"), ("hohen", "hohe"))
FRENCH_PITCH = (("grave", "graves"), ("moyen", "moyens"), ("aigu", "aigus"))
CHINESE_PITCH = ("低音", "中音", "高音")
NUMBERS: dict[Language, tuple[str, ...]] = {
    "en": ("one", "two", "three"), "de": ("ein", "zwei", "drei"), "fr": ("un", "deux", "trois"),
    "zh": ("一", "两", "三"),
}  # fmt: skip


class PlacedObject(NamedTuple):
    """An object of an image: indices of its shape and colour in settings.py, and of its cell."""

    shape: int
    colour: int
    cell: int


class Move(NamedTuple):
    """A movement: indices of its shape (settings.py) and direction (DIRECTIONS); the pitch of its sound, if any."""

    shape: int
    direction: int
    pitch: int | None


def picture_caption(language: Language, objects: list[PlacedObject]) -> str:
    """A caption of every object and its position, from the top left to the bottom right."""
    parts = []
    for shape, colour, cell in sorted(objects, key=lambda placed: placed.cell):
        phrase = indefinite(language, *_named(shape, colour), "accusative")
        position = POSITIONS[language][cell]
        parts.append(
            {"de": f"{position} {phrase}", "zh": f"{position}有{phrase}"}.get(language, f"{phrase} {position}")
        )
    start = {"en": "the picture shows ", "de": "das Bild zeigt ", "fr": "l'image montre ", "zh": "图中"}[language]
    return sentence(start + enumeration(language, parts), full_stop(language))


def sound_caption(language: Language, shape: int, pitch: int, beats: int) -> str:
    """A caption of a sound: the shape that its timbre identifies, its pitch and its beats (counted from 0 for one)."""
    subject = definite(language, SHAPE_NOUNS[SHAPES[shape]], None)
    return sentence(f"{subject}{word_separator(language)}{sound_phrase(language, pitch, beats)}", full_stop(language))


def scene_caption(language: Language, shape: int, colour: int, pitch: int, beats: int) -> str:
    """The caption of the sound, with the colour that only the image shows."""
    subject = definite(language, *_named(shape, colour))
    return sentence(f"{subject}{word_separator(language)}{sound_phrase(language, pitch, beats)}", full_stop(language))


def video_caption(language: Language, first: Move, second: Move) -> str:
    """A caption of both movements in order, with the sound next to the shape that it accompanies."""
    one, two = (_moves(language, move, then) for move, then in ((first, False), (second, True)))
    link = {"en": ", then ", "de": ", dann ", "fr": ", puis ", "zh": "，然后"}[language]
    return sentence(one + link + two, full_stop(language))


def full_stop(language: Language) -> str:
    """The full stop of a language."""
    return "。" if language == "zh" else "."


def word_separator(language: Language) -> str:
    """The separator between words, empty in Chinese."""
    return "" if language == "zh" else " "


def sound_phrase(language: Language, pitch: int, beats: int) -> str:
    """The predicate "makes two low sounds"; `beats` counts from 0 for one."""
    number, several = NUMBERS[language][beats], beats > 0
    if language == "en":
        return f"makes {number} {ENGLISH_PITCH[pitch]} sound{'s' if several else ''}"
    if language == "de":
        sounds = f"{number} {GERMAN_PITCH[pitch][1]} Töne" if several else f"einen {GERMAN_PITCH[pitch][0]} Ton"
        return f"macht {sounds}"
    if language == "fr":
        return f"émet {number} son{'s' if several else ''} {FRENCH_PITCH[pitch][several]}"
    return f"发出{number}声{CHINESE_PITCH[pitch]}"


def with_sound_phrase(language: Language, pitch: int) -> str:
    """The phrase "with a low sound"."""
    if language == "en":
        return f"with a {ENGLISH_PITCH[pitch]} sound"
    if language == "de":
        return f"mit einem {GERMAN_PITCH[pitch][0]} Ton"
    if language == "fr":
        return f"avec un son {FRENCH_PITCH[pitch][0]}"
    return f"伴着{CHINESE_PITCH[pitch]}"


def _named(shape: int, colour: int) -> tuple[Noun, Adjective]:
    return SHAPE_NOUNS[SHAPES[shape]], COLOUR_ADJECTIVES[COLOURS[colour]]


def _moves(language: Language, move: Move, then: bool) -> str:
    subject = indefinite(language, SHAPE_NOUNS[SHAPES[move.shape]], None)
    sound = "" if move.pitch is None else with_sound_phrase(language, move.pitch)
    direction = DIRECTIONS[language][move.direction]
    if language == "zh":
        return f"{subject}{sound}{direction}移动"
    verb = {"en": "moves", "de": "bewegt sich", "fr": "se déplace"}[language]
    # The German verb comes second, also after "dann".
    words = [verb, subject] if language == "de" and then else [subject, verb]
    # "mit einem tiefen Ton nach links", but "to the left with a low sound".
    return " ".join(
        part for part in [*words, *([sound, direction] if language == "de" else [direction, sound])] if part
    )
