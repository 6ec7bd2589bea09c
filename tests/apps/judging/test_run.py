"""A trained run is judged beside another system, with the pictures and sounds of its own data."""

import json

import pytest
import soundfile
from PIL import Image

from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.judging.folder import JudgingFolder
from interlace.judging.making import Plan, make_folder
from interlace.training import train

pytestmark = pytest.mark.slow
SMALL = [
    "experiment=scenes", "data.num_train=64", "data.num_val=64", "data.num_test=64", "trainer.max_epochs=1",
    "trainer.limit_train_batches=2", "trainer.threads=1", "logger=none",
]  # fmt: skip


def test_media_and_questions_come_from_the_data_of_the_run(tmp_path):
    run = train(compose(SMALL), outputs=tmp_path / "outputs", quiet=True)
    answers = run.predictions
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps({"id": name, "text": "purple"}) + "\n" for name in answers["id"]))
    make_folder([run.directory, other], tmp_path / "judged", Plan(items=6))
    folder = JudgingFolder(tmp_path / "judged")
    given = dict(zip(answers["id"], answers["prediction"], strict=True))
    for task in folder.tasks:
        assert set(task.answers) == {given[task.item], "purple"}
        assert [text.name for text in task.texts] == ["text"]
        files = {media.kind: folder.path / "media" / media.file for media in task.media}
        with Image.open(files["image"]) as picture:
            assert len(picture.getcolors(100_000)) > 1
        assert len(soundfile.read(files["audio"])[0]) > 0
    assert folder.key().systems[0].run == "/".join(run.directory.parts[-2:])
    (run.directory / "data_description.json").write_text("{}")
    with pytest.raises(UserError, match=r"cannot be read again .*give them with --inputs FILE"):
        make_folder([run.directory, other], tmp_path / "again", Plan(items=6))
    assert not (tmp_path / "again").exists()
