"""Captions of short videos with sound."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.arrays import as_strings, whole
from interlace.data.split import Split
from interlace.scenes.language.captions import Move, video_caption
from interlace.scenes.language.ceilings import ideal_video_captions
from interlace.scenes.language.grammar import Language
from interlace.scenes.language.showing import Shown, ask_for_texts, fingerprint_with_texts, show, shown_by_split
from interlace.scenes.language.writing import check_once, in_order, tag, take_turns
from interlace.scenes.videos.datamodule import SPLITS, SceneVideos
from interlace.scenes.videos.world import MOVERS, unpacked

STREAM = 4  # of the generator, beside the seed: tasks on scenes draw apart
MODALITIES = ("video", "audio")


class SceneVideoCaptions(SceneVideos):
    """Videos of `SceneVideos` and a caption of each: which shapes move, which way and in which order, and which moves
    with the sound, low or high; the last needs both, since the sound has no timbre of its own.

    `languages` take turns, told by a tag in the prompt, ">>de<<", and are the group `language`. Controls as in
    `SceneTexts`, with `video` in the place of `image`. Every fact is equally likely.
    """

    def __init__(
        self,
        *,
        languages: Annotated[list[Language], Field(min_length=1)],
        video: Shown,
        audio: Shown,
        test_video: Shown | None,
        test_audio: Shown | None,
        num_train: int,
        num_val: int,
        num_test: int,
        seed: int,
        num_shapes: int,
        num_colours: int,
        num_frames: int,
        image_size: int,
        sample_rate: int,
        seconds: float,
        image_noise: int,
        sound_noise: float,
        batch_size: int,
    ) -> None:
        super().__init__(
            num_train=num_train, num_val=num_val, num_test=num_test, seed=seed, kinds={"both": 1.0},
            num_shapes=num_shapes, num_colours=num_colours, num_frames=num_frames, image_size=image_size,
            sample_rate=sample_rate, seconds=seconds, image_noise=image_noise, sound_noise=sound_noise,
            batch_size=batch_size,
        )  # fmt: skip
        check_once(languages, "data.languages")
        self.languages = in_order(languages)
        self.shown = shown_by_split(video=(video, test_video), audio=(audio, test_audio))
        ask_for_texts(self)

    def prepare(self) -> None:
        """As `SceneVideos`; captions are made anew each time."""
        super().prepare()
        self.fingerprint = fingerprint_with_texts(self.shown, self.splits, self.fingerprint)

    def _split(self, name: str, arrays: dict[str, np.ndarray]) -> Split:
        facts = unpacked(arrays[f"{name}_facts"][:, :-2])
        num = len(facts.time)
        languages = take_turns(self.languages, num)
        captions = []
        for row, language in enumerate(languages):
            shapes, ways = facts.shapes[row].tolist(), facts.directions[row].tolist()
            pitches = [int(facts.pitch[row]) if turn == facts.time[row] else None for turn in range(MOVERS)]
            captions.append(video_caption(language, *map(Move, shapes, ways, pitches)))
        inputs = {part: whole(arrays[f"{name}_{part}"], self.modalities[part].shape[0]) for part in MODALITIES}
        split = Split(
            inputs,
            np.zeros(num, dtype=np.int64),
            [f"{name}-{i}" for i in range(num)],
            {"language": as_strings(languages)},
            targets=captions,
            prompts=[tag(language) for language in languages],
        )
        for place, part in enumerate(MODALITIES):
            rng = np.random.Generator(np.random.PCG64([self.seed, SPLITS.index(name), STREAM, place]))
            show(split, part, self.shown[name][part], rng, f"data.{part}")
        return split

    def describe(self) -> dict[str, Any]:
        """Adds what is shown and, over all that the generator can draw, how often a perfect observer of some of the
        modalities writes the caption word for word ("ideal").
        """
        return {
            **super(SceneVideos, self).describe(),
            "shown": self.shown,
            "ideal": ideal_video_captions(self.num_shapes),
        }
