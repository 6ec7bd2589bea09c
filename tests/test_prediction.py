"""Files of predictions: as `Run.predict` gives them, in chunks read ahead, and the same after a kill in the middle."""

import json
import os
import signal
import threading

import numpy as np
import pytest

import interlace.prediction
from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.data.encoding import RecordEncoder
from interlace.data.remarks import collect_remarks, remark
from interlace.errors import UserError
from interlace.prediction import chunk_size, predict_file
from interlace.runs import Run, load_run
from interlace.tracking.partial import PartialLines
from interlace.training import train

BATCH, CHUNK = 2, 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A classifier of texts and vectors."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    lines = [{**record(row, rng), "label": "ab"[row % 2], "split": split}
             for split, count in (("train", 24), ("val", 8), ("test", 8)) for row in range(count)]  # fmt: skip
    (folder / "all.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    options = ["experiment=manifest", f"data.path={folder / 'all.jsonl'}", "logger=none", "trainer=cpu",
               "trainer.max_epochs=1", "data.batch_size=8"]  # fmt: skip
    return train(compose(options), outputs=tmp_path_factory.mktemp("out"), quiet=True)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(interlace.prediction, "chunk_size", lambda run, batch_size: CHUNK)


def record(row, rng):
    words = " ".join(rng.choice(["red", "dog", "cat", "runs"], 3))
    return {"text": words, "point": rng.normal(size=3).round(3).tolist()}


def write(path, count, bad=()):
    """A file of records, every third without an id; `bad`: line number -> what stands there instead."""
    rng = np.random.default_rng(1)
    bad = dict(bad)
    found = []
    for number in range(1, count + 1):
        given = {**({} if number % 3 == 0 else {"id": f"n{number}"}), **record(number, rng)}
        found.append(bad.get(number, json.dumps(given)))
    path.write_text("\n".join(found) + "\n")
    return path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 2])
def test_a_file_has_the_predictions_of_one_call(count, run, tmp_path):
    source = write(tmp_path / "in.jsonl", count)
    made = predict_file(run, source, tmp_path / "out.jsonl", BATCH)
    records = [{**each, "id": each.get("id", number)} for number, each in enumerate(rows(source), 1)]
    assert rows(tmp_path / "out.jsonl") == run.predict(records, batch_size=BATCH)
    assert made == (count, 0, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


BAD = {1: "{,}", 3: "", 6: '{"id": "x"}', 9: '{"id": "y", "text": 3, "point": [1, 2, 3]}', 10: "{,]", 14: "nothing"}


def test_bad_lines_have_an_error_in_their_place_or_are_all_told(run, tmp_path):
    source, output = write(tmp_path / "in.jsonl", 14, BAD), tmp_path / "out.jsonl"
    made = predict_file(run, source, output, BATCH, on_error="skip")
    found = rows(output)
    expected = ["1", "n2", "n4", "n5", "x", "n7", "n8", "y", "10", "n11", "12", "n13", "14"]  # line 3 is blank
    assert [each["id"] for each in found] == expected
    wrong = {"1", "x", "y", "10", "14"}
    assert {each["id"] for each in found if "error" in each} == wrong
    assert made == (13, 5, 0, 0)
    output.unlink()
    with pytest.raises(UserError, match=r"3 bad lines[\s\S]*line 1:[\s\S]*line 10:[\s\S]*line 14:"):
        predict_file(run, source, output, BATCH)
    source = write(tmp_path / "in.jsonl", 14, {3: "", 6: BAD[6], 9: BAD[9]})
    with pytest.raises(UserError, match=r"2 bad lines[\s\S]*line 6: nothing there[\s\S]*line 9: wrong type"):
        predict_file(run, source, output, BATCH)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]
    only = write(tmp_path / "only.jsonl", 2, {1: "{,}", 2: "nothing"})
    assert predict_file(run, only, output, BATCH, on_error="skip") == (2, 2, 0, 0)
    assert [each["id"] for each in rows(output)] == ["1", "2"]


