from pathlib import Path

import pytest

from interlace.errors import UserError
from interlace.models.ngram import NgramModel
from interlace.models.ngram.storage import INDEX

from .test_model import DOCUMENTS, model_of


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model_of(DOCUMENTS, 3).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["keys_2.npy", "log10_probs_3.npy", "log10_backoffs_1.npy", "units.json"])
@pytest.mark.parametrize("damage", ["truncated", "changed", "absent"])
def test_damage_is_found(saved: Path, name: str, damage: str) -> None:
    content = (saved / name).read_bytes()
    if damage == "truncated":
        (saved / name).write_bytes(content[:-2])
    elif damage == "changed":
        (saved / name).write_bytes(content[:-1] + b"\x7f")
    else:
        (saved / name).unlink()
    with pytest.raises(UserError, match=rf"{name}: (damaged|not found)"):
        NgramModel.load(saved)


@pytest.mark.parametrize("index", ["", "[]", "{}", '{"format": 1, "files": {}, "settings": {}}', '{"format": 9}'])
def test_a_malformed_index(saved: Path, index: str) -> None:
    (saved / INDEX).write_text(index)
    with pytest.raises(UserError, match=r"save (it|the model) again"):
        NgramModel.load(saved)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not found; expected a folder written by NgramModel.save"):
        NgramModel.load(tmp_path / "nowhere")


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="already exists and is not an n-gram model"):
        model_of(DOCUMENTS, 2).save(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine too")
    with pytest.raises(UserError, match="already exists"):
        model_of(DOCUMENTS, 2).save(tmp_path / "file")


def test_a_failed_save_keeps_the_old_model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = NgramModel.load(saved).score(DOCUMENTS)[0]

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("interlace.models.ngram.storage.np.save", fail)
    with pytest.raises(UserError, match=r"cannot save the model .No space left"):
        model_of([[4]], 2).save(saved)
    monkeypatch.undo()
    assert (NgramModel.load(saved).score(DOCUMENTS)[0] == before).all()
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
