"""Scenes about which texts are written."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from interlace.data.split import Split
from interlace.scenes.datamodule import SPLITS, Scenes
from interlace.scenes.language.showing import Shown, ask_for_texts, fingerprint_with_texts, show, shown_by_split
from interlace.scenes.language.writing import Writer

STREAM = 3  # of the generator, beside the seed: tasks on scenes draw apart
MODALITIES = ("image", "audio")


class SceneTexts(Scenes):
    """The pictures and sounds of `Scenes` (same bytes for the same options) and a text to write about each: a caption,
    an answer or a translation (`write`), a function of what is seen, heard and read.

    Controls: `image` or `audio` "wrong" show each example another one's of its split, "none" none; `test_image` and
    `test_audio` are for the test split alone (null: as `image`, `audio`).
    """

    def __init__(
        self,
        *,
        write: Writer,
        image: Shown,
        audio: Shown,
        test_image: Shown | None,
        test_audio: Shown | None,
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
        super().__init__(
            level=level, num_train=num_train, num_val=num_val, num_test=num_test, seed=seed, kinds=kinds,
            image_size=image_size, sample_rate=sample_rate, seconds=seconds, num_objects=num_objects,
            num_colours=num_colours, num_shapes=num_shapes, num_beats=num_beats,
            num_distractor_sounds=num_distractor_sounds, num_clutter=num_clutter,
            ask_shape_of_colour=ask_shape_of_colour, image_noise=image_noise, sound_noise=sound_noise,
            batch_size=batch_size,
        )  # fmt: skip
        write.check(self.settings, self.kinds)
        self.writer = write
        self.shown = shown_by_split(image=(image, test_image), audio=(audio, test_audio))
        ask_for_texts(self)

    def prepare(self) -> None:
        """As `Scenes`; texts are made anew each time, which takes less than reading them."""
        super().prepare()
        self.fingerprint = fingerprint_with_texts(self.shown, self.splits, self.fingerprint)

    def _split(self, name: str, arrays: Mapping[str, np.ndarray]) -> Split:
        world = self.world(name, arrays)
        num, number = len(world.answer), SPLITS.index(name)
        texts = self.writer.write(world, self.settings, self._generator(number, 0))
        split = Split(
            self.media(name, arrays),
            np.zeros(num, dtype=np.int64),
            [f"{name}-{i}" for i in range(num)],
            texts.groups,
            targets=texts.targets,
            prompts=texts.prompts,
        )
        for place, modality in enumerate(MODALITIES, start=1):
            show(split, modality, self.shown[name][modality], self._generator(number, place), f"data.{modality}")
        return split

    def _generator(self, split: int, use: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, split, STREAM, use]))

    def describe(self) -> dict[str, Any]:
        """Adds what is shown and, over all that the generator can draw, how often a perfect observer of some of the
        modalities writes the text word for word ("ideal").
        """
        return {
            **super(Scenes, self).describe(),
            "settings": dataclasses.asdict(self.settings),
            "shown": self.shown,
            "ideal": self.writer.ideal(self.settings, self.kinds),
        }
