"""A finished run on data that it was not trained on: evaluated, asked for predictions, and what it says of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from interlace.cli.application import run
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.runs import load_run

pytestmark = pytest.mark.slow
WARM, COLD, REST = ("fire", "sun", "ember"), ("sea", "ice", "frost"), ["the", "an", "old", "stone", "of", "moss"]


def line(i):
    rng = np.random.default_rng(i)
    words = [*rng.choice(REST, 3), str(rng.choice(WARM if i // 5 % 2 else COLD))]
    return {
        "id": f"w{i}", "split": ("train", "train", "train", "val", "test")[i % 5],
        "text": " ".join(words), "pose": f"{i}.npy", "label": i // 5 % 2,
    }  # fmt: skip


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other_data")
    for i in range(120):
        np.save(folder / f"{i}.npy", np.random.default_rng(i).normal(size=(2, 3)))
    np.save(folder / "long.npy", np.ones((25, 3)))
    np.save(folder / "wide.npy", np.ones((2, 4)))
    write(folder / "first.jsonl", [line(i) for i in range(120)])
    return folder


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        outputs = tmp_path_factory.mktemp("outputs")
        patch.setenv("INTERLACE_OUTPUTS", str(outputs))
        options = ["data.modalities={text: text, pose: features}", "data.max_tokens=12", "trainer.max_epochs=6",
                   "fusion.dim=16", "logger=none", "trainer.threads=1", "data.batch_size=8"]  # fmt: skip
        assert run(["train", "experiment=manifest", f"data.path={folder / 'first.jsonl'}", *options]) == 0
        return next(outputs.rglob("results.json")).parent


def training(change):
    return lambda row: {**row, **change(row)} if row["split"] == "train" else row


VERSIONS = {
    "the same": lambda row: row,
    "other words in training": training(lambda row: {"text": row["text"] + " ice sun ice"}),
    "a class more in training": training(lambda row: {"label": 2}),
    "labels spelled otherwise": lambda row: {**row, "label": f" {row['label']}.0"},
}  # fmt: skip


@pytest.mark.parametrize("change", VERSIONS.values(), ids=VERSIONS)
def test_the_figures_of_the_same_test_lines_are_the_same(trained, folder, change, capsys):
    path = write(folder / "second.jsonl", [change(line(i)) for i in reversed(range(120))])
    found = evaluate_run(load_run(trained), [f"data.path={path}"])
    kept = load_run(trained).metrics
    assert found["test/accuracy"] == kept["test/accuracy"] > 0.9
    assert {k: v for k, v in found.items() if k in kept} == pytest.approx(
        {k: kept[k] for k in found if k in kept}, abs=1e-6
    )
    assert run(["evaluate", str(trained), f"data.path={path}"]) == 0
    assert "other labels" not in capsys.readouterr().err


def test_labels_that_changed_and_classes_that_are_new_are_told_and_count(trained, folder, capsys):
    rows = [line(i) for i in range(120)]
    swapped = [{**row, "label": 1 - row["label"]} if row["split"] == "test" else row for row in rows]
    told: list[str] = []
    kept = load_run(trained).metrics["test/accuracy"]
    found = evaluate_run(load_run(trained), [f"data.path={write(folder / 's.jsonl', swapped)}"], told.append)
    assert found["test/accuracy"] == pytest.approx(1 - kept)
    assert any("24 of 24 test examples have other labels" in each for each in told)
    new = [{**row, "label": "new"} if row["split"] == "test" and row["label"] else row for row in rows]
    assert run(["evaluate", str(trained), f"data.path={write(folder / 'n.jsonl', new)}"]) == 0
    captured = capsys.readouterr()
    assert "12 of 24 test examples are of classes that the run does not know (new 12)" in captured.err
    accuracy = next(float(row.split()[1]) for row in captured.out.splitlines() if row.startswith("test/accuracy "))
    assert accuracy <= 0.5


def answers(trained, folder, rows, *options):
    """The exit status of predict, and the lines it wrote."""
    out = folder / "out.jsonl"
    out.unlink(missing_ok=True)
    source = rows if isinstance(rows, Path) else write(folder / "in.jsonl", rows)
    status = run(["predict", str(trained), "--input", str(source), "--output", str(out), *options])
    return status, [json.loads(text) for text in out.read_text().splitlines()] if out.exists() else []


GOOD = {"id": "good", "text": "the old fire", "pose": "0.npy"}
BAD = {
    "a file that is not there": {"text": "sun", "pose": "none.npy"},
    "another width": {"text": "sun", "pose": "wide.npy"},
    "text that is a number": {"text": 5},
    "too many words": {"text": "ice " * 40},
    "nothing": {"other": 1},
    "no text in it": {"text": "  "},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_one_bad_line_is_answered_with_an_error_and_the_others_as_without_it(trained, folder, bad, capsys):
    _, alone = answers(trained, folder, [GOOD, {**GOOD, "id": "b"}])
    status, found = answers(trained, folder, [GOOD, {**bad, "id": "bad"}, {**GOOD, "id": "b"}], "--on-error", "skip")
    assert status == 0
    assert [each["id"] for each in found] == ["good", "bad", "b"]
    assert [found[0], found[2]] == alone
    assert set(found[1]) == {"id", "error"}
    assert "1 lines with an error" in capsys.readouterr().out
    status, found = answers(trained, folder, [GOOD, {**bad, "id": "bad"}])
    assert (status, found) == (2, [])
    error = capsys.readouterr().err
    assert "line 2" in error
    assert "--on-error skip" in error


def test_lines_that_are_no_json_are_answered_too(trained, folder):
    source = folder / "broken.jsonl"
    source.write_text(f'{json.dumps(GOOD)}\n\n{{"text": "sun"\n{json.dumps({"text": "the ice"})}\n')
    status, found = answers(trained, folder, source, "--on-error", "skip")
    assert status == 0
    assert [each["id"] for each in found] == ["good", "3", "4"]
    assert "error" in found[1]
    assert answers(trained, folder, source) == (2, [])


@pytest.mark.parametrize("label", [0, "turquoise", None, ["many"], 7.25, {"a": 1}])
def test_labels_of_lines_to_predict_are_not_looked_at(trained, folder, label):
    _, without = answers(trained, folder, [GOOD])
    assert answers(trained, folder, [{**GOOD, "label": label}]) == (0, without)


def test_longer_items_than_in_training_are_read_whole_or_cut_where_they_must_be(trained, folder, capsys):
    status, found = answers(trained, folder, [GOOD, {**GOOD, "pose": "long.npy"}])
    assert status == 0
    assert found[0] == answers(trained, folder, [GOOD])[1][0], "rows of zeros behind it change nothing"
    words = " ".join(["the old fire"] + ["moss"] * 30)
    status, found = answers(trained, folder, [{"id": "l", "text": words}, GOOD], "--on-long", "truncate")
    assert status == 0
    assert found[0]["truncated"] == {"text": 33}
    assert "truncated" not in found[1]
    assert "1 of them are for texts that were truncated" in capsys.readouterr().err
    first = answers(trained, folder, [{"id": "l", "text": " ".join(words.split()[:12])}])[1][0]
    assert found[0]["probabilities"] == first["probabilities"]


def test_what_a_decoder_decided_of_a_file_is_told_at_prediction(tmp_path, outputs, capsys):
    rng = np.random.default_rng(0)
    for i in range(20):
        soundfile.write(
            tmp_path / f"{i}.wav", 0.4 * np.sin(np.arange(400) * (1 + i % 2)) + 0.01 * rng.normal(size=400), 8000
        )
    soundfile.write(tmp_path / "loud.wav", 12000 * np.sin(np.arange(400.0)), 8000, subtype="FLOAT")
    rows = [
        {"split": ("train", "train", "val", "test")[i // 2 % 4], "audio": f"{i}.wav", "label": i % 2} for i in range(20)
    ]
    options = ["trainer.max_epochs=1", "trainer.min_steps_per_epoch=1", "logger=none", "trainer.threads=1",
               "data.sample_rate=8000", "data.max_seconds=0.1"]  # fmt: skip
    assert run(["train", "experiment=manifest", f"data.path={write(tmp_path / 'm.jsonl', rows)}", *options]) == 0
    trained = capsys.readouterr().out.strip().splitlines()[-1]
    status, found = answers(trained, tmp_path, [{"audio": "0.wav"}, {"audio": "loud.wav"}])
    assert (status, len(found)) == (0, 2)
    told = capsys.readouterr().err
    assert "1 file (loud.wav)" in told
    assert "0.wav" not in told


def test_data_without_a_test_line_cannot_be_evaluated(trained, folder):
    path = write(folder / "t.jsonl", [line(i) for i in range(120) if i % 5 < 4])
    with pytest.raises(UserError, match="no test example"):
        evaluate_run(load_run(trained), [f"data.path={path}"])
