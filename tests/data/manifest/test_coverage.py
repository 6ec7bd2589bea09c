"""What the vocabulary of training texts covers, and texts that are too long."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlace.data.datamodule import DataModule
from interlace.data.manifest.findings import examine
from interlace.errors import UserError

Row = dict[str, Any]


@pytest.fixture
def manifest(build: Callable[..., DataModule], tmp_path: Path) -> Callable[..., DataModule]:
    def make(rows: list[Row], **options: Any) -> DataModule:
        (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = build("manifest", path=str(tmp_path / "m.jsonl"), **options)
        data.prepare()
        return data

    return make


def splits_of(train: list[str], val: list[str], test: list[str]) -> list[Row]:
    texts = {"train": train, "val": val, "test": test}
    return [{"split": s, "text": t, "label": i % 2} for s, each in texts.items() for i, t in enumerate(each)]


WORDS = st.lists(st.sampled_from(["a", "bee", "CEE", "d", "漢字", "é", "x,y"]), min_size=1, max_size=4).map(" ".join)
TEXTS = st.lists(WORDS, min_size=2, max_size=6)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(train=TEXTS, val=TEXTS, test=TEXTS)
def test_the_share_of_unknown_tokens_is_told_alike_by_check_and_training(manifest, train, val, test) -> None:
    data = manifest(splits_of(train, val, test))
    known = set(data.tokenizers["text"].words)
    shares = []
    for name, texts in (("validation", val), ("test", test)):
        words = [w for text in texts for w in text.lower().replace(",", " , ").replace("漢字", "漢 字").split()]
        shares.append(f"{sum(w not in known for w in words) / len(words):.1%} of {name} tokens")
    told = f"text: {' and '.join(shares)} are not in the vocabulary ({len(known):,} words of training texts)"
    assert told in data.notes()
    assert told in examine(data.path).summary["notes"]


def test_texts_that_are_too_long_are_bad_lines_or_cut_and_counted(manifest) -> None:
    rows = splits_of(["one two three four", "five"], ["two three one", "five"], ["one", "six five four three"])
    with pytest.raises(UserError, match=r"line 1: text too long: text has 4 tokens, more than 2; data.on_long=trun"):
        manifest(rows, max_tokens=2)
    assert [p.line for p in examine(manifest(rows).path, max_tokens=2).problems] == [1, 3, 6]
    data = manifest(rows, max_tokens=2, on_long="truncate")
    told = "text: 3 texts have more than 2 tokens; the first are kept (data.on_long=truncate)"
    assert told in data.notes()
    assert told in examine(data.path, max_tokens=2, on_long="truncate").summary["notes"]
    words, split = data.tokenizers["text"].words, data.splits["train"]
    ids = split.batch(np.arange(2))["inputs"]["text"]
    assert [words[int(i) - 2] for i in ids.x[0]] == ["one", "two"]
    assert ids.length.tolist() == [2, 1]
    again = DataModule.from_state(json.loads(json.dumps(data.state()))).encode(
        [{"text": "one two three"}], data.path.parent
    )
    assert again.batch(np.arange(1))["inputs"]["text"].length.tolist() == [2], "as in training"


def test_characters_of_text_without_spaces_can_be_left_in_their_words(manifest) -> None:
    rows = splits_of(["开心 今天", "难过"], ["今天", "开心"], ["难过", "今天 开心"])
    assert sorted(manifest(rows).tokenizers["text"].words) == sorted("开心今天难过")
    assert sorted(manifest(rows, characters=False).tokenizers["text"].words) == sorted(["开心", "今天", "难过"])


def test_a_run_goes_on_splitting_texts_as_it_did(manifest) -> None:
    rows = splits_of(["开心 今天", "难过"], ["今天", "开心"], ["难过", "今天 开心"])
    run = manifest(rows, characters=False)
    data = manifest(rows)
    data.take_over(DataModule.from_state(run.state()))
    data.prepare()
    assert data.splits["test"].batch(np.arange(2))["inputs"]["text"].length.tolist() == [1, 2]
