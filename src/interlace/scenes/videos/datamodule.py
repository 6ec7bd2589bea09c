"""The videos data set."""

from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.arrays import RawArray, as_strings, full_array
from interlace.data.cache import cached_arrays, content_hash, fingerprint_of, source_hash
from interlace.data.datamodule import DataModule, check_range
from interlace.data.split import Split
from interlace.data.text import WordTokenizer
from interlace.errors import UserError
from interlace.scenes.priors import measured_priors
from interlace.scenes.settings import COLOURS, SHAPES
from interlace.scenes.videos.ceilings import ideal_accuracy
from interlace.scenes.videos.drawing import draw_tracks, draw_videos
from interlace.scenes.videos.questions import KINDS, TEMPLATES, all_questions, answer_classes, question
from interlace.scenes.videos.world import MOVERS, STREAM, draw_world, from_table, to_table
from interlace.tokens import ModalitySpec

SPLITS = ("train", "val", "test")


class SceneVideos(DataModule):
    """Two coloured shapes that move one after the other, a tone that accompanies one of them, and a question;
    modalities `text`, `video` and `audio` (the sound track).

    The group `requires` names the modality that a question needs: "video" (the direction of a shape, which moves
    first), "audio" (the pitch, early or late) or "both" (synergy: which shape moves with the sound, and in which
    direction). Positions are uniform and wrap around at the edges, so that a single frame carries no information about
    motion or order; the timbre is always the same. `kinds` gives the weights of the question kinds. The bytes depend on
    the arguments only: numpy's PCG64 with a separate stream per split.
    """

    def __init__(
        self,
        *,
        num_train: int,
        num_val: int,
        num_test: int,
        seed: int,
        kinds: dict[str, float],
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
        super().__init__(batch_size=batch_size)
        self.sizes = dict(zip(SPLITS, (num_train, num_val, num_test), strict=True))
        for name, size in self.sizes.items():
            check_range(f"num_{name}", size, minimum=1)
        check_range("seed", seed, minimum=0)
        check_range("num_shapes", num_shapes, minimum=MOVERS, maximum=len(SHAPES))
        check_range("num_colours", num_colours, minimum=MOVERS, maximum=len(COLOURS))
        check_range("num_frames", num_frames, minimum=4, maximum=64)
        check_range("image_size", image_size, minimum=16, maximum=512)
        check_range("sample_rate", sample_rate, minimum=4000, maximum=48000)
        check_range("seconds", seconds, minimum=0.1, maximum=10.0)
        check_range("image_noise", image_noise, minimum=0, maximum=255)
        check_range("sound_noise", sound_noise, minimum=0.0, maximum=1.0)
        for kind, weight in kinds.items():
            if kind not in KINDS:
                raise UserError(f"data.kinds.{kind}: unknown kind of question; expected {', '.join(KINDS)}")
            check_range(f"kinds.{kind}", weight, minimum=0)
        self.kinds = {kind: float(kinds[kind]) for kind in KINDS if kinds.get(kind)}
        if not self.kinds:
            raise UserError("data.kinds: all weights are zero; give at least one kind of question a weight above 0")
        self.seed = seed
        self.num_shapes, self.num_colours = num_shapes, num_colours
        self.image_noise, self.sound_noise = image_noise, sound_noise
        self.classes = answer_classes(num_shapes)
        questions = all_questions(num_shapes)
        self.words = WordTokenizer.train(questions)
        self.tokenizers = {"text": self.words}
        width = max(len(self.words.encode(text)) for text in questions)
        self.modalities = {
            "text": ModalitySpec("text", (width,), vocabulary_size=len(self.words)),
            "video": ModalitySpec("video", (num_frames, 3, image_size, image_size)),
            "audio": ModalitySpec("audio", (int(seconds * sample_rate),), sample_rate=sample_rate),
        }

    def prepare(self) -> None:
        """Generates all splits as memory-mapped arrays, or loads them from the cache."""
        arguments = {
            "sizes": self.sizes, "seed": self.seed, "kinds": self.kinds, "num_shapes": self.num_shapes,
            "num_colours": self.num_colours, "video": list(self.modalities["video"].shape),
            "samples": self.modalities["audio"].shape[0], "sample_rate": self.modalities["audio"].sample_rate,
            "image_noise": self.image_noise, "sound_noise": self.sound_noise,
        }  # fmt: skip
        here = Path(__file__).parent
        key = {**arguments, "code": source_hash(here) + source_hash(here.parent)}
        arrays, content = cached_arrays("scenes-videos", key, self._build)
        self.fingerprint = fingerprint_of(arguments, content["hash"])
        self.splits = {name: self._split(name, arrays) for name in SPLITS}

    def _build(self, folder: Path) -> dict[str, Any]:
        made: dict[str, np.ndarray] = {}
        for index, (name, num) in enumerate(self.sizes.items()):
            rng = np.random.Generator(np.random.PCG64([self.seed, index, STREAM]))
            world = draw_world(rng, num, self.num_shapes, self.kinds)
            for part, dtype in (("video", "u1"), ("audio", "<i2")):
                shape = (num, *self.modalities[part].shape)
                path = folder / f"{name}_{part}.npy"
                made[f"{name}_{part}"] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
            frames = made[f"{name}_video"]
            draw_videos(rng, world.facts, self.num_shapes, self.num_colours, self.image_noise, frames)
            rate = self.modalities["audio"].sample_rate or 0
            draw_tracks(rng, world.facts, rate, self.sound_noise, made[f"{name}_audio"])
            facts = np.column_stack([to_table(world.facts), world.template, world.answer]).astype("<i8")
            made[f"{name}_facts"] = facts
            np.save(folder / f"{name}_facts.npy", facts)
        return {"hash": content_hash(made)}

    def _split(self, name: str, arrays: dict[str, np.ndarray]) -> Split:
        table = arrays[f"{name}_facts"]
        facts, template, answer = from_table(table[:, :-2]), table[:, -2], table[:, -1]
        texts = [question(*asked) for asked in zip(template, facts.named_shape, strict=True)]
        ids, length = self.words.encode_all(texts, self.modalities["text"].shape[0])
        inputs = {
            "text": RawArray(ids, length, np.ones(len(ids), dtype=bool)),
            "video": full_array(arrays[f"{name}_video"], self.modalities["video"].shape[0]),
            "audio": full_array(arrays[f"{name}_audio"], self.modalities["audio"].shape[0]),
        }
        requires = as_strings([TEMPLATES[t].requires for t in template])
        names = [f"{name}-{i}" for i in range(len(texts))]
        return Split(inputs, answer, names, {"requires": requires}, {"text": texts})

    def describe(self) -> dict[str, Any]:
        """Adds the measured priors (majority and best question-only rule by kind) and, computed over everything that
        the generator can draw, the accuracy of an ideal observer of some of the modalities, or of one frame ("ideal").
        """
        return {
            **super().describe(),
            "templates": [template.words for template in TEMPLATES if template.requires in self.kinds],
            "question_priors": {name: measured_priors(split) for name, split in self.splits.items()},
            "ideal": ideal_accuracy(self.num_shapes, self.kinds),
        }
