"""Questions in words, the modalities that each needs, and its answer."""

from collections.abc import Sequence
from typing import NamedTuple

from interlace.scenes.settings import BEATS, COLOURS, PITCHES, SHAPES, Settings


class Template(NamedTuple):
    """A wording of a question: `requires` is its kind, `asks` the property that is the answer."""

    requires: str
    asks: str
    words: str


# {shape} and {colour} are those of the focus, the object asked about; for kind "text" it is not in the image.
TEMPLATES = (
    Template("text", "colour", "a hidden {shape} is {colour} . what colour is it ?"),
    Template("text", "shape", "a hidden {shape} is {colour} . what shape is it ?"),
    Template("image", "colour", "what colour is the {shape} ?"),
    Template("image", "shape", "what shape is the {colour} one ?"),
    Template("audio", "pitch", "what pitch is the sound ?"),
    Template("audio", "shape", "what shape makes the sound ?"),
    Template("audio", "beats", "how many beats has the sound ?"),
    Template("both", "colour", "what colour is the one that sounds ?"),
    Template("either", "shape", "what shape are they all ?"),
)


def templates_of(kind: str, settings: Settings) -> list[int]:
    """Indices of the templates of a kind. Beats are asked about only if they vary, the shape of a colour only if
    `ask_shape_of_colour` is set.
    """
    return [
        index
        for index, template in enumerate(TEMPLATES)
        if template.requires == kind
        and (template.asks != "beats" or settings.num_beats > 1)
        and ((kind, template.asks) != ("image", "shape") or settings.ask_shape_of_colour)
    ]


def properties(settings: Settings) -> dict[str, Sequence[str]]:
    """The possible values of each property that a question can ask for."""
    return {
        "shape": SHAPES[: settings.num_shapes],
        "colour": COLOURS[: settings.num_colours],
        "pitch": PITCHES,
        "beats": BEATS[: settings.num_beats] if settings.num_beats > 1 else (),
    }


def answer_classes(settings: Settings) -> list[str]:
    """All answers: shapes, colours, pitches and beats."""
    return [value for values in properties(settings).values() for value in values]


def question(template: int, shape: int, colour: int) -> str:
    """The words of a question about a focus of a shape and colour."""
    return TEMPLATES[template].words.format(shape=SHAPES[shape], colour=COLOURS[colour])


def all_questions(settings: Settings, kinds: Sequence[str]) -> list[str]:
    """Every distinct question of some kinds, sorted."""
    return sorted(
        {
            question(template, shape, colour)
            for kind in kinds
            for template in templates_of(kind, settings)
            for shape in range(settings.num_shapes)
            for colour in range(settings.num_colours)
        }
    )
