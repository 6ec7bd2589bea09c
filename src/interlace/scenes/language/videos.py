"""Captions of short videos with sound."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.arrays import as_strings, full_array
from interlace.data.split import Split
from interlace.scenes.language.captions import Move, video_caption
from interlace.scenes.language.ceilings import ideal_video_captions
from interlace.scenes.language.controls import (
    Control,
    apply_control,
    controls_by_split,
    fingerprint_with_texts,
    make_generation_task,
)
from interlace.scenes.language.grammar import Language
from interlace.scenes.language.writing import alternating_languages, check_distinct, language_tag, ordered_languages
from interlace.scenes.videos.datamodule import SPLITS, SceneVideos
from interlace.scenes.videos.world import MOVERS, from_table

STREAM = 4  # of the random generator, beside the seed, so that tasks on scenes draw independently
MODALITIES = ("video", "audio")


class SceneVideoCaptions(SceneVideos):
    """Videos of `SceneVideos` with a caption of each: which shapes move, in which direction and order, and which one
    moves with the sound, and its pitch. The sound has no distinctive timbre, so that the last needs both modalities.

    `languages` alternate; the prompt is the tag of the language, ">>de<<", and the group `language` names it. Controls
    as in `SceneTexts`, with `video` instead of `image`. All facts are equally likely.
    """

    fixed_options = frozenset({"kinds"})

    def __init__(
        self,
        *,
        languages: Annotated[list[Language], Field(min_length=1)],
        video: Control,
        audio: Control,
        test_video: Control | None,
        test_audio: Control | None,
        **videos: Any,
    ) -> None:
        super().__init__(kinds={"both": 1.0}, **videos)
        check_distinct(languages, "data.languages")
        self.languages = ordered_languages(languages)
        self.controls = controls_by_split(video=(video, test_video), audio=(audio, test_audio))
        make_generation_task(self)

    def prepare(self) -> None:
        """As `SceneVideos`; the captions are generated each time."""
        super().prepare()
        self.fingerprint = fingerprint_with_texts(self.controls, self.splits, self.fingerprint)

    def _split(self, name: str, arrays: dict[str, np.ndarray]) -> Split:
        facts = from_table(arrays[f"{name}_facts"][:, :-2])
        num = len(facts.time)
        languages = alternating_languages(self.languages, num)
        captions = []
        for row, language in enumerate(languages):
            shapes, directions = facts.shapes[row].tolist(), facts.directions[row].tolist()
            pitches = [int(facts.pitch[row]) if turn == facts.time[row] else None for turn in range(MOVERS)]
            captions.append(video_caption(language, *map(Move, shapes, directions, pitches)))
        inputs = {part: full_array(arrays[f"{name}_{part}"], self.modalities[part].shape[0]) for part in MODALITIES}
        split = Split(
            inputs,
            np.zeros(num, dtype=np.int64),
            [f"{name}-{i}" for i in range(num)],
            {"language": as_strings(languages)},
            targets=captions,
            prompts=[language_tag(language) for language in languages],
        )
        for use, part in enumerate(MODALITIES):
            rng = np.random.Generator(np.random.PCG64([self.seed, SPLITS.index(name), STREAM, use]))
            apply_control(split, part, self.controls[name][part], rng, f"data.{part}")
        return split

    def describe(self) -> dict[str, Any]:
        """Adds the controls and, over everything that the generator can draw, the exact-match rate of an ideal observer
        of some of the modalities ("ideal").
        """
        return {
            **super(SceneVideos, self).describe(),
            "shown": self.controls,
            "ideal": ideal_video_captions(self.num_shapes),
        }
