"""Export of examples as files: to look at and listen to, or to read again."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from PIL import Image

from interlace.errors import UserError
from interlace.tokens import ModalitySpec

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule

MANIFEST = "examples.jsonl"
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


def write_manifest(data: "DataModule", split: str, number: int, folder: Path) -> list[dict[str, Any]]:
    """Write the first `number` examples of a split as the manifest `folder`/examples.jsonl; return its lines.

    What is read from it again is what the data hold: images have their own size and sounds their rate. A field's key is
    its modality; "label" or "target" is the answer in words. Raises UserError for a modality without a file format.
    """
    examples = data.splits[split]
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for index in range(min(number, len(examples))):
        shown = examples.example(index)
        line: dict[str, Any] = {"id": shown["id"], "split": split}
        for name, x in shown["inputs"].items():
            if x is None:
                continue
            if data.modalities[name].kind == "text":
                words = examples.texts.get(name)
                line[name] = words[index] if words else data.tokenizers[name].decode(x)
            else:
                line[name] = _write_input(x, data.modalities[name], folder / f"{split}-{index}-{name}").name
        if examples.prompts is not None and examples.prompts[index]:
            line["prompt"] = examples.prompts[index]
        line["label" if examples.targets is None else "target"] = data.spec.shown_label(data, examples, index)
        lines.append(line | ({"groups": shown["groups"]} if shown["groups"] else {}))
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / MANIFEST).write_text(content, encoding="utf-8")
    return lines


def _write_input(x: np.ndarray, spec: ModalitySpec, stem: Path) -> Path:
    """Write an input so that reading it gives the same values; returns the file, `stem` with a suffix."""
    if spec.kind == "audio":
        return write_audio(x, spec.sample_rate or 16000, stem.with_suffix(".wav"))
    if spec.kind == "image":
        path = stem.with_suffix(".png")
        _image(x).save(path)
        return path
    if spec.kind == "video":
        return _save_frames(list(map(_image, x)), stem.with_suffix(".apng"))
    if spec.kind == "features":
        path = stem.with_suffix(".npy")
        np.save(path, x)
        return path
    raise UserError(f"data: {stem.name} is of the kind {spec.kind}, which no file of examples holds; choose other data")


def write_image(x: np.ndarray, path: Path) -> Path:
    """Write an image (C, H, W) uint8 as PNG; small ones are enlarged fourfold without smoothing."""
    _enlarged(_image(x)).save(path)
    return path


def write_video(x: np.ndarray, path: Path) -> Path:
    """Write a video (T, C, H, W) uint8 as an animated PNG that loops, with frames as in `write_image`."""
    return _save_frames([_enlarged(_image(frame)) for frame in x], path)


def _save_frames(frames: Sequence[Image.Image], path: Path) -> Path:
    """Write an animated PNG that loops."""
    first, *others = frames
    first.save(path, format="PNG", save_all=True, append_images=others, duration=FRAME_MILLISECONDS, loop=0)
    return path


def _image(x: np.ndarray) -> Image.Image:
    return Image.fromarray(x[0] if len(x) == 1 else np.ascontiguousarray(x.transpose(1, 2, 0)))


def _enlarged(image: Image.Image) -> Image.Image:
    if max(image.size) < SMALL:
        return image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)
    return image


def write_audio(x: np.ndarray, sample_rate: int, path: Path) -> Path:
    """Write audio (S,), int16 or float in [-1, 1], as a 16-bit WAV."""
    soundfile.write(path, x, sample_rate, subtype="PCM_16")
    return path
