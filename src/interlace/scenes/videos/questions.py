"""Questions about videos, the modalities that each needs, and its answer."""

from typing import NamedTuple

from interlace.scenes.settings import PITCHES, SHAPES

DIRECTIONS = ("left", "right", "up", "down")
STEPS = ((0, -1), (0, 1), (-1, 0), (1, 0))  # rows, columns
TIMES = ("early", "late")
KINDS = ("video", "audio", "both")


class Template(NamedTuple):
    """A wording of a question: `requires` is its kind, `asks` the property that is the answer, and `about` the mover it
    asks about: the one named in the words ("named"), the first ("first") or the one with the sound ("sounding").
    """

    requires: str
    asks: str
    about: str
    words: str


TEMPLATES = (
    Template("video", "direction", "named", "which way does the {shape} move ?"),
    Template("video", "shape", "first", "which shape moves first ?"),
    Template("audio", "pitch", "sounding", "what pitch is the sound ?"),
    Template("audio", "time", "sounding", "is the sound early or late ?"),
    Template("both", "shape", "sounding", "which shape moves with the sound ?"),
    Template("both", "direction", "sounding", "which way does the one with the sound move ?"),
)


def templates_of(kind: str) -> list[int]:
    """Indices of the templates of a kind."""
    return [index for index, template in enumerate(TEMPLATES) if template.requires == kind]


def answer_classes(num_shapes: int) -> list[str]:
    """All answers: shapes, directions, pitches and times."""
    return [*SHAPES[:num_shapes], *DIRECTIONS, *PITCHES, *TIMES]


def question(template: int, shape: int) -> str:
    """The words of a question; `shape` is the shape of the mover that it names, if any."""
    return TEMPLATES[template].words.format(shape=SHAPES[shape])


def all_questions(num_shapes: int) -> list[str]:
    """Every distinct question, sorted."""
    return sorted({question(t, s) for t in range(len(TEMPLATES)) for s in range(num_shapes)})
