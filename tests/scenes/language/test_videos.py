"""Captions of videos follow from what moves and sounds."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from interlace.data.datamodule import DataModule

SMALL = {"num_train": 2304, "num_val": 4, "num_test": 8, "image_size": 16, "num_frames": 4, "sample_rate": 4000}


@pytest.fixture
def videos(build: Callable[..., DataModule]) -> Callable[..., DataModule]:
    def make(**options) -> DataModule:
        data = build("scenes_video_captions", **{**SMALL, **options})
        data.prepare()
        return data

    return make


def test_every_caption_is_as_frequent_and_its_sound_is_heard_in_the_half_it_tells(videos) -> None:
    data = videos(languages=["en"], sound_noise=0.0)
    split = data.splits["train"]
    assert set(Counter(split.targets).values()) == {4}, "576 cases, each four times"
    samples = data.modalities["audio"].shape[0]
    sound = split.arrays["audio"].x.astype(np.int64)
    late = np.abs(sound[:, samples // 2 :]).sum(1) > np.abs(sound[:, : samples // 2]).sum(1)
    told = [" sound." in target for target in split.targets]
    assert late.tolist() == told, "'... with a low sound, then ...' or '... with a low sound.'"
    assert list(data.modalities) == ["video", "audio"]


def test_controls_and_languages(videos) -> None:
    data, silent = videos(), videos(test_audio="none")
    assert Counter(data.splits["train"].groups["language"]) == dict.fromkeys(["en", "de", "fr", "zh"], 576)
    assert not silent.splits["test"].arrays["audio"].present.any()
    assert silent.splits["train"].arrays["audio"].present.all()
    assert data.fingerprint != silent.fingerprint
    assert data.describe()["ideal"]["prompt+video"] == round(1 / 6, 6)