def killed(run, source, output, after):
    """Predict in a child process that is killed by signal 9 before it writes chunk number `after`, from 0."""
    child = os.fork()
    if not child:
        left = after
        answer = run.answer

        def die(prepared, batch_size):
            nonlocal left
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return answer(prepared, batch_size)

        run.answer = die
        try:
            predict_file(run, source, output, BATCH, on_error="skip")
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("torn", ["", '{"id": "n1', '{"id": "n1"}\n'])
def test_after_a_kill_the_rest_is_predicted_and_the_bytes_are_the_same(after, torn, run, tmp_path):
    source, whole, output = write(tmp_path / "in.jsonl", 15, BAD), tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    predict_file(run, source, whole, BATCH, on_error="skip")
    fresh = load_run(run.directory)
    killed(fresh, source, output, after)
    assert not output.exists()
    partial = tmp_path / ".out.jsonl.partial"
    kept = len(partial.read_bytes().splitlines())
    partial.write_bytes(partial.read_bytes() + torn.encode())  # killed while it was writing
    told, answered = [], []
    answer = fresh.answer
    fresh.answer = lambda prepared, batch_size: answered.append(prepared) or answer(prepared, batch_size)
    made = predict_file(fresh, source, output, BATCH, on_error="skip", tell=told.append)
    assert output.read_bytes() == whole.read_bytes()
    assert (made.resumed, made.lines, made.errors) == (kept, 14, 5)
    assert len(answered) == 3 - after
    assert any("were predicted before" in each for each in told) == (after > 0)
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "whole.jsonl", "out.jsonl"}


@pytest.mark.parametrize("change", ["lines", "options", "run"])
def test_what_was_predicted_of_other_lines_or_by_another_run_is_dropped(change, run, tmp_path, monkeypatch):
    source, output = write(tmp_path / "in.jsonl", 10), tmp_path / "out.jsonl"
    killed(load_run(run.directory), source, output, 2)
    batch = BATCH
    if change == "lines":
        source.write_text(source.read_text().replace("n1", "n0"))
    elif change == "options":
        batch = CHUNK
    else:
        monkeypatch.setattr("interlace.prediction.recorded_checksums", lambda directory: {"results.json": "other"})
    assert predict_file(run, source, output, batch, on_error="skip").resumed == 0


def test_two_processes_do_not_write_one_file(run, tmp_path):
    source, output = write(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    with PartialLines.opened(output, {}), pytest.raises(UserError, match="another process is writing it"):
        predict_file(run, source, output, BATCH)
    assert not list(tmp_path.glob(".*"))


def test_one_chunk_is_read_ahead_in_a_thread_and_its_remarks_are_heard(run, tmp_path, monkeypatch):
    source = write(tmp_path / "in.jsonl", 5 * CHUNK)
    read, answered = [], []
    fresh: Run = load_run(run.directory)
    prepare, answer = fresh.prepare, fresh.answer

    def prepared(*given):
        read.append(threading.current_thread().name)
        remark("heard", "a.wav")
        return prepare(*given)

    def answering(*given):
        assert len(read) <= len(answered) + 2
        answered.append(threading.current_thread().name)
        return answer(*given)

    fresh.prepare, fresh.answer = prepared, answering
    with collect_remarks() as remarks:
        predict_file(fresh, source, tmp_path / "out.jsonl", BATCH)
    assert remarks == {"heard": ["a.wav"]}
    assert all(name.startswith("predict") for name in read)
    assert len(read) == 5
    assert set(answered) == {threading.current_thread().name}


def test_the_command_writes_the_file_and_tells_what_was_done(run, tmp_path, capsys):
    source, output = write(tmp_path / "in.jsonl", 14, BAD), tmp_path / "out.jsonl"
    killed(load_run(run.directory), source, output, 1)
    arguments = ["predict", str(run.directory), "--input", str(source), "--output", str(output)]
    assert command([*arguments, "--batch-size", str(BATCH), "--on-error", "skip"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"8 predictions in {output}, 5 lines with an error; ")
    assert told.endswith("of them before it was interrupted\n")


def test_chunks_are_whole_batches_of_bounded_bytes(run, monkeypatch):
    assert chunk_size(run, 64) % 64 == 0
    assert chunk_size(run, 10_000) == 10_000
    monkeypatch.setattr(interlace.prediction, "CHUNK_BYTES", 1)
    assert chunk_size(run, 64) == 64


def test_files_are_read_by_threads_as_one_by_one(run, tmp_path, monkeypatch):
    """The same split and problems, whatever number of threads reads the records."""
    records = [record(row, np.random.default_rng(row)) for row in range(40)] + [{"text": 3}]
    data = run.data_for_prediction()
    one = data.encode_readable(records, tmp_path)
    monkeypatch.setattr("interlace.data.parallel_reading.threads_of_each", lambda processes: 3)
    monkeypatch.setattr("interlace.data.parallel_reading.MIN_SECONDS", 0)
    names = set()
    read = RecordEncoder.read_all
    monkeypatch.setattr(
        RecordEncoder, "read_all", lambda *given: names.add(threading.current_thread().name) or read(*given)
    )
    many = data.encode_readable(records, tmp_path)
    assert len(names) > 1
    assert many.rows == one.rows
    assert many.problems == one.problems
    for name, array in one.split.arrays.items():
        assert np.array_equal(array.x, many.split.arrays[name].x)
