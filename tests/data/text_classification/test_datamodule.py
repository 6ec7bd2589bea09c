import json
import os
from collections import Counter
from pathlib import Path

import hydra.utils
import numpy as np
import pytest

from interlace.configuration.compose import compose_node
from interlace.data.augmentation import EasyDataAugmentation, NoAugmentation, Vocabulary, WordDropout
from interlace.data.datamodule import DataModule
from interlace.data.loader import BatchLoader
from interlace.data.tokenizers import TextTokenizer, WordPieceBuilder
from interlace.errors import UserError

WORDPIECE = {k: v for k, v in compose_node("tokenizer", "wordpiece").items() if k != "_target_"}
WORDS = ["alpha", "beta", "gamma", "delta", "omega"]


def sentence(index: int) -> str:
    rng = np.random.default_rng(index)
    return " ".join(rng.choice(WORDS, size=3 + index % 9)) + (" good" if index % 3 else " bad")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.tsv"
    rows = [f"{sentence(i)}\t{'yes' if i % 3 else 'no'}\ts{i // 6}" for i in range(120)]
    path.write_text("text\tlabel\tsite\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def make(table):
    """make(**options) is conf/data/text_classification.yaml on the table, with what is injected among the options."""

    def made(prepare=True, **options):
        injected = {k: options.pop(k) for k in ("tokenizer", "augmentation") if k in options}
        node = {**compose_node("data", "text_classification"), "path": str(table), "max_tokens": 16, **options}
        data = hydra.utils.instantiate(node, _partial_=True, _convert_="all")(**injected)
        if prepare:
            data.prepare()
        return data

    return made


def test_a_file_without_splits_is_shared_out_in_proportion(make) -> None:
    data = make(length_bins=[6, 9], group_columns=["site"])
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 84, "val": 12, "test": 24}
    assert data.classes == ["no", "yes"]
    assert [float(split.labels.mean()) for split in data.splits.values()] == pytest.approx([2 / 3] * 3, abs=0.01)
    ids = [i for split in data.splits.values() for i in split.ids]
    assert len(set(ids)) == 120
    test = data.splits["test"]
    for row, text in enumerate(test.texts["text"]):
        words = len(text.split())
        assert test.groups["length"][row] == ("<6" if words < 6 else "6-8" if words < 9 else "9+")
        index = int(test.ids[row]) - 2  # line 1 is the header
        assert text == sentence(index)
        assert test.groups["site"][row] == f"s{index // 6}"
        assert test.labels[row] == (index % 3 > 0)
        x = test.batch(np.array([row]))["inputs"]["text"].x[0]
        assert data.tokenizers["text"].decode(x.tolist()) == text
    described = data.describe()
    assert described["cut"] == {"train": 0, "val": 0, "test": 0}
    assert described["num_examples"] == {"train": 84, "val": 12, "test": 24}
    json.dumps(described)


def test_the_same_data_have_the_same_fingerprint(make) -> None:
    assert make().fingerprint == make().fingerprint
    assert make(seed=1).fingerprint != make().fingerprint
    assert make(augmentation=NoAugmentation()).fingerprint != make(max_tokens=8).fingerprint
    first = make(augmentation=WordDropout(probability=0.1, mask=None, num_copies=0, every_epoch=True))
    other = make(augmentation=WordDropout(probability=0.2, mask=None, num_copies=0, every_epoch=True))
    assert first.fingerprint != other.fingerprint


def test_smaller_fractions_lie_within_larger_ones(make) -> None:
    parts = {f: make(train_fraction=f) for f in (0.1, 0.5, 1.0)}
    ids = {f: data.splits["train"].ids for f, data in parts.items()}
    assert [len(each) for each in ids.values()] == [8, 42, 84]
    assert set(ids[0.1]) < set(ids[0.5]) < set(ids[1.0])
    assert parts[0.5].splits["train"].labels.mean() == pytest.approx(2 / 3, abs=0.02)
    assert all(parts[f].splits["test"].ids == parts[1.0].splits["test"].ids for f in parts)


