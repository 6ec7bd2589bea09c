"""The rows of `interlace bench predict`, and that both sides compute the same or it is an error."""

import json

import pytest

from interlace.bench import predict_speed
from interlace.bench.predict import ROWS, TARGET, Options, chosen
from interlace.errors import UserError

OPTIONS = Options(threads=2, repeats=1, timeout=None, quick=False, lines=4096)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_compares_a_file_with_the_forward_pass_in_one_process(name):
    row = ROWS[name](OPTIONS)
    (command,) = row.commands
    assert row.name == name
    assert sorted(command.readings) == sorted(row.ours + row.peers)
    assert (row.target, row.larger_is_better) == (TARGET, True)
    assert command.arguments[3:10] == (name, "--lines", "4096", "--rounds", "5", "--threads", "2")
    assert chosen([name]) == [name]


def test_both_sides_give_the_same_classes_or_it_is_an_error(tmp_path, monkeypatch):
    given = {"content": "media", "lines": 70, "rounds": 1, "threads": 1}
    monkeypatch.setattr(predict_speed, "PIXELS", 16)
    monkeypatch.setattr(predict_speed, "FILES", 4)
    monkeypatch.setattr(predict_speed, "TRAINING", 66)
    (tmp_path / "one").mkdir()
    measured = predict_speed.measure(**given, scratch=tmp_path / "one")
    assert {len(measured[side]) for side in ("interlace", "forward")} == {1}
    assert min(*measured["interlace"], *measured["forward"], measured["reading_lines_per_second"]) > 0

    def wrong(run, source, output, batch_size):
        output.write_text("".join(json.dumps({"prediction": "?"}) + "\n" for _ in range(70)))

    monkeypatch.setattr(predict_speed, "predict_file", wrong)
    (tmp_path / "two").mkdir()
    with pytest.raises(UserError, match="the classes of the file differ"):
        predict_speed.measure(**{**given, "content": "texts"}, scratch=tmp_path / "two")
