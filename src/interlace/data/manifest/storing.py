"""Shapes of the modalities of a manifest, and their arrays on disk."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.cache import content_hash
from interlace.data.datamodule import check_range
from interlace.data.encoding import DTYPES, RecordEncoder, shape_for
from interlace.data.images import MOST_PIXELS
from interlace.data.manifest.batch_tokenizing import BatchTokenizer, chunks
from interlace.data.manifest.example import Example
from interlace.data.manifest.probing import Prober
from interlace.data.manifest.splitting import SPLITS
from interlace.data.parallel_reading import read_in_order
from interlace.data.problems import BadExample, Problem
from interlace.data.progress import with_progress
from interlace.data.text import WordTokenizer
from interlace.tokens import Kind, ModalitySpec


def check_sizes(
    image_size: int,
    sample_rate: int,
    max_seconds: float,
    max_tokens: int,
    max_words: int,
    max_frames: int,
    max_pixels: int,
) -> None:
    """Raise UserError for a size or limit that is out of range."""
    check_range("image_size", image_size, minimum=4, maximum=2048)
    check_range("sample_rate", sample_rate, minimum=1000, maximum=192000)
    check_range("max_seconds", max_seconds, above=0, maximum=3600)
    check_range("max_tokens", max_tokens, minimum=1, maximum=100_000)
    check_range("max_words", max_words, minimum=1)
    check_range("max_frames", max_frames, minimum=1, maximum=10_000)
    check_range("max_pixels", max_pixels, minimum=1, maximum=MOST_PIXELS)


def spec_of(name: str, kind: Kind, prober: Prober, image_size: int) -> ModalitySpec:
    """The spec of a modality by the options and the longest item, without anything fitted to the training split."""
    widths = prober.widths.get(name)
    width = widths.most_common(1)[0][0] if widths else 1
    longest = max(1, prober.longest[name])
    shapes: dict[Kind, tuple[int, ...]] = {
        "text": (prober.max_tokens,),
        "image": (3, image_size, image_size),
        "audio": (int(prober.max_seconds * prober.sample_rate),),
        "features": (longest, width),
        "video": (longest, 3, image_size, image_size),
        "graph": (longest, width + longest),
    }
    return ModalitySpec(kind, shapes[kind], sample_rate=prober.sample_rate if kind == "audio" else None)


def build(
    folder: Path,
    examples: Sequence[Example],
    sizes: Mapping[str, int],
    encoder: RecordEncoder,
    source: Path,
    longest: Mapping[str, int],
) -> dict[str, Any]:
    """Decode split after split into arrays in `folder`; rows that fail are skipped, so that the kept ones are
    consecutive.

    `examples` are in the order of splits, with `sizes` examples each; their paths are relative to `source`. `longest`
    is the length of the longest item of each modality. Returns "hash" (of the arrays), "kept" (the indices of the
    examples of each split) and "problems".
    """
    problems: list[Problem] = []
    kept: dict[str, list[int]] = {}
    made: dict[str, np.ndarray] = {}
    first = 0
    todo = with_progress(examples, "decoding examples", len(examples))
    for split in SPLITS:
        arrays = {n: new_array(folder / f"{split}_m{i}", s, sizes[split], longest[n])
                  for i, (n, s) in enumerate(encoder.modalities.items())}  # fmt: skip
        kept[split] = []
        for chunk in chunks(range(first, first + sizes[split])):
            ahead = with_texts_tokenized(encoder, [examples[index] for index in chunk])
            read = partial(ahead.read_all, folder=source)
            found = read_in_order(read, (examples[index].line.record for index in chunk))
            for index, items in zip(chunk, found, strict=True):
                row, line = len(kept[split]), next(todo).line
                try:
                    if isinstance(items, BadExample):
                        raise items
                    ahead.put(items, arrays, row)
                    kept[split].append(index)
                except BadExample as bad:
                    problems.append(Problem(line.number, bad.reason, bad.detail))
                    for array in arrays.values():
                        array.x[row], array.length[row], array.present[row] = 0, 0, False
        for i, array in enumerate(arrays.values()):
            made |= {f"{split}_m{i}_{part}": getattr(array, part) for part in RawArray._fields}
            np.save(folder / f"{split}_m{i}_length.npy", array.length)
            np.save(folder / f"{split}_m{i}_present.npy", array.present)
        first += sizes[split]
    return {"hash": content_hash(made), "kept": kept, "problems": problems}


def with_texts_tokenized(encoder: RecordEncoder, examples: Sequence[Example]) -> RecordEncoder:
    """A copy of the encoder with the texts of these examples tokenized together."""
    tokenizers = dict(encoder.tokenizers)
    for name, tokenizer in encoder.tokenizers.items():
        if isinstance(tokenizer, WordTokenizer):
            ahead = tokenizers[name] = BatchTokenizer(tokenizer)
            ahead.fill(name, (example.line.record for example in examples))
    return dataclasses.replace(encoder, tokenizers=tokenizers)


def new_array(stem: Path, spec: ModalitySpec, num: int, longest: int) -> RawArray:
    """A zeroed array on disk that has room for the longest example."""
    shape = shape_for(spec, max(1, min(longest, spec.shape[0])))
    x = np.lib.format.open_memmap(f"{stem}_x.npy", mode="w+", dtype=DTYPES[spec.kind], shape=(num, *shape))
    return RawArray(x, np.zeros(num, np.int64), np.zeros(num, bool))


def load_part(arrays: dict[str, np.ndarray], split: str, index: int, part: str) -> np.ndarray:
    """A field of the RawArray of a modality and split; `x` stays on disk."""
    array = arrays[f"{split}_m{index}_{part}"]
    return array if part == "x" else np.array(array)
