import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interlace.data.cache import COMPLETE_MARKER, cached_arrays
from interlace.errors import UserError


def builder(calls: list[int], value: int = 7) -> Any:
    def build(folder: Path) -> dict[str, Any]:
        calls.append(1)
        np.save(folder / "x.npy", np.full((100, 100), value))
        return {"note": value}

    return build


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path))
    return tmp_path / "arrays"


def test_built_once_and_found_after_that(own_cache: Path) -> None:
    calls: list[int] = []
    for _ in range(3):
        arrays, content = cached_arrays("t", {"a": 1}, builder(calls))
    assert len(calls) == 1
    assert content == {"note": 7}
    assert (arrays["x"] == 7).all()
    assert not arrays["x"].flags.writeable
    cached_arrays("t", {"a": 2}, builder(calls))
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["truncate", "overwrite", "remove", "seal", "no seal"])
def test_damaged_folders_are_made_anew(own_cache: Path, damage: str) -> None:
    cached_arrays("t", {}, builder([]))
    folder = next(path for path in own_cache.iterdir() if path.is_dir())
    content = bytearray((folder / "x.npy").read_bytes())
    if damage == "truncate":
        (folder / "x.npy").write_bytes(content[: len(content) // 2])
    elif damage == "overwrite":
        (folder / "x.npy").write_bytes(b"\1" * len(content))
    elif damage == "remove":
        (folder / "x.npy").unlink()
    elif damage == "seal":
        (folder / COMPLETE_MARKER).write_text('{"files": ')
    else:
        (folder / COMPLETE_MARKER).unlink()
    calls: list[int] = []
    arrays, _ = cached_arrays("t", {}, builder(calls))
    assert len(calls) == 1
    assert (arrays["x"] == 7).all()


def test_a_build_that_fails_leaves_nothing(own_cache: Path) -> None:
    def build(folder: Path) -> dict[str, Any]:
        np.save(folder / "x.npy", np.ones(3))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cached_arrays("t", {}, build)
    assert not [path for path in own_cache.iterdir() if path.is_dir()]


def slow_build(folder: Path) -> dict[str, Any]:
    with (folder.parent / "calls").open("a") as stream:
        stream.write("x")
    time.sleep(0.5)
    np.save(folder / "x.npy", np.arange(10))
    return {}


def use(root: str, queue: Any) -> None:
    os.environ["INTERLACE_CACHE"] = root
    queue.put(int(cached_arrays("t", {}, slow_build)[0]["x"].sum()))


def test_two_processes_at_once_build_once(own_cache: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=use, args=(str(own_cache.parent), queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [queue.get(timeout=60) for _ in workers] == [45, 45]
    for worker in workers:
        worker.join()
    assert (own_cache / "calls").read_text() == "x"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="INTERLACE_CACHE"):
        cached_arrays("t", {}, builder([]))
