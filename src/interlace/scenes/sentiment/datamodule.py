"""The sentiment data set on drawn faces and synthetic voices."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.arrays import RawArray, as_strings, full_array
from interlace.data.cache import cached_arrays, content_hash, fingerprint_of, source_hash
from interlace.data.datamodule import DataModule, check_range
from interlace.data.split import Split
from interlace.data.text import WordTokenizer
from interlace.scenes.sentiment.ceilings import ideal_accuracy, ideal_error
from interlace.scenes.sentiment.faces import draw_faces
from interlace.scenes.sentiment.facts import AGREE, CHANNELS, CLASSES, CONFLICT, STREAM, Facts, draw_facts
from interlace.scenes.sentiment.voices import draw_voices
from interlace.scenes.sentiment.words import all_utterances, draw_utterances
from interlace.tokens import ModalitySpec

SPLITS = ("train", "val", "test")


class SceneSentiment(DataModule):
    """Sentiment of speakers from their words (`text`), face (`image`) and voice (`audio`), which agree or conflict.

    Each channel shows a level from -2 to 2; levels below 0 are negative, above 0 positive. In the share `agreement` of
    examples all three channels show the same level. In the others one channel is decisive, and the other two both show
    one level of another class: two against one. The words end in a clause that names the decisive channel ("as you can
    hear"), so that resolving a conflict needs a look-up across modalities: no sum of functions of one modality each
    gives the answer. `target` "class" asks for the class of the decisive level (classification), "value" for
    level / 2 (regression).

    Groups: `agreement` ("agree", "conflict") and `decider` ("words", "face", "voice"). Classes, deciders and levels
    are balanced exactly. The bytes depend on the arguments only: numpy's PCG64 with a separate stream per split.
    """

    def __init__(
        self,
        *,
        target: Literal["class", "value"],
        agreement: Annotated[float, Field(ge=0, le=1)],
        num_train: int,
        num_val: int,
        num_test: int,
        seed: int,
        image_size: int,
        sample_rate: int,
        seconds: float,
        image_noise: int,
        sound_noise: float,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size=batch_size)
        check_range("agreement", agreement, minimum=0, maximum=1)
        self.sizes = dict(zip(SPLITS, (num_train, num_val, num_test), strict=True))
        for name, size in self.sizes.items():
            check_range(f"num_{name}", size, minimum=1)
        check_range("seed", seed, minimum=0)
        check_range("image_size", image_size, minimum=24, maximum=512)
        check_range("sample_rate", sample_rate, minimum=4000, maximum=48000)
        check_range("seconds", seconds, minimum=0.2, maximum=10.0)
        check_range("image_noise", image_noise, minimum=0, maximum=255)
        check_range("sound_noise", sound_noise, minimum=0.0, maximum=1.0)
        self.target = target
        self.agreement = agreement
        self.seed = seed
        self.image_noise = image_noise
        self.sound_noise = sound_noise
        self.task = "classification" if target == "class" else "regression"
        self.classes = list(CLASSES) if target == "class" else []
        self.words = WordTokenizer.train(all_utterances())
        self.tokenizers = {"text": self.words}
        width = max(len(self.words.encode(text)) for text in all_utterances())
        self.modalities = {
            "text": ModalitySpec("text", (width,), vocabulary_size=len(self.words)),
            "image": ModalitySpec("image", (3, image_size, image_size)),
            "audio": ModalitySpec("audio", (int(seconds * sample_rate),), sample_rate=sample_rate),
        }

    def prepare(self) -> None:
        """Generates all splits as memory-mapped arrays, or loads them from the cache."""
        image, audio = self.modalities["image"], self.modalities["audio"]
        arguments = {
            "agreement": self.agreement, "sizes": self.sizes, "seed": self.seed, "image_size": image.shape[1],
            "sample_rate": audio.sample_rate, "samples": audio.shape[0], "image_noise": self.image_noise,
            "sound_noise": self.sound_noise,
        }  # fmt: skip
        here = Path(__file__).parent
        key = {**arguments, "code": source_hash(here) + source_hash(here.parent)}
        arrays, content = cached_arrays("scenes-sentiment", key, self._build)
        self.fingerprint = fingerprint_of({**arguments, "target": self.target}, content["hash"])
        self.splits = {name: self._split(name, arrays, content["texts"][name]) for name in SPLITS}

    def _build(self, folder: Path) -> dict[str, Any]:
        made: dict[str, np.ndarray] = {}
        texts = {}
        for index, (name, num) in enumerate(self.sizes.items()):
            rng = np.random.Generator(np.random.PCG64([self.seed, index, STREAM]))
            facts = draw_facts(rng, num, self.agreement)
            texts[name] = draw_utterances(rng, facts.shown[:, 0], facts.decider)
            for part, dtype in (("image", "u1"), ("audio", "<i2")):
                shape = (num, *self.modalities[part].shape)
                path = folder / f"{name}_{part}.npy"
                made[f"{name}_{part}"] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
            draw_faces(rng, facts.shown[:, 1], self.image_noise, made[f"{name}_image"])
            rate = self.modalities["audio"].sample_rate or 0
            draw_voices(rng, facts.shown[:, 2], rate, self.sound_noise, made[f"{name}_audio"])
            made[f"{name}_facts"] = np.column_stack(facts).astype("<i8")
            np.save(folder / f"{name}_facts.npy", made[f"{name}_facts"])
        words = np.frombuffer("\n".join(t for part in texts.values() for t in part).encode(), dtype=np.uint8)
        return {"hash": content_hash({**made, "texts": words}), "texts": texts}

    def _split(self, name: str, arrays: dict[str, np.ndarray], texts: list[str]) -> Split:
        table = arrays[f"{name}_facts"]
        facts = Facts(table[:, :3], table[:, 3], table[:, 4].astype(bool))
        ids, length = self.words.encode_all(texts, self.modalities["text"].shape[0])
        inputs = {
            "text": RawArray(ids, length, np.ones(len(ids), dtype=bool)),
            "image": full_array(arrays[f"{name}_image"]),
            "audio": full_array(arrays[f"{name}_audio"], self.modalities["audio"].shape[0]),
        }
        groups = {
            "agreement": as_strings([AGREE if agree else CONFLICT for agree in facts.agree]),
            "decider": as_strings([CHANNELS[index] for index in facts.decider]),
        }
        labels = facts.label if self.target == "class" else (facts.level / 2).astype(np.float32)
        return Split(inputs, labels, [f"{name}-{i}" for i in range(len(texts))], groups, {"text": texts})

    def describe(self) -> dict[str, Any]:
        """Adds the metrics of an ideal observer of some of the modalities over everything that the generator can draw:
        accuracy by group for classes, least errors for values ("ideal").
        """
        ideal = ideal_accuracy(self.agreement) if self.target == "class" else ideal_error(self.agreement)
        return {**super().describe(), "agreement": self.agreement, "ideal": ideal}
