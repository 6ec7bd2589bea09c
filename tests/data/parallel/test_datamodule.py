import gzip
import json
import os
from pathlib import Path

import hydra.utils
import numpy as np
import pytest

from interlace.configuration.compose import compose_node
from interlace.data.parallel import ParallelText
from interlace.data.tokenizers import TextTokenizer, UnigramBuilder, WordBuilder
from interlace.errors import UserError
from interlace.objectives.text_to_text import TextToText

ENGLISH = ["the", "dog", "sees", "a", "cat", "and", "runs"]
GERMAN = ["der", "hund", "sieht", "eine", "katze", "und", "läuft"]


def pair(index: int) -> tuple[str, str]:
    words = np.random.default_rng(index).integers(7, size=2 + index % 9)
    return " ".join(ENGLISH[w] for w in words), " ".join(GERMAN[w] for w in words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, rows in (("train", range(100)), ("val", range(100, 120)), ("test_2016_flickr", range(120, 130))):
        for side, language in enumerate(("en", "de")):
            text = "".join(pair(i)[side] + "\n" for i in rows)
            (tmp_path / f"{split}.{language}.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


@pytest.fixture
def make(folder: Path):
    def made(prepare=True, path=None, **options):
        tokenizer = options.pop("tokenizer", UnigramBuilder(vocabulary_size=120, num_sentinels=4))
        base = {"path": str(path or folder), "source": "en", "target": "de"}
        node = {**compose_node("data", "parallel_text"), **base, **options}
        data = hydra.utils.instantiate(node, _partial_=True, _convert_="all")(tokenizer=tokenizer)
        if prepare:
            data.prepare()
        return data

    return made


def test_a_test_split_that_is_another_is_told(make, folder) -> None:
    assert make().notes() == []
    for language in ("en", "de"):
        (folder / f"test_2016_flickr.{language}.gz").write_bytes((folder / f"val.{language}.gz").read_bytes())
    assert make().notes() == ["the test split is the validation split: the checkpoint was selected on it"]


def test_rows_are_the_lines_of_both_files_with_an_end_token(make) -> None:
    data = make()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 100, "val": 20, "test": 10}
    test, end = data.splits["test"], data.tokenizer.eos_id
    assert list(zip(test.sources, test.targets, strict=True)) == [pair(i) for i in range(120, 130)]
    source, source_length, target, target_length = test.rows([3, 0, 9])
    for row, index in enumerate((123, 120, 129)):
        for ids, length, text in zip((source, target), (source_length, target_length), pair(index), strict=True):
            assert ids[row, length[row] - 1] == end
            assert data.tokenizer.decode(ids[row, : length[row] - 1].tolist()) == text
            assert (ids[row, length[row] :] == data.tokenizer.pad_id).all()
    assert source.shape[1] == source_length.max()
    sources, targets = test.sequences([3, 0])
    assert sources[0].tolist() == source[0, : source_length[0]].tolist()
    assert targets[1].tolist() == target[1, : target_length[1]].tolist()
    assert test.num_targets([3, 0]) == int(target_length[:2].sum())
    objective = TextToText(label_smoothing=0.0)
    objective.bind(data.tokenizer, 0)
    batch = objective.batch(test, np.array([3, 0]), 0)
    assert objective.num_targets(test, np.array([3, 0]), 0).tolist() == batch["num_targets"].tolist()
    json.dumps(data.describe())


def test_the_tokenizer_is_trained_on_both_sides_of_the_training_pairs_alone(make) -> None:
    seen: list[str] = []

    class Seen(UnigramBuilder):
        def build(self, texts):
            seen.extend(texts)
            return super().build(iter(seen))

    make(tokenizer=Seen(vocabulary_size=130, num_sentinels=4), prefix="translate: ")
    assert seen[0] == "translate: "
    assert seen[1:] == [text for i in range(100) for text in pair(i)]


def test_a_prefix_goes_before_the_ids_and_not_before_the_texts(make) -> None:
    ready = TextTokenizer.train("bpe", [text for i in range(50) for text in pair(i)] * 2, 300)
    data = make(prefix="to German: ", tokenizer=ready)
    split = data.splits["val"]
    assert split.sources[0] == pair(100)[0]
    assert ready.decode(split.sequences([0])[0][0][:-1]) == "to German: " + pair(100)[0]
    assert data.encode_sources([pair(100)[0]])[0] == split.sequences([0])[0][0].tolist()


def test_long_pairs_are_left_out_of_training_and_cut_elsewhere(make) -> None:
    whole = make()
    train = whole.splits["train"]
    limit = int(np.median(train.source_ids.lengths))
    data = make(max_source_tokens=limit, max_target_tokens=limit)
    fits = [i for i in range(100) if max(len(s[0]) for s in train.sequences([i])) <= limit]
    assert 0 < len(fits) < 100
    assert data.splits["train"].sources == [pair(i)[0] for i in fits]
    assert data.describe()["dropped"] == 100 - len(fits)
    assert len(data.splits["test"]) == 10, "what is measured on is never left out"
    assert data.describe()["cut"]["test"] > 0
    _, lengths, target, target_lengths = data.splits["test"].rows(range(10))
    assert max(lengths.max(), target_lengths.max()) == limit
    assert all(row[n - 1] == data.tokenizer.eos_id for row, n in zip(target, target_lengths, strict=True))
    kept = make(max_source_tokens=limit, max_target_tokens=limit, drop_long=False)
    assert len(kept.splits["train"]) == 100


def test_orders_are_functions_of_seed_and_epoch_and_of_length_when_bucketed(make) -> None:
    split = make().splits["train"]
    order = split.order(10, seed=0, epoch=0)
    assert sorted(order.tolist()) == list(range(100))
    assert (order == split.order(10, seed=0, epoch=0)).all()
    assert (order != split.order(10, seed=0, epoch=1)).any()

    def padded(order: np.ndarray) -> int:
        return sum(x.numel() for i in range(0, 100, 10) for x in split.rows(order[i : i + 10])[::2])

    mixed = make(bucket=False).splits["train"].order(10, seed=0, epoch=0)
    assert padded(order) < 0.85 * padded(mixed)


def test_fractions_are_nested_and_the_fingerprint_tells_data_apart(make) -> None:
    half, tenth = make(train_fraction=0.5), make(train_fraction=0.1)
    assert (len(half.splits["train"]), len(tenth.splits["train"])) == (50, 10)
    assert set(tenth.splits["train"].sources) <= set(half.splits["train"].sources)
    assert make().fingerprint == make().fingerprint
    prints = [make(**o).fingerprint for o in ({}, {"prefix": "x "}, {"train_fraction": 0.5}, {"max_source_tokens": 6})]
    assert len(set(prints)) == 4


def test_a_module_restored_from_its_state_encodes_new_sources(make) -> None:
    data = make(prefix="x: ", max_source_tokens=9)
    again = ParallelText.from_state(json.loads(json.dumps(data.state())))
    texts = ["the dog", pair(8)[0] * 3]
    assert again.encode_sources(texts) == data.encode_sources(texts)
    assert len(again.encode_sources(texts)[1]) == 9
    assert again.fingerprint == data.fingerprint


def test_tables_hold_the_same_pairs(make, folder, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("tables")
    rows = {"train": range(100), "valid": range(100, 120), "test": range(120, 130)}
    for split, numbers in rows.items():
        lines = [json.dumps(dict(zip(("en", "de"), pair(i), strict=True))) for i in numbers]
        (other / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    table = make(path=other).splits["train"]
    (other / "train.jsonl").unlink()
    (other / "train.tsv").write_text("".join("\t".join(pair(i)) + "\n" for i in range(100)))
    again = make(path=other).splits["train"]
    plain = make().splits["train"]
    for each in (table, again):
        assert (each.sources, each.targets) == (plain.sources, plain.targets)
        assert np.array_equal(each.target_ids.values, plain.target_ids.values)


def test_lines_out_of_step_are_found_out(make, folder: Path) -> None:
    text = gzip.decompress((folder / "val.de.gz").read_bytes()).decode()
    (folder / "val.de.gz").write_bytes(gzip.compress(text.split("\n", 1)[1].encode()))
    with pytest.raises(UserError, match=r"val\.en\.gz: 20 lines, and val\.de\.gz has 19"):
        make()
    (folder / "val.de.gz").write_bytes(
        gzip.compress(text.replace("\n", "\n", 1).replace(text.split("\n")[4], " ").encode())
    )
    with pytest.raises(UserError, match=r"line 5: no pair: val\.de\.gz has no text on it"):
        make()


def test_unusual_line_separators_do_not_put_the_sides_out_of_step(make, folder: Path) -> None:
    text = gzip.decompress((folder / "train.en.gz").read_bytes()).decode()
    (folder / "train.en.gz").write_bytes(gzip.compress(text.replace(" ", "\u2028", 3).replace("\n", "\r\n").encode()))
    assert len(make().splits["train"]) == 100


def test_what_is_missing_is_said(make, folder: Path, tmp_path_factory) -> None:
    (folder / "test_2016_flickr.de.gz").unlink()
    with pytest.raises(UserError, match=r"test_2016_flickr\.de \(or test_2016_flickr\.de\.gz\) is missing"):
        make()
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(UserError, match=r"no train split in it; expected train\.en and train\.de"):
        make(path=empty)
    (empty / "train.jsonl").write_text('{"en": "a"}\n[1]\n')
    with pytest.raises(UserError, match="line 1: no pair: de has no text on it"):
        make(path=empty)
    (folder / "train.en.gz").write_bytes(b"not gzip")
    with pytest.raises(UserError, match=r"train\.en\.gz: damaged or truncated"):
        make()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "en"}, "data.target: got 'en', which is data.source as well"),
        ({"name": "multi30k"}, "data.name, data.path: expected one of them"),
        ({"max_target_tokens": 1}, "data.max_target_tokens: got 1; expected a value at least 2"),
    ],
)
def test_options_are_checked_before_anything_is_read(make, options, words) -> None:
    with pytest.raises(UserError, match=words):
        make(prepare=False, **options)


def test_tokenizers_without_an_end_token_are_refused(make) -> None:
    with pytest.raises(UserError, match="needs one; choose"):
        make(tokenizer=None).encode_sources(["the dog"])
    with pytest.raises(UserError, match="an end and a padding token"):
        make(tokenizer=TextTokenizer.train("wordpiece", ["some words"], 40))
    with pytest.raises(UserError, match="every training pair is longer"):
        make(max_source_tokens=2, max_target_tokens=2)


@pytest.mark.slow
@pytest.mark.skipif(
    not any((Path(p) / "multi30k").is_dir() for p in os.environ.get("INTERLACE_DATA", "").split(os.pathsep) if p),
    reason="INTERLACE_DATA names no folder with multi30k",
)
def test_multi30k_has_the_published_counts() -> None:
    node = {**compose_node("data", "multi30k"), "target": "fr"}
    data = hydra.utils.instantiate(node, _partial_=True, _convert_="all")(tokenizer=WordBuilder(vocabulary_size=2000))
    data.prepare()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 29000, "val": 1014, "test": 1000}
    assert data.splits["test"].targets[0].startswith("Un homme")
