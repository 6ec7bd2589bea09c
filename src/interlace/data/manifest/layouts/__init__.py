"""Official layouts of public data sets, read as they are distributed."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from interlace.data.manifest.layouts.cifar10 import read_cifar10
from interlace.data.manifest.layouts.common_voice import read_common_voice
from interlace.data.manifest.layouts.imagenet import read_imagenet
from interlace.data.manifest.layouts.librispeech import read_librispeech
from interlace.data.manifest.rows import Row

Name = Literal["cifar10", "imagenet", "librispeech", "common_voice"]


class Layout(NamedTuple):
    """An official layout. `read` returns the examples of a folder, with paths relative to the parent of the folder;
    `note` is a sentence about the splits.
    """

    read: Callable[[Path], Iterator[Row]]
    note: str


LAYOUTS: Mapping[Name, Layout] = {
    "cifar10": Layout(read_cifar10, "CIFAR-10: test_batch.bin is the test split; validation is drawn from training"),
    "imagenet": Layout(
        read_imagenet,
        "ImageNet: labels of its test images are not public: val/ is the test split, and validation is drawn from "
        "training",
    ),
    "librispeech": Layout(read_librispeech, "LibriSpeech: train-*, dev-* and test-* are the splits"),
    "common_voice": Layout(read_common_voice, "Common Voice: train.tsv, dev.tsv and test.tsv are the splits"),
}
