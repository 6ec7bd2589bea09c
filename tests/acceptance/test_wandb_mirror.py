"""W&B as a logger: offline without a key, flushed every second, never in the way."""

import signal
import time

import pytest

import interlace
from interlace.tracking.metrics_file import read_metrics
from interlace.tracking.wandb_logger import WandbRunLogger, run_id

pytestmark = pytest.mark.slow


def offline_records(directory):
    """Records of the offline run below a directory, read without a server."""
    import struct

    from wandb.proto import wandb_internal_pb2 as pb

    found = []
    for path in sorted((directory / "wandb").glob("offline-run-*/run-*.wandb")):
        data, position, buffer = path.read_bytes(), 7, b""
        while position + 7 <= len(data):
            left = 32768 - position % 32768
            if left < 7:
                position += left
                continue
            _, size, kind = struct.unpack("<IHB", data[position : position + 7])
            if kind == 0 or position + 7 + size > len(data):
                break
            buffer = (buffer if kind in (3, 4) else b"") + data[position + 7 : position + 7 + size]
            position += 7 + size
            if kind in (1, 4):
                record = pb.Record()
                record.ParseFromString(buffer)
                found.append(record)
    return found


def history(records):
    return [{i.key or "/".join(i.nested_key): i.value_json for i in r.history.item} for r in records
            if r.WhichOneof("record_type") == "history"]  # fmt: skip


def test_a_run_is_mirrored_offline_under_its_own_names(tiny, outputs):
    config = interlace.compose([o for o in tiny if o != "logger=none"])
    run = interlace.train(config, quiet=True)
    records = offline_records(run.directory)
    start = next(r.run for r in records if r.WhichOneof("record_type") == "run")
    assert start.run_id == run_id(config)
    assert start.run_group == f"scenes/{run.directory.parent.name}"
    assert start.display_name == "attention-seed-0"
    assert {"scenes", "attention"} <= set(start.tags)
    rows = history(records)
    assert sum("train/loss" in row for row in rows) == 16
    assert any("val/accuracy" in row for row in rows)
    assert any(key.startswith("examples") for row in rows for key in row)
    assert any(r.WhichOneof("record_type") == "exit" and r.exit.exit_code == 0 for r in records)


def test_a_run_that_is_killed_goes_on_online_under_its_id(tiny, tmp_path, die_at, wandb_server):
    config = interlace.compose([o for o in tiny if o != "logger=none"] + ["logger.mode=online"])
    assert die_at(config, tmp_path, 9, pause=1.5) == -signal.SIGKILL
    run = interlace.train(config, outputs=tmp_path, quiet=True)
    held = wandb_server.only_run()
    expected = [row["step"] for row in read_metrics(run.directory / "metrics.jsonl") if "train/loss" in row]
    assert [row["step"] for row in held.rows if "train/loss" in row] == expected == list(range(1, 17))
    assert held.history.overwritten == 0
    assert (held.name, held.state) == (run_id(config), "finished")
    assert held.summary["test/accuracy"] == run.metrics["test/accuracy"]
    assert {each.kind for each in held.used} == {"dataset"}
    assert {each.kind for each in held.logged} >= {"model", "run_table"}
    assert any(name.startswith("media/") for name in held.files)


def test_a_kill_loses_nothing_older_than_a_second(tiny, tmp_path, die_at):
    config = interlace.compose([o for o in tiny if o != "logger=none"])
    assert die_at(config, tmp_path, 9, pause=1.5) == -signal.SIGKILL
    rows = history(offline_records(next(tmp_path.glob("*/*/seed-0"))))
    assert sum("train/loss" in row for row in rows) >= 8


def test_an_unreachable_server_costs_a_warning_and_the_start_timeout(tiny, outputs, monkeypatch, caplog):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    config = interlace.compose([o for o in tiny if o != "logger=none"] + ["logger.start_timeout=3"])
    run = interlace.train(config, quiet=True)
    assert run.status["status"] == "done"
    assert time.monotonic() - started < 90
    assert "did not start online" in caplog.text
    assert offline_records(run.directory)


@pytest.mark.parametrize("failures", [1, 2])
def test_a_service_that_refuses_once_costs_nothing(tiny, outputs, monkeypatch, caplog, failures):
    import wandb

    start, calls = wandb.init, []

    def refuse(**given):
        calls.append(given["mode"])
        if len(calls) <= failures:
            raise ConnectionError("no service") from FileNotFoundError("socket")
        return start(**given)

    monkeypatch.setattr(wandb, "init", refuse)
    run = interlace.train(interlace.compose([o for o in tiny if o != "logger=none"]), quiet=True)
    assert calls == ["offline", "offline"]
    assert run.status["status"] == "done"
    said = "did not start offline (ConnectionError: no service: FileNotFoundError: socket)"
    assert (said in caplog.text) == (failures == 2)
    if failures == 1:
        assert sum("train/loss" in row for row in history(offline_records(run.directory))) == 16


def test_a_logger_that_breaks_is_said_once(tmp_path, caplog):
    class Broken:
        project, id = "p", "i"

        def define_metric(self, *args, **kwargs):
            pass

        def log(self, row):
            raise ConnectionError("gone")

    from interlace.tracking.wandb_logger import _WandbLog

    run_logger = _WandbLog(Broken())
    for step in range(3):
        run_logger.log_metrics({"x": 1.0}, step)
    assert caplog.text.count("gone") == 1
    assert WandbRunLogger(project="p", entity=None, mode="offline", log_media=False, start_timeout=1.0,
                       finish_timeout=1.0).run is None  # fmt: skip


def test_a_studys_comparison_is_logged_beside_its_runs(tmp_path):
    from PIL import Image

    from interlace.configuration.compose import compose_node
    from interlace.studies.wandb_report import log_report

    folder = tmp_path / "report"
    (folder / "figures").mkdir(parents=True)
    (folder / "results.csv").write_text("arm,seed,test/accuracy\nconcat,0,0.5\n")
    (folder / "index.html").write_text("<p>page</p>")
    Image.new("RGB", (4, 4)).save(folder / "figures" / "ranking.png")
    log_report("toy", folder, tmp_path, compose_node("logger", "none"))
    assert not (tmp_path / "wandb").exists()
    log_report("toy", folder, tmp_path, compose_node("logger", "wandb"))
    # `finish` may return a moment before its process has written the last records.
    ends = time.monotonic() + 20
    while not history(records := offline_records(tmp_path)) and time.monotonic() < ends:
        time.sleep(0.2)
    assert next(r.run for r in records if r.WhichOneof("record_type") == "run").job_type == "report"
    keys = {key for row in history(records) for key in row}
    assert any(key.startswith("comparison") for key in keys)
    assert any(key.startswith("figures/ranking") for key in keys)
