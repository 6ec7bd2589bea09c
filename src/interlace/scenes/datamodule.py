"""The scenes data set."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from interlace.data.arrays import RawArray, full_array
from interlace.data.cache import cached_arrays, content_hash, fingerprint_of, source_hash
from interlace.data.datamodule import DataModule, check_range
from interlace.data.split import Split
from interlace.data.text import WordTokenizer
from interlace.errors import UserError
from interlace.scenes.ceilings import ideal_accuracy
from interlace.scenes.drawing import draw_pictures
from interlace.scenes.priors import measured_priors
from interlace.scenes.questions import TEMPLATES, all_questions, answer_classes, question, templates_of
from interlace.scenes.settings import COLOURS, KINDS, LEVELS, MAX_OBJECTS, SHAPES, Settings
from interlace.scenes.sound import synthesize
from interlace.scenes.world import World, draw_world
from interlace.tokens import ModalitySpec

SPLITS = ("train", "val", "test")


class Scenes(DataModule):
    """Coloured shapes on a 2 x 2 grid, one of which sounds, and a question; modalities text, image, audio.

    The group `requires` names the modality that a question needs: "text" (the answer is in the question), "image",
    "audio", "both" (synergy: the timbre identifies a shape, the image shows its colour) or "either" (redundancy: both
    show the shape that all objects share). Objects differ in shape and in colour, except for "either", where all have
    the same shape. `level` sets the difficulty; `null` takes a value from the level. `kinds` gives the weights of the
    question kinds. The bytes depend on the arguments only: numpy's PCG64 with a separate stream per split, and integer
    arithmetic.
    """

    def __init__(
        self,
        *,
        level: Literal[1, 2, 3],
        num_train: int,
        num_val: int,
        num_test: int,
        seed: int,
        kinds: dict[str, float],
        image_size: int,
        sample_rate: int,
        seconds: float,
        num_objects: int | None,
        num_colours: int | None,
        num_shapes: int | None,
        num_beats: int | None,
        num_distractor_sounds: int | None,
        num_clutter: int | None,
        ask_shape_of_colour: bool | None,
        image_noise: int | None,
        sound_noise: float | None,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size=batch_size)
        given = {
            "num_objects": num_objects, "num_colours": num_colours, "num_shapes": num_shapes, "num_beats": num_beats,
            "num_distractor_sounds": num_distractor_sounds, "num_clutter": num_clutter,
            "ask_shape_of_colour": ask_shape_of_colour, "image_noise": image_noise, "sound_noise": sound_noise,
        }  # fmt: skip
        if level not in LEVELS:
            raise UserError(f"data.level: got {level!r}; expected one of {', '.join(map(str, LEVELS))}")
        chosen: dict[str, Any] = {k: LEVELS[level][k] if v is None else v for k, v in given.items()}
        self.settings = Settings(**chosen, image_size=image_size, sample_rate=sample_rate, seconds=seconds)
        self.kinds = {kind: float(kinds[kind]) for kind in KINDS if kinds.get(kind)}
        self.sizes = dict(zip(SPLITS, (num_train, num_val, num_test), strict=True))
        self.seed = seed
        self._check(kinds)
        self.classes = answer_classes(self.settings)
        questions = all_questions(self.settings, list(self.kinds))
        self.words = WordTokenizer.train(questions)
        self.tokenizers = {"text": self.words}
        width = max(len(self.words.encode(text)) for text in questions)
        self.modalities = {
            "text": ModalitySpec("text", (width,), vocabulary_size=len(self.words)),
            "image": ModalitySpec("image", (3, image_size, image_size)),
            "audio": ModalitySpec("audio", (self._num_samples,), sample_rate=sample_rate),
        }

    @property
    def _num_samples(self) -> int:
        return int(self.settings.seconds * self.settings.sample_rate)

    def _check(self, kinds: Mapping[str, float]) -> None:
        s = self.settings
        for name, size in self.sizes.items():
            check_range(f"num_{name}", size, minimum=1)
        check_range("seed", self.seed, minimum=0)
        check_range("image_size", s.image_size, minimum=16, maximum=512)
        check_range("sample_rate", s.sample_rate, minimum=4000, maximum=48000)
        check_range("seconds", s.seconds, minimum=0.1, maximum=10.0)
        check_range("num_objects", s.num_objects, minimum=2, maximum=MAX_OBJECTS)
        check_range("num_colours", s.num_colours, minimum=s.num_objects, maximum=len(COLOURS))
        check_range("num_shapes", s.num_shapes, minimum=s.num_objects, maximum=len(SHAPES))
        check_range("num_beats", s.num_beats, minimum=1, maximum=3)
        check_range("num_distractor_sounds", s.num_distractor_sounds, minimum=0, maximum=3)
        check_range("num_clutter", s.num_clutter, minimum=0, maximum=50)
        check_range("image_noise", s.image_noise, minimum=0, maximum=255)
        check_range("sound_noise", s.sound_noise, minimum=0.0, maximum=1.0)
        for kind, weight in kinds.items():
            if kind not in KINDS:
                raise UserError(f"data.kinds.{kind}: unknown kind of question; expected {', '.join(KINDS)}")
            check_range(f"kinds.{kind}", weight, minimum=0)
        if not self.kinds:
            raise UserError("data.kinds: all weights are zero; give at least one kind of question a weight above 0")

    def prepare(self) -> None:
        """Generates all splits as memory-mapped arrays, or loads them from the cache."""
        arguments = {
            "settings": dataclasses.asdict(self.settings),
            "sizes": self.sizes,
            "seed": self.seed,
            "kinds": self.kinds,
        }
        key = {**arguments, "code": source_hash(Path(__file__).parent)}
        arrays, content = cached_arrays("scenes", key, self._build)
        self.fingerprint = fingerprint_of(arguments, content["hash"])
        self.splits = {name: self._split(name, arrays) for name in SPLITS}

    def _build(self, folder: Path) -> dict[str, Any]:
        made: dict[str, np.ndarray] = {}
        for index, (name, num) in enumerate(self.sizes.items()):
            rng = np.random.Generator(np.random.PCG64([self.seed, index]))
            world = draw_world(rng, num, self.settings, self.kinds)
            size = self.settings.image_size
            for part, shape, dtype in (
                ("image", (num, 3, size, size), "u1"),
                ("audio", (num, self._num_samples), "<i2"),
            ):
                path = folder / f"{name}_{part}.npy"
                made[f"{name}_{part}"] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
            draw_pictures(rng, world, self.settings, made[f"{name}_image"])
            synthesize(rng, world, self.settings, made[f"{name}_audio"])
            made[f"{name}_world"] = np.concatenate([np.atleast_2d(part.T) for part in world]).astype("<i8")
            np.save(folder / f"{name}_world.npy", made[f"{name}_world"])
        return {"hash": content_hash(made)}

    def world(self, split: str, arrays: Mapping[str, np.ndarray]) -> World:
        """The facts of the scenes of a split."""
        k = self.settings.num_objects
        rows = iter(arrays[f"{split}_world"])
        wide = {"shapes", "colours", "cells"}
        return World(*(np.stack([next(rows) for _ in range(k)], 1) if f in wide else next(rows) for f in World._fields))

    def media(self, split: str, arrays: Mapping[str, np.ndarray]) -> dict[str, RawArray]:
        """The images and sounds of a split."""
        return {
            "image": full_array(arrays[f"{split}_image"]),
            "audio": full_array(arrays[f"{split}_audio"], self._num_samples),
        }

    def _split(self, name: str, arrays: Mapping[str, np.ndarray]) -> Split:
        world = self.world(name, arrays)
        texts = [question(*facts) for facts in zip(world.template, world.shape, world.colour, strict=True)]
        ids, length = self.words.encode_all(texts, self.modalities["text"].shape[0])
        inputs = {"text": RawArray(ids, length, np.ones(len(ids), dtype=bool)), **self.media(name, arrays)}
        names = [f"{name}-{i}" for i in range(len(ids))]
        return Split(inputs, world.answer, names, {"requires": world.requires}, {"text": texts})

    def describe(self) -> dict[str, Any]:
        """Adds the measured priors (majority and best question-only rule by kind) and, computed over all scenes that
        the generator can draw, the accuracy of an ideal observer of some of the modalities ("ideal").
        """
        return {
            **super().describe(),
            "settings": dataclasses.asdict(self.settings),
            "templates": [TEMPLATES[t].words for kind in self.kinds for t in templates_of(kind, self.settings)],
            "question_priors": {name: measured_priors(split) for name, split in self.splits.items()},
            "ideal": ideal_accuracy(self.settings, self.kinds),
        }
