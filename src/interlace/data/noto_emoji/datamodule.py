"""The noto_emoji_captions data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.arrays import RawArray, as_strings
from interlace.data.cache import cached_arrays, content_hash, fingerprint_of, source_hash
from interlace.data.controls import one_cycle
from interlace.data.datamodule import DataModule, check_range
from interlace.data.images import decode_image
from interlace.data.noto_emoji.reading import LANGUAGES, Emoji, read_emoji, splits_by_family
from interlace.data.sources import find
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.inputs import hash_files, note
from interlace.tokens import ModalitySpec

SPLITS = ("train", "val", "test")
MASK = "_"  # replaces a masked word
MAX_PIXELS = 1 << 20

Language = Literal["en", "de", "fr", "es", "zh"]
Control = Literal["right", "wrong", "none"]


class NotoEmojiCaptions(DataModule):
    """Drawing of an emoji -> its name in each target language; the prompt is the tag of the language, ">>de<<".

    With `source` the prompt also contains the name in that language (">>de<< hot face"): multimodal translation.
    Controls: `masked_words` masks that share of the source words by "_", as in Caglayan et al. 2019, by one draw per
    word, so that a word masked at a low share is masked at every higher one. `image` "wrong" gives each example the
    drawing of another emoji of its split (Elliott 2018), the same for all languages; "none" gives it none. `test_image`
    applies to the test split only (null: the same as `image`).

    All languages of an emoji are in one split. `variants_together` keeps woman, man and person variants in one split,
    by a draw of a tenth each for test and validation; without it the splits are those of the file, where a drawing may
    have a near-duplicate in training. Groups: `language`, `category`.
    """

    def __init__(
        self,
        *,
        targets: Annotated[list[Language], Field(min_length=1)],
        source: Language | None,
        masked_words: Annotated[float, Field(ge=0, le=1)],
        image: Control,
        test_image: Control | None,
        variants_together: bool,
        image_size: int,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size=batch_size)
        check_range("image_size", image_size, minimum=8, maximum=72)
        check_range("masked_words", masked_words, minimum=0, maximum=1)
        check_range("seed", seed, minimum=0)
        if source in targets:
            raise UserError(f"data.targets: {source!r} is data.source as well; translate into other languages")
        if len(set(targets)) < len(targets):
            raise UserError(f"data.targets: got {targets}; name each language once")
        if masked_words and source is None:
            raise UserError("data.masked_words: there is no source to mask; set data.source=en")
        self.targets = [language for language in LANGUAGES if language in targets]
        self.source = source
        self.masked_words = masked_words
        self.controls = dict.fromkeys(SPLITS, image) | {"test": test_image or image}
        self.variants_together = variants_together
        self.image_size = image_size
        self.seed = seed
        self.task = "generation"
        self.modalities = {"image": ModalitySpec("image", (3, image_size, image_size))}

    def prepare(self) -> None:
        """Decodes the drawings or loads them from the cache, and generates the texts."""
        root = find("noto-emoji-captions")
        emoji = read_emoji(root / "captions.jsonl")
        drawings = [root / item.image for item in emoji]
        note(*drawings)
        key = {
            "image_size": self.image_size,
            "captions": hash_files([root / "captions.jsonl"]).popitem()[1],
            "drawings": [*hash_files(drawings).values()],
            "code": source_hash(Path(__file__).parent),
        }
        arrays, facts = cached_arrays("noto_emoji", key, lambda folder: self._build(folder, root, emoji))
        named = splits_by_family(emoji) if self.variants_together else [item.split for item in emoji]
        for number, name in enumerate(SPLITS):
            rows = np.asarray([row for row, split in enumerate(named) if split == name])
            self.splits[name] = self._split(name, number, [emoji[row] for row in rows], arrays["images"][rows])
        self.fingerprint = fingerprint_of(self._arguments(), facts["hash"])

    def _arguments(self) -> dict[str, Any]:
        return {
            "targets": self.targets, "source": self.source, "masked_words": self.masked_words, "shown": self.controls,
            "variants_together": self.variants_together, "seed": self.seed,
            "texts": {name: [split.prompts, split.targets] for name, split in self.splits.items()},
        }  # fmt: skip

    def _build(self, folder: Path, root: Path, emoji: Sequence[Emoji]) -> dict[str, Any]:
        images = np.stack([decode_image(root / item.image, self.image_size, 3, MAX_PIXELS) for item in emoji])
        np.save(folder / "images.npy", images)
        return {"hash": content_hash({"images": images})}

    def _split(self, name: str, number: int, emoji: Sequence[Emoji], images: np.ndarray) -> Split:
        """Every emoji once per language, with the languages of an emoji in consecutive rows."""
        control = self.controls[name]
        if control == "wrong":
            images = images[one_cycle(len(images), np.random.Generator(np.random.PCG64([self.seed, number])))]
        width = len(self.targets)
        present = np.full(len(emoji) * width, control != "none")
        x = np.repeat(images, width, axis=0) * np.uint8(control != "none")
        pairs = [(item, language) for item in emoji for language in self.targets]
        return Split(
            {"image": RawArray(x, present.astype(np.int64), present)},
            np.zeros(len(pairs), dtype=np.int64),
            [f"{item.stem}-{language}" for item, language in pairs],
            {
                "language": as_strings([language for _, language in pairs]),
                "category": as_strings([item.category for item, _ in pairs]),
            },
            targets=[item.names[language] for item, language in pairs],
            prompts=[self._prompt(item, language) for item, language in pairs],
            clusters=as_strings([item.stem for item, _ in pairs]),
        )

    def _prompt(self, emoji: Emoji, language: str) -> str:
        tag = f">>{language}<<"
        if self.source is None:
            return tag
        words = emoji.names[self.source].split()
        draws = np.random.Generator(np.random.PCG64([self.seed, *emoji.stem.encode()])).random(len(words))
        shown = [MASK if draw < self.masked_words else word for word, draw in zip(words, draws, strict=True)]
        return " ".join([tag, *shown])

    def describe(self) -> dict[str, Any]:
        """Adds the image controls and the number of emoji in each split."""
        emoji = {name: len(split) // len(self.targets) for name, split in self.splits.items()}
        return {**super().describe(), "num_emoji": emoji, "image": self.controls, "source": self.source}
