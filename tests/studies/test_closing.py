"""What the commands end with."""

import json

import pytest

from interlace.cli.application import run
from interlace.configuration.working import working
from interlace.tracking.status import ended_words
from interlace.tracking.wandb_offline import offline_sentence

SMALL = [
    "experiment=scenes",
    "data.num_train=64",
    "data.num_val=64",
    "data.num_test=64",
    "debug=fast",
    "trainer.threads=1",
]


def test_a_repeated_train_says_that_the_run_was_finished(outputs, capsys):
    told = []
    for _ in range(2):
        assert run(["train", *SMALL, "logger=none"]) == 0
        told.append(capsys.readouterr())
    assert [("finished already, on 20" in each.err) for each in told] == [False, True]
    assert told[0].out == told[1].out
    *metrics, best, directory = told[0].out.splitlines()
    results = json.loads((outputs.parent / directory / "results.json").read_text())
    assert best == f"best.ckpt: step 1, epoch 1 (val/accuracy {results['metrics']['val/accuracy']:.4f})"
    assert all(line.startswith("test/") for line in metrics)


@pytest.mark.slow
def test_study_run_and_report_end_with_answer_table_and_page(outputs, capsys):
    few = ["data.num_train=64", "data.num_val=64", "data.num_test=64", "trainer.max_steps=1", "logger=none"]
    study = ["demo", "--arms", "concat,attention,linear", "--seeds", "0,1", *few]
    assert run(["study", "run", *study, "--jobs", "1"]) == 0
    first = capsys.readouterr()
    headline, head, *rows, page = first.out.splitlines()
    assert " leads with " in headline or " wins: " in headline
    assert head.split()[:2] == ["strategy", "mean"]
    assert {row.split()[0] for row in rows} == {"concat", "attention", "linear"}
    assert page.endswith("demo/report/index.html")
    assert run(["study", "report", *study]) == 0
    assert capsys.readouterr().out == first.out
    assert run(["study", "run", *study, "--jobs", "1"]) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "demo: all 6 runs were finished already, the last on 20" in again.err
    assert "finished already" not in first.err


@pytest.mark.slow
def test_on_a_terminal_bars_are_shown_and_the_last_words_are_the_same(outputs, capsys, monkeypatch):
    few = ["data.num_train=64", "data.num_val=64", "data.num_test=64", "trainer.max_steps=2", "logger=none"]
    study = ["demo", "--arms", "concat", "--seeds", "0", *few]
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # rich then takes the captured stream for a terminal
    assert run(["study", "run", *study, "--jobs", "1"]) == 0
    told = capsys.readouterr()
    assert "demo: runs" in told.err
    assert "concat seed 0" in told.err
    assert "0/?" in told.err, "a run whose number of steps is not known yet has a bar too"
    assert told.out.splitlines()[-1].endswith("demo/report/index.html")


def test_offline_runs_of_wandb_are_told_with_what_uploads_them(tmp_path):
    runs = [tmp_path / name for name in ("a", "b c")]
    assert offline_sentence(runs, tmp_path) is None
    for each in runs:
        segment = each / "wandb" / "offline-run-20260101_000000-abc"
        segment.mkdir(parents=True)
        (segment / "run-abc.wandb").touch()
    assert "2 of these runs offline; interlace sync " in offline_sentence(runs, tmp_path)
    assert f"this run offline; interlace sync '{runs[1]}'" in offline_sentence([runs[1]], runs[1])
    for each in runs:
        (each / "wandb" / "offline-run-20260101_000000-abc" / "run-abc.wandb.synced").touch()
    assert offline_sentence(runs, tmp_path) is None


def test_the_end_of_the_last_run_is_told(tmp_path):
    assert ended_words([tmp_path]) == ""
    for name, ended in (("a", 1_000_000_000), ("b", 1_100_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status.json").write_text(json.dumps({"status": "done", "ended": ended}))
    assert ended_words([tmp_path / "a"]).startswith(", on 2001-09-")
    assert ended_words([tmp_path / "a", tmp_path / "b"]).startswith(", the last on 2004-11-")


def test_long_work_is_told_and_short_work_is_not(capsys, monkeypatch):
    import threading

    import interlace.configuration.working as module

    monkeypatch.setattr(module, "AFTER_SECONDS", 0.02)
    with working("long work"):
        threading.Event().wait(0.3)
    assert capsys.readouterr().err == "long work ...\n"
    with working("short work"):
        pass
    threading.Event().wait(0.1)
    assert capsys.readouterr().err == ""
