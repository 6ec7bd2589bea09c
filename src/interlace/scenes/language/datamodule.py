"""Scenes with a text to generate about each."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from interlace.data.split import Split
from interlace.scenes.datamodule import SPLITS, Scenes
from interlace.scenes.language.controls import (
    Control,
    apply_control,
    controls_by_split,
    fingerprint_with_texts,
    make_generation_task,
)
from interlace.scenes.language.writing import Writer

STREAM = 3  # of the random generator, beside the seed, so that tasks on scenes draw independently
MODALITIES = ("image", "audio")


class SceneTexts(Scenes):
    """The images and sounds of `Scenes` (same bytes for the same options) with a target text for each: a caption, an
    answer or a translation (`write`), determined by image, sound and prompt.

    Controls: `image` or `audio` "wrong" gives each example the input of another example of its split, "none" gives it
    none; `test_image` and `test_audio` apply to the test split only (null: the same as `image`, `audio`).
    """

    def __init__(
        self,
        *,
        write: Writer,
        image: Control,
        audio: Control,
        test_image: Control | None,
        test_audio: Control | None,
        **scenes: Any,
    ) -> None:
        super().__init__(**scenes)
        write.check(self.settings, self.kinds)
        self.writer = write
        self.controls = controls_by_split(image=(image, test_image), audio=(audio, test_audio))
        make_generation_task(self)

    def prepare(self) -> None:
        """As `Scenes`; the texts are generated each time, which is faster than reading them."""
        super().prepare()
        self.fingerprint = fingerprint_with_texts(self.controls, self.splits, self.fingerprint)

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
        for use, modality in enumerate(MODALITIES, start=1):
            control = self.controls[name][modality]
            apply_control(split, modality, control, self._generator(number, use), f"data.{modality}")
        return split

    def _generator(self, split: int, use: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, split, STREAM, use]))

    def describe(self) -> dict[str, Any]:
        """Adds the controls and, over everything that the generator can draw, the exact-match rate of an ideal observer
        of some of the modalities ("ideal").
        """
        return {
            **super(Scenes, self).describe(),
            "settings": dataclasses.asdict(self.settings),
            "shown": self.controls,
            "ideal": self.writer.ideal(self.settings, self.kinds),
        }
