"""Emoji drawings: splits without twins, prompts, masked words, wrong pictures; on the real set where it is at hand."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interlace.data.datamodule import DataModule
from interlace.data.noto_emoji.reading import Emoji, family, read_emoji, splits_by_family
from interlace.data.sources import locate
from interlace.errors import UserError

# Person, man and woman of two kinds, and things.
CHARACTERS = ["🧑‍🍳", "👨‍🍳", "👩‍🍳", "🤷", "🤷‍♂️", "🤷‍♀️", *(chr(0x1F400 + i) for i in range(60))]


def line(index: int, character: str) -> dict:
    names = {language: f"{language} word {index}" for language in ("en", "de", "fr", "es", "zh")}
    split = ("train", "val", "test")[index % 3]
    return {
        "image": f"images/e{index}.png",
        "emoji": character,
        "group": "ab"[index % 2],
        "captions": names,
        "split": split,
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "noto-emoji-captions"
    (folder / "images").mkdir(parents=True)
    for index in range(len(CHARACTERS)):
        Image.new("RGBA", (72, 72), (index, 2 * index, 0, 255)).save(folder / "images" / f"e{index}.png")
    lines = [json.dumps(line(index, character)) for index, character in enumerate(CHARACTERS)]
    (folder / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setenv("INTERLACE_DATA", str(tmp_path))
    return folder


@pytest.fixture
def emoji(build: Callable[..., DataModule], home: Path) -> Callable[..., DataModule]:
    def make(**options) -> DataModule:
        data = build("noto_emoji_captions", **options)
        data.prepare()
        return data

    return make


def shown(data: DataModule, split: str, row: int) -> int:
    """The number of the drawing that an example shows."""
    return int(data.splits[split].arrays["image"].x[row, 0, 5, 5])


def test_every_emoji_once_a_language_with_its_drawing_and_a_tag(emoji) -> None:
    data = emoji(targets=["fr", "en"])
    split = data.splits["train"]
    assert data.task == "generation"
    assert len(split) == 2 * data.describe()["num_emoji"]["train"]
    for row in range(len(split)):
        stem, language = split.ids[row].split("-")
        number = int(stem[1:])
        assert split.targets[row] == f"{language} word {number}"
        assert split.prompts[row] == f">>{language}<<"
        assert shown(data, "train", row) == number
        assert split.groups["language"][row] == language
    ids = [i.split("-")[0] for part in data.splits.values() for i in part.ids]
    assert sorted(set(ids)) == sorted({f"e{i}" for i in range(len(CHARACTERS))})
    assert len(ids) == 2 * len(CHARACTERS), "no emoji in two splits"


def test_people_of_one_kind_are_a_family_of_one_split(emoji) -> None:
    data = emoji()
    home = {i.split("-")[0]: name for name, split in data.splits.items() for i in split.ids}
    assert home["e0"] == home["e1"] == home["e2"]
    assert home["e3"] == home["e4"] == home["e5"]
    apart = emoji(variants_together=False)
    assert {i.split("-")[0]: n for n, s in apart.splits.items() for i in s.ids} == {
        f"e{i}": ("train", "val", "test")[i % 3] for i in range(len(CHARACTERS))
    }
    cook, thing = (Emoji("", "", character, "", {}, "") for character in ("👩‍🍳", "🐈"))
    assert family(cook) == (0x1F9D1, 0x1F373)
    assert family(thing) == (0x1F408,)
    assert splits_by_family([cook, thing])[1] == splits_by_family([thing])[0], "others move nobody"


def test_a_source_to_translate_with_words_hidden_more_and_more(emoji) -> None:
    none, half, all_ = (emoji(source="en", targets=["de"], masked_words=share) for share in (0.0, 0.5, 1.0))
    prompts = [data.splits["train"].prompts for data in (none, half, all_)]
    assert prompts[0][0] == ">>de<< en word 0"
    hidden = [np.array([[w == "_" for w in prompt.split()[1:]] for prompt in each]) for each in prompts]
    assert hidden[0].sum() == 0
    assert hidden[2].all()
    assert 0.3 < hidden[1].mean() < 0.7
    more = emoji(source="en", targets=["de"], masked_words=0.8).splits["train"].prompts
    more_hidden = np.array([[w == "_" for w in prompt.split()[1:]] for prompt in more])
    assert (more_hidden | ~hidden[1]).all(), "what is hidden at 0.5 is hidden at 0.8"
    assert len({data.fingerprint for data in (none, half, all_)}) == 3


def test_wrong_pictures_are_another_emojis_of_the_split_for_all_languages(emoji) -> None:
    data = emoji(targets=["en", "de"], image="wrong")
    for name, split in data.splits.items():
        own = [int(i.split("-")[0][1:]) for i in split.ids]
        seen = [shown(data, name, row) for row in range(len(split))]
        assert all(ours != theirs for ours, theirs in zip(own, seen, strict=True))
        assert sorted(own) == sorted(seen), "every drawing of the split is shown, and no other"
        assert seen[::2] == seen[1::2]
    test_only = emoji(test_image="wrong")
    assert shown(test_only, "train", 0) == int(test_only.splits["train"].ids[0].split("-")[0][1:])
    assert shown(test_only, "test", 0) != int(test_only.splits["test"].ids[0].split("-")[0][1:])


def test_no_picture_is_a_missing_modality(emoji) -> None:
    data = emoji(image="none")
    raw = data.splits["train"].batch(np.arange(3))["inputs"]["image"]
    assert not raw.present.any()
    assert not raw.x.any()
    assert data.describe()["modalities"]["image"]["present"] == {"train": 0.0, "val": 0.0, "test": 0.0}


def test_bad_options_and_lines_are_told(emoji, home: Path) -> None:
    with pytest.raises(UserError, match=r"data.targets: 'en' is data.source as well"):
        emoji(source="en")
    with pytest.raises(UserError, match=r"data.masked_words: there is no source"):
        emoji(masked_words=0.5)
    with pytest.raises(UserError, match=r"data.image_size: got 73"):
        emoji(image_size=73)
    with pytest.raises(UserError, match="name each language once"):
        emoji(targets=["de", "de"])
    bad = [line(0, "🐈"), {**line(1, "🐕"), "captions": {"en": "dog"}}, {**line(2, "🐎"), "split": "dev"}]
    (home / "captions.jsonl").write_text("\n".join(map(json.dumps, bad)), encoding="utf-8")
    with pytest.raises(UserError, match=r"(?s)line 2.*line 3"):
        read_emoji(home / "captions.jsonl")


def test_the_real_set_has_no_twins_across_splits(build: Callable[..., DataModule]) -> None:
    folder = locate("noto-emoji-captions")
    if folder is None:
        pytest.skip("INTERLACE_DATA names no folder with noto-emoji-captions")
    found = read_emoji(folder / "captions.jsonl")
    splits = splits_by_family(found)
    assert (len(found), [splits.count(name) for name in ("train", "val", "test")]) == (1644, [1339, 166, 139])
    homes: dict[tuple[int, ...], set[str]] = {}
    for each, split in zip(found, splits, strict=True):
        homes.setdefault(family(each), set()).add(split)
    assert all(len(names) == 1 for names in homes.values())
    file_homes: dict[tuple[int, ...], set[str]] = {}
    for each in found:
        file_homes.setdefault(family(each), set()).add(each.split)
    twins = sum("train" in file_homes[family(each)] for each in found if each.split == "test")
    assert twins == 30, "of the file's 167 test drawings have a variant in its training split"
