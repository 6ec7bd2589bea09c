"""Export of examples as files to look at and listen to."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from PIL import Image

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule

FRAME_MILLISECONDS = 125
SMALL = 128  # images whose sides have fewer pixels are enlarged


def write_example(data: "DataModule", split: str, index: int, folder: Path) -> dict[str, Any]:
    """Write one example as `DataModule.example` describes."""
    examples = data.splits[split]
    shown = examples.example(index)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Any] = {"id": shown["id"], "text": {}, "image": {}, "video": {}, "audio": {}}
    written["groups"] = shown["groups"]
    for name, spec in data.modalities.items():
        x = shown["inputs"][name]
        if x is None:
            continue
        stem = f"{split}-{index}-{name}"
        if spec.kind == "text":
            words = examples.texts.get(name)
            written["text"][name] = words[index] if words else data.tokenizers[name].decode(x)
        elif spec.kind == "image":
            written["image"][name] = write_image(x, folder / f"{stem}.png").name
        elif spec.kind == "video":
            written["video"][name] = write_video(x, folder / f"{stem}.apng").name
        elif spec.kind == "audio":
            written["audio"][name] = write_audio(x, spec.sample_rate or 16000, folder / f"{stem}.wav").name
    if examples.prompts is not None and examples.prompts[index]:
        written["text"]["prompt"] = examples.prompts[index]
    return {**written, "label": data.spec.shown_label(data, examples, index)}


def write_image(x: np.ndarray, path: Path) -> Path:
    """Write an image (C, H, W) uint8 as PNG; small ones are enlarged fourfold without smoothing."""
    _image(x).save(path)
    return path


def write_video(x: np.ndarray, path: Path) -> Path:
    """Write a video (T, C, H, W) uint8 as an animated PNG that loops, with frames as in `write_image`."""
    first, *others = [_image(frame) for frame in x]
    first.save(path, format="PNG", save_all=True, append_images=others, duration=FRAME_MILLISECONDS, loop=0)
    return path


def _image(x: np.ndarray) -> Image.Image:
    image = Image.fromarray(x[0] if len(x) == 1 else np.ascontiguousarray(x.transpose(1, 2, 0)))
    if max(image.size) < SMALL:
        image = image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)
    return image


def write_audio(x: np.ndarray, sample_rate: int, path: Path) -> Path:
    """Write audio (S,), int16 or float in [-1, 1], as a 16-bit WAV."""
    soundfile.write(path, x, sample_rate, subtype="PCM_16")
    return path
