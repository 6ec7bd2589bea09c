"""Full and closed disks: a sentence, the old file whole, nothing half written."""

import contextlib
import errno
import os
import resource

import pytest
import torch

from interlace.cli import application
from interlace.errors import RunFailure
from interlace.tracking.checkpoints import AtomicCheckpointIO
from interlace.tracking.files import append_line, read_json, write_json
from interlace.tracking.lock import RunLock
from interlace.tracking.metrics_file import MetricsFile, read_metrics
from interlace.tracking.storage import StorageError, check_writable, naming


def fill(folder):
    """Takes every byte that is left on the folder's disk; returns the file that does."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as stream:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(bytes(size))
    return path


@contextlib.contextmanager
def files_up_to(size):
    """No file of this process grows beyond `size`, which is as good as a full disk anywhere."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_full_disk_leaves_old_files_whole(small_disk):
    folder, _ = small_disk("256k")
    write_json(folder / "results.json", {"a": 1})
    saver = AtomicCheckpointIO(folder / "last.ckpt")
    saver.save_checkpoint({"step": 1}, folder / "last.ckpt")
    metrics = MetricsFile(folder / "metrics.jsonl")
    metrics.log_metrics({"loss": 1.0, "epoch": 0}, 1)
    with pytest.raises(
        StorageError, match=r"last.ckpt: cannot be written: No space left on device \([0-9,]+ bytes free"
    ):
        saver.save_checkpoint({"step": 2, "weights": torch.zeros(200_000)}, folder / "last.ckpt")
    assert names(folder) == ["last.ckpt", "metrics.jsonl", "results.json"]
    ballast = fill(folder)
    with pytest.raises(StorageError, match=r"results.json: cannot be written.*\(0 bytes free there\).*give the same"):
        write_json(folder / "results.json", {"a": list(range(5000))})
    with pytest.raises(StorageError, match=r"metrics\.jsonl"):
        metrics.log_metrics({f"loss/{k}": 1.0 for k in range(500)}, 2)
    assert (folder / "metrics.jsonl").read_bytes().endswith(b"\n")
    ballast.unlink()
    assert read_json(folder / "results.json") == {"a": 1}
    assert torch.load(folder / "last.ckpt", weights_only=True) == {"step": 1}
    metrics.log_metrics({"loss": 0.0, "epoch": 0}, 3)
    assert [row["step"] for row in read_metrics(folder / "metrics.jsonl")] == [1, 3]
    saver.save_checkpoint({"step": 2}, folder / "last.ckpt")
    assert torch.load(folder / "previous.ckpt", weights_only=True) == {"step": 1}


def test_a_line_that_does_not_fit_whole_is_not_there(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_line(path, "a" * 50)
    says = r"metrics.jsonl: cannot be written: File too large \([0-9,]+ bytes free"
    with pytest.raises(StorageError, match=says), files_up_to(60):
        append_line(path, "b" * 50)
    assert path.read_text() == "a" * 50 + "\n"
    append_line(path, "c" * 8)
    assert path.read_text().splitlines()[1] == "c" * 8


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path):
    saver = AtomicCheckpointIO(tmp_path / "last.ckpt")
    saver.save_checkpoint({"step": 1}, tmp_path / "last.ckpt")
    with pytest.raises(StorageError, match="File too large"), files_up_to(20_000):
        saver.save_checkpoint({"step": 2, "weights": torch.zeros(20_000)}, tmp_path / "last.ckpt")
    assert names(tmp_path) == ["last.ckpt"]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"step": 1}


def test_a_closed_folder_is_named_with_the_way_out(small_disk):
    folder, close = small_disk("64k")
    write_json(folder / "status.json", {"a": 1})
    close()
    says = r"cannot be written: Read-only file system; make .*disk-0 writable, or .*INTERLACE_OUTPUTS=DIR"
    with pytest.raises(StorageError, match=r"study/run: " + says):
        check_writable(folder / "study" / "run")
    with pytest.raises(StorageError, match=says):
        write_json(folder / "status.json", {"a": 2})
    with pytest.raises(RunFailure, match=says), RunLock(folder / "run"):
        pass
    assert names(folder) == ["status.json"]


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / "outputs").write_text("")
    with pytest.raises(StorageError, match="Not a directory; make"):
        check_writable(tmp_path / "outputs" / "study")


def test_other_errors_pass(tmp_path):
    with pytest.raises(ValueError, match="mine"), naming(tmp_path):
        raise ValueError("mine")
    with pytest.raises(FileNotFoundError), naming(tmp_path):
        (tmp_path / "nothing").read_text()
    with pytest.raises(StorageError), naming(tmp_path):
        raise RuntimeError("as torch reports it") from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("command", ["train experiment=scenes", "study run demo", "study report demo"])
def test_verbs_say_it_in_one_line(small_disk, monkeypatch, capsys, command):
    folder, close = small_disk("64k")
    close()
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(folder / "outputs"))
    assert application.run(command.split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"interlace: {folder}/outputs/")
    assert "Read-only file system; make" in line


def test_an_unnamed_full_disk_is_one_line_too(monkeypatch, capsys):
    def full(**given):
        raise OSError(errno.ENOSPC, "full", "/somewhere/file")

    monkeypatch.setattr(application, "app", full)
    assert application.run([]) == 1
    assert "/somewhere/file: cannot be written: No space left on device" in capsys.readouterr().err
