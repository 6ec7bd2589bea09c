import hashlib
import io
import urllib.request
import zipfile
from pathlib import Path

import pytest

from interlace.data import sources
from interlace.data.sources import Source, fetch, find, locate, tree_hash
from interlace.errors import UserError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("INTERLACE_DATA", str(tmp_path / "first") + ":" + str(tmp_path / "second"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_folders_are_searched_in_order(home: Path, tmp_path: Path) -> None:
    assert locate("fsdd") is None
    (tmp_path / "second" / "fsdd" / "recordings").mkdir(parents=True)
    assert locate("fsdd") == tmp_path / "second" / "fsdd"
    (tmp_path / "first" / "fsdd" / "recordings").mkdir(parents=True)
    assert find("fsdd") == tmp_path / "first" / "fsdd"


def test_files_are_fetched_and_checked(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "a.txt").write_bytes(b"hello")
    good = hashlib.sha256(b"hello").hexdigest()
    urls = ((tmp_path / "nowhere").as_uri() + "/", home.as_uri() + "/")
    monkeypatch.setitem(sources.SOURCES, "toy", Source("t", "l", urls, files={"a.txt": good}))
    assert (fetch("toy") / "a.txt").read_bytes() == b"hello"
    assert locate("toy") == tmp_path / "cache" / "data" / "toy"
    monkeypatch.setitem(sources.SOURCES, "bad", Source("t", "l", urls, files={"a.txt": "0" * 64}))
    with pytest.raises(UserError, match=f"sha256 {good}, expected 000"):
        fetch("bad")
    assert sorted(p.name for p in (tmp_path / "cache" / "data").iterdir()) == ["toy"]


def test_a_folder_of_an_archive_is_fetched(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("repo-1/recordings/0_a_0.wav", b"zero")
        archive.writestr("repo-1/README", b"")
        archive.writestr("repo-1/recordings/../../evil", b"")
    (home / "x.zip").write_bytes(buffer.getvalue())
    (tmp_path / "expected").mkdir()
    (tmp_path / "expected" / "0_a_0.wav").write_bytes(b"zero")
    tree = tree_hash(tmp_path / "expected")
    monkeypatch.setitem(
        sources.SOURCES, "toy", Source("t", "l", ((home / "x.zip").as_uri(),), member="recordings", tree=tree)
    )
    folder = fetch("toy")
    assert [p.name for p in folder.iterdir()] == ["recordings"]
    assert (folder / "recordings" / "0_a_0.wav").read_bytes() == b"zero"


def test_no_network_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(UserError, match=r"mnist: not found in INTERLACE_DATA.*Network is unreachable"):
        find("mnist")
    with pytest.raises(UserError, match="did you mean 'mnist'"):
        fetch("mnits")


def test_a_file_with_another_path_at_home_is_fetched_into_folders(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "raw").mkdir()
    (home / "raw" / "a.txt").write_bytes(b"hello")
    (home / "lists").mkdir()
    (home / "lists" / "b.txt").write_bytes(b"world")
    files = {name: hashlib.sha256(text).hexdigest() for name, text in (("a.txt", b"hello"), ("lists/b.txt", b"world"))}
    source = Source("t", "l", (home.as_uri() + "/",), files=files, remote={"a.txt": "raw/a.txt"})
    monkeypatch.setitem(sources.SOURCES, "toy", source)
    folder = fetch("toy")
    assert (folder / "a.txt").read_bytes() == b"hello"
    assert (folder / "lists" / "b.txt").read_bytes() == b"world"


@pytest.mark.parametrize("name", [name for name, source in sources.SOURCES.items() if source.files])
def test_data_at_hand_have_the_checksums_of_their_homes(name: str) -> None:
    folder = locate(name)
    if folder is None:
        pytest.skip(f"{name} is in no folder of INTERLACE_DATA")
    for file, checksum in (sources.SOURCES[name].files or {}).items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == checksum, file
