"""Content hashes are remembered for as long as nothing has touched a file."""

import hashlib
import os
import time

import pytest

from interlace.inputs import hash_files, hashing, rehashing


@pytest.fixture
def reads(monkeypatch, tmp_path):
    """The files that were read; files count as settled at once."""
    found = []
    read = hashing._read
    monkeypatch.setattr(hashing, "_read", lambda name: found.append(os.path.basename(name)) or read(name))
    monkeypatch.setattr(hashing, "SETTLED_SECONDS", -1.0)
    monkeypatch.setattr(hashing, "_known", {})
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "cache"))
    return found


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_read_once_by_all_processes(tmp_path, reads):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert [hash_files([path, tmp_path / "none"]) for _ in range(2)] == [
        {str(path): digest(b"one"), str(tmp_path / "none"): None}
    ] * 2
    hashing._known.clear()  # another process
    assert hash_files([path])[str(path)] == digest(b"one")
    assert reads == ["a"]


def test_same_size_and_same_time_are_no_proof(tmp_path, reads):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = path.stat()
    hash_files([path])
    time.sleep(0.02)  # beyond a tick of the file system's clock
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert hash_files([path])[str(path)] == digest(b"two")


def test_a_file_put_in_the_place_of_another_is_read(tmp_path, reads):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"one")
    other.write_bytes(b"two")
    hash_files([path])
    os.replace(other, path)
    assert hash_files([path])[str(path)] == digest(b"two")


def test_what_was_touched_lately_is_not_remembered(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(hashing, "SETTLED_SECONDS", 60.0)
    path = tmp_path / "a"
    path.write_bytes(b"one")
    hash_files([path])
    hash_files([path])
    assert reads == ["a", "a"]


def test_rehashing_reads_files_again_and_corrects_the_cache(tmp_path, reads):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    hash_files([path])
    hashing._known[str(path)] = (hashing.signature(path), "wrong")
    assert hash_files([path])[str(path)] == "wrong"
    with rehashing():
        assert hash_files([path])[str(path)] == digest(b"one")
    hashing._known.clear()
    assert hash_files([path])[str(path)] == digest(b"one")


def test_a_cache_that_cannot_be_used_costs_time_only(tmp_path, reads, monkeypatch):
    (tmp_path / "cache").write_text("a file, not a folder")
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert hash_files([path])[str(path)] == digest(b"one")
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / hashing.NAME).write_bytes(b"no data base" * 100)
    hashing._known.clear()
    assert hash_files([path])[str(path)] == digest(b"one")


def test_pipes_and_folders_are_no_files(tmp_path, reads):
    os.mkfifo(tmp_path / "pipe")
    assert set(hash_files([tmp_path / "pipe", tmp_path]).values()) == {None}
