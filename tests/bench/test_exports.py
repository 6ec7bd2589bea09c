"""`interlace bench export`: its parts, and a row for each export, also for one that fails."""

import pytest

from interlace.bench.exports import Parts, chosen, measure, table
from interlace.configuration.names import choices
from interlace.errors import UserError


def test_parts_are_named_or_all():
    parts = chosen("concat, gated", "text", "onnx")
    assert parts == Parts(["concat", "gated"], ["text"], ["onnx"])
    assert chosen("all", "", "onnx").fusions == choices("fusion")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("concatt", "text", "onnx"), "--fusion concatt: .*concat"),
        (("concat", "sound", "onnx"), "--encoder sound: "),
        (("concat", "text", "onyx"), "--format onyx: did you mean 'onnx'"),
    ],
)
def test_a_name_that_there_is_not_is_told(given, told):
    with pytest.raises(UserError, match=told):
        chosen(*given)


@pytest.mark.slow
def test_each_export_has_a_row(tmp_path):
    rows = measure(Parts(["concat"], ["text"], ["torch_export"]), tmp_path, True, lambda sentence: None)
    assert [row["part"] for row in rows] == ["fusion=concat", "encoder of text"]
    assert all(row["test_examples"] == 32 for row in rows)
    assert rows[0]["share_of_equal_classes"] == 1.0
    failed = {"part": "fusion=x", "format": "onnx", "error": "it | cannot"}
    text = table([*rows, failed])
    lines = [line for line in text.split("\n") if line.startswith("| ")]
    assert len(lines) == 4
    assert "logits, probabilities | 0, 0 | 100.00% |" in lines[1]
    assert "tokens, mask | 0, 0 |  |" in lines[2]
    assert "it \\| cannot" in lines[3]
