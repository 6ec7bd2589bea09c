"""A folder that is written as a whole: after an error, at any moment, the one before it is there."""

import pytest

from interlace.folders import whole_folder


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_it_appears_whole_and_replaces(tmp_path) -> None:
    target = tmp_path / "deep" / "folder"
    for text in ("one", "two"):
        with whole_folder(target) as temporary:
            (temporary / text).write_text(text)
            assert not target.exists() or contents(target) == {"one": "one"}
        assert contents(target) == {text: text}
    assert [path.name for path in target.parent.iterdir()] == ["folder"]
    assert target.stat().st_mode & 0o755 == 0o755


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_after_an_error_nothing_has_changed(tmp_path, error) -> None:
    target = tmp_path / "folder"
    with whole_folder(target) as temporary:
        (temporary / "kept").write_text("kept")

    def fill() -> None:
        with whole_folder(target) as temporary:
            (temporary / "half").write_text("half")
            raise error

    with pytest.raises(error):
        fill()
    assert contents(target) == {"kept": "kept"}
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_replaced_comes_back(tmp_path, monkeypatch) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "kept").write_text("kept")
    rename = type(target).rename

    def refuse(self, other):
        if other == target and not self.name.endswith(".old"):
            raise OSError("no space left")
        return rename(self, other)

    def fill() -> None:
        with whole_folder(target) as temporary:
            monkeypatch.setattr(type(target), "rename", refuse)
            (temporary / "new").write_text("new")

    with pytest.raises(OSError, match="no space"):
        fill()
    assert contents(target) == {"kept": "kept"}
    assert list(tmp_path.iterdir()) == [target]