def test_folds_test_every_example_once_and_keep_groups_together(make) -> None:
    folds = [make(fold=fold, num_folds=4, fold_group="site") for fold in range(4)]
    tested = Counter(i for data in folds for i in data.splits["test"].ids)
    assert tested == Counter(str(i + 2) for i in range(120))
    for data in folds:
        homes: dict[str, set[str]] = {}
        for name, split in data.splits.items():
            for identity in split.ids:
                homes.setdefault(f"s{(int(identity) - 2) // 6}", set()).add(name)
        assert all(len(home) == 1 for home in homes.values())
        assert "site" not in data.splits["test"].groups, "a fold group is no group of metrics unless asked for"
        assert data.splits["test"].labels.mean() == pytest.approx(2 / 3, abs=0.05)
    assert make(fold=0, num_folds=4).splits["test"].ids == make(fold=0, num_folds=4).splits["test"].ids


def test_an_official_test_split_is_set_aside_by_folds(build, tmp_path: Path) -> None:
    for split, number in (("train", 20), ("dev", 10), ("test", 7)):
        (tmp_path / f"{split}.tsv").write_text("".join(f"{split} {i}\t{i % 2}\n" for i in range(number)))
    options = {"path": str(tmp_path), "text_columns": [0], "label_column": 1, "header": False}
    data = build("text_classification", fold=1, num_folds=3, **options)
    data.prepare()
    assert data.describe()["set_aside"] == 7
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 10, "val": 10, "test": 10}
    assert not any(text.startswith("test") for s in data.splits.values() for text in s.texts["text"])


def test_an_injected_builder_is_trained_on_the_training_texts_alone(make, table) -> None:
    seen: list[str] = []

    class Seen(WordPieceBuilder):
        def build(self, texts):
            seen.extend(texts)
            return super().build(iter(seen))

    data = make(tokenizer=Seen(vocabulary_size=90), train_fraction=0.5)
    assert seen == data.splits["train"].texts["text"]
    made = data.tokenizers["text"]
    x = data.splits["test"].batch(np.arange(3))["inputs"]["text"]
    assert (x.x[:, 0] == made.cls_id).all()
    assert [x.x[i, n - 1].item() for i, n in enumerate(x.length)] == [made.sep_id] * 3
    assert data.modalities["text"].vocabulary_size == len(made)
    assert data.modalities["text"].words[made.cls_id] == "[CLS]"
    again = DataModule.from_state(json.loads(json.dumps(data.state())))
    texts = data.splits["test"].texts["text"]
    split = again.encode([{"text": text} for text in texts], table.parent)
    for name in ("x", "length", "present"):
        assert np.array_equal(
            getattr(split.batch(np.arange(len(texts)))["inputs"]["text"], name),
            getattr(data.splits["test"].batch(np.arange(len(texts)))["inputs"]["text"], name),
        )


def test_a_ready_tokenizer_keeps_its_vocabulary(make) -> None:
    ready = TextTokenizer.train("word", ["alpha beta good bad"], 20)
    data = make(tokenizer=ready)
    assert data.tokenizers["text"].tokenizer is ready


def test_augmented_texts_are_a_function_of_seed_epoch_and_row(make) -> None:
    augmentation = WordDropout(probability=0.5, mask=None, num_copies=0, every_epoch=True)
    plain = make()
    data, other = (make(augmentation=augmentation, seed=0) for _ in range(2))
    train, again = data.splits["train"].select(["text"]), other.splits["train"].select(["text"])
    rows = np.arange(len(train))

    def texts(split, epoch: int, rows: np.ndarray) -> list[str]:
        split.set_epoch(epoch)
        x = split.batch(rows)["inputs"]["text"]
        return [data.tokenizers["text"].decode(ids[:n].tolist()) for ids, n in zip(x.x, x.length, strict=True)]

    epochs = [texts(train, epoch, rows) for epoch in range(3)]
    assert len({tuple(each) for each in epochs}) == 3
    assert [texts(again, 2, rows[i : i + 1])[0] for i in rows[::-1]][::-1] == epochs[2], "in any order, in any batch"
    assert texts(train, 0, rows) == epochs[0]
    originals = plain.splits["train"].texts["text"]
    kept = sum(len(text.split()) for text in epochs[1]) / sum(len(text.split()) for text in originals)
    assert kept == pytest.approx(0.5, abs=0.06)
    for original, variant in zip(originals, epochs[1], strict=True):
        assert not Counter(variant.split()) - Counter(original.split())
    for name in ("val", "test"):
        assert data.splits[name].texts == plain.splits[name].texts
        assert type(data.splits[name]) is type(plain.splits[name])
    assert data.modalities == plain.modalities, "the vocabulary is that of the originals"


