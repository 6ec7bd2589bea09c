"""Settings of the generator, and those of each level of difficulty."""

from dataclasses import dataclass

# The most distinct shapes come first: in images of 32 pixels a circle and a square differ only in their corners.
SHAPES = ("circle", "triangle", "cross", "square", "star", "diamond")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
PITCHES = ("low", "middle", "high")
BEATS = ("one", "two", "three")
KINDS = ("text", "image", "audio", "both", "either")
MAX_OBJECTS = 4


@dataclass(frozen=True)
class Settings:
    """Settings of the generator.

    `image_noise` is the largest change of a pixel value (of 255), `sound_noise` that of a sample (of 1).
    """

    num_objects: int
    num_colours: int
    num_shapes: int
    num_beats: int
    num_distractor_sounds: int
    num_clutter: int
    ask_shape_of_colour: bool
    image_noise: int
    sound_noise: float
    image_size: int
    sample_rate: int
    seconds: float


# Level 1 is learnable by single-stream attention in about a minute on one thread: there are two objects, and questions
# about the image ask only for the colour of a shape, which is the look-up that the synergy question needs too.
LEVELS: dict[int, dict[str, float]] = {
    1: {
        "num_objects": 2, "num_colours": 3, "num_shapes": 3, "num_beats": 1,
        "num_distractor_sounds": 0, "num_clutter": 0, "ask_shape_of_colour": False,
        "image_noise": 0, "sound_noise": 0.0,
    },
    2: {
        "num_objects": 3, "num_colours": 4, "num_shapes": 4, "num_beats": 1,
        "num_distractor_sounds": 0, "num_clutter": 2, "ask_shape_of_colour": True,
        "image_noise": 24, "sound_noise": 0.02,
    },
    3: {
        "num_objects": 4, "num_colours": 5, "num_shapes": 5, "num_beats": 3,
        "num_distractor_sounds": 1, "num_clutter": 4, "ask_shape_of_colour": True,
        "image_noise": 48, "sound_noise": 0.05,
    },
}  # fmt: skip
