"""Texts that are tokenized together are what they are one by one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.datamodule import DataModule
from interlace.data.manifest.batch_tokenizing import CHUNK, BatchTokenizer, chunks, with_look_ahead
from interlace.data.manifest.rows import Lines, NumberedRecord
from interlace.data.text import WordTokenizer

# Half a surrogate pair among them, which JSON can spell and no tokenizer takes.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=6) | st.text(
    st.sampled_from("aAbc ,.\ud800İßΣ"), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.integers() | TEXTS, max_size=30))
def test_a_lot_of_texts_has_the_ids_of_each(values: list[object]) -> None:
    plain = WordTokenizer(["a", "b", "abc"])
    filled = BatchTokenizer(plain)
    filled.fill("text", [{"text": value} for value in values])
    for value in values:
        if isinstance(value, str) and value.encode("utf-8", "replace").decode() == value:
            assert filled.encode(value) == plain.encode(value)
    assert filled.encode("a new text, abc") == plain.encode("a new text, abc")


def test_lots_are_all_items_in_their_order() -> None:
    for number in (0, 1, CHUNK, CHUNK + 1, 3 * CHUNK):
        assert [item for lot in chunks(range(number)) for item in lot] == list(range(number))


def test_the_records_of_a_line_are_looked_at_before_it() -> None:
    lines = Lines()
    for number in range(CHUNK + 5):
        lines.append(NumberedRecord(number + 1, {"text": str(number)}))
    seen: list[str] = []
    for line in with_look_ahead(lines, lambda records: seen.extend(record["text"] for record in records)):
        assert line.record["text"] in seen[-CHUNK:]
    assert seen == [str(number) for number in range(CHUNK + 5)]


def test_arrays_hold_the_ids_of_the_training_vocabulary(tmp_path: Path, build: Callable[..., DataModule]) -> None:
    """More lines than a lot, of which some are left out: every row has the ids of its own text."""
    rows = [{"text": f"word{i % 97} and {i % 13}, word{i}", "label": "ab"[i % 2]} for i in range(CHUNK + 300)]
    rows[7]["text"] = " ".join(["long"] * 600)
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = build("manifest", path=str(tmp_path / "m.jsonl"), on_error="skip")
    data.prepare()
    tokenizer = data.tokenizers["text"]
    assert data.skipped == {"text too long": 1}
    for split in data.splits.values():
        array = split.arrays["text"]
        for row, text in enumerate(split.texts["text"]):
            ids = tokenizer.encode(text)
            assert array.length[row] == len(ids)
            assert np.array_equal(array.x[row, : len(ids)], ids)
            assert not array.x[row, len(ids) :].any()
    assert sum(map(len, data.splits.values())) == len(rows) - 1