def test_a_resumed_loader_sees_the_texts_of_an_uninterrupted_one(make) -> None:
    augmentation = WordDropout(probability=0.3, mask=None, num_copies=1, every_epoch=True)

    def batches(epoch: int, start: int) -> list[list[list[int]]]:
        split = make(augmentation=augmentation).splits["train"]
        loader = BatchLoader(split, 32, shuffle=True, seed=3, drop_last=False)
        loader.set_epoch(epoch)
        loader.start_batch = start
        return [batch["inputs"]["text"].x.tolist() for batch in loader]

    assert batches(2, 3) == batches(2, 0)[3:]
    assert batches(2, 0) != batches(1, 0)


def test_copies_are_added_to_the_originals(make) -> None:
    augmentation = EasyDataAugmentation(
        alpha_replacement=0.2, alpha_insertion=0.2, alpha_swap=0.2, alpha_deletion=0.2, replacements=Vocabulary(),
        stop_words=None, num_copies=2, every_epoch=False,
    )  # fmt: skip
    plain, data = make(), make(augmentation=augmentation)
    originals, train = plain.splits["train"], data.splits["train"]
    number = len(originals)
    assert len(train) == 3 * number
    assert train.texts["text"][:number] == originals.texts["text"]
    assert train.labels.tolist() == originals.labels.tolist() * 3
    assert train.ids[number] == f"{train.ids[0]}+1"
    assert data.describe()["num_augmented"] == 2 * number
    first = train.batch(np.arange(3 * number))["inputs"]["text"].x
    train.set_epoch(1)
    assert first.equal(train.batch(np.arange(3 * number))["inputs"]["text"].x), "drawn once"
    changed = [a != b for a, b in zip(train.texts["text"][number : 2 * number], originals.texts["text"], strict=True)]
    assert np.mean(changed) > 0.7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "sst2"}, "data.name, data.path: expected one of them"),
        ({"length_bins": [5, 3]}, r"data.length_bins: got \[5, 3\]"),
        ({"train_fraction": 0.0}, "data.train_fraction: got 0.0; expected a value above 0"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "leave no examples for training"),
        ({"fold": 5}, "data.fold: got 5; expected null or 0 to 4"),
    ],
)
def test_options_are_checked_before_anything_is_read(make, options, words) -> None:
    with pytest.raises(UserError, match=words):
        make(prepare=False, **options)


def test_one_class_is_no_task(build, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na,1\nb,1\n")
    data = build("text_classification", path=str(tmp_path / "t.csv"))
    with pytest.raises(UserError, match="at least two classes, found only '1'"):
        data.prepare()


@pytest.mark.skipif(
    not any((Path(p) / "sst2").is_dir() for p in os.environ.get("INTERLACE_DATA", "").split(os.pathsep) if p),
    reason="INTERLACE_DATA names no folder with sst2",
)
def test_sst2_has_the_published_counts(build) -> None:
    data = build("sst2")
    data.prepare()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 6920, "val": 872, "test": 1821}
    assert data.classes == ["negative", "positive"]
    assert np.bincount(data.splits["test"].labels).tolist() == [912, 909], "Socher et al. 2013"
    assert data.describe()["cut"]["train"] == 0


def test_where_a_pair_parts_is_known_when_new_examples_are_encoded(make) -> None:
    pairs = make(text_columns=["text", "site"], tokenizer=WordPieceBuilder(**WORDPIECE))
    spec = pairs.modalities["text"]
    assert spec.pair_separator == pairs.tokenizers["text"].sep_id
    restored = DataModule.from_state(json.loads(json.dumps(pairs.state()))).modalities["text"]
    assert restored.pair_separator == spec.pair_separator
    assert make(tokenizer=WordPieceBuilder(**WORDPIECE)).modalities["text"].pair_separator is None
