"""A folder of judgements stands alone, tells raters nothing of the systems, and is refused where systems differ."""

import json
import shutil

import pandas as pd
import pytest
from PIL import Image

from interlace.errors import UserError
from interlace.judging.folder import KEY, JudgingFolder
from interlace.judging.making import Plan, make_folder
from tests.judging.simulated import made, three_systems, write_answers


def test_all_that_raters_can_see_names_no_system(tmp_path):
    folder = made(tmp_path)
    seen = "".join(path.read_text("utf-8") for path in folder.path.iterdir() if path.is_file() and path.name != KEY)
    assert "secret" not in seen
    assert [system.name for system in folder.key().systems] == ["secret-auk", "secret-gull", "secret-tern"]
    task, keyed = folder.tasks[0], folder.key().tasks[0]
    assert keyed.metrics["length"] == [float(system) for system in keyed.systems]
    assert [text.text for text in task.texts] == [f"source {task.item}"]


def test_the_same_seed_draws_the_same_folder_and_another_seed_another(tmp_path):
    systems = three_systems(tmp_path)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        make_folder(systems, tmp_path / name, Plan(items=20, seed=seed))
    texts = {name: (tmp_path / name / "orders.jsonl").read_text() + (tmp_path / name / "tasks.jsonl").read_text()
             for name in "abc"}  # fmt: skip
    assert texts["a"] == texts["b"] != texts["c"]


def test_equal_answers_are_counted_and_shown_to_nobody(tmp_path):
    folder = made(tmp_path, Plan(items=90), equal=10)
    identical = [task for task in folder.tasks if task.identical]
    assert len(identical) == 10
    assert all(task.answers[0] == task.answers[1] for task in identical)
    assert not any(folder.tasks[turn.task].identical for order in folder.orders for turn in order)


def fabricated_run(folder, arm, texts, **columns):
    """A run directory with the files that are read."""
    directory = folder / arm / "seed-0"
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_text(f"arm: {arm}\n")
    table = pd.DataFrame({"id": [f"i{n}" for n in range(len(texts))], "text": texts, **columns})
    table.to_parquet(directory / "predictions.parquet", index=False)
    return directory


def test_runs_bring_texts_references_and_scores(tmp_path):
    shared = {"source": ["a", "b", "c"], "reference": ["A", "B", "C"]}
    runs = [fabricated_run(tmp_path, arm, [f"{arm} {n}" for n in range(3)], **shared, **{"score/chrf": [1.0, 2.0, 3.0]})
            for arm in ("copy", "t5")]  # fmt: skip
    make_folder(runs, tmp_path / "out", Plan(items=3, reference=True))
    folder = JudgingFolder(tmp_path / "out")
    assert {each.name for task in folder.tasks for each in task.texts} == {"source", "reference"}
    key = folder.key()
    assert [(each.name, each.run) for each in key.systems] == [("copy", "copy/seed-0"), ("t5", "t5/seed-0")]
    assert {tuple(task.metrics["chrf"]) for task in key.tasks} == {(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)}


def test_classes_and_numbers_are_answers_too(tmp_path):
    inputs = write_answers(tmp_path / "inputs.jsonl", {"i0": "", "i1": ""})
    runs = [fabricated_run(tmp_path, arm, ["", ""], prediction=values, label=["x", "y"]).parent
            for arm, values in (("a", ["x", "y"]), ("b", ["y", "x"]))]  # fmt: skip
    for run in runs:
        path = run / "seed-0" / "predictions.parquet"
        pd.read_parquet(path).drop(columns="text").to_parquet(path)
    make_folder([run / "seed-0" for run in runs], tmp_path / "out", Plan(items=2, inputs=inputs))
    assert {tuple(sorted(task.answers)) for task in JudgingFolder(tmp_path / "out").tasks} == {("x", "y")}


@pytest.fixture
def with_pictures(tmp_path):
    """Two systems and a file of inputs with a picture each."""
    for number in range(3):
        Image.new("RGB", (8, 8), (number * 80, 0, 0)).save(tmp_path / f"picture{number}.png")
    systems = [write_answers(tmp_path / f"{name}.jsonl", {f"i{n}": f"{name}{n}" for n in range(3)}) for name in "ab"]
    lines = [{"id": f"i{n}", "picture": f"picture{n}.png", "label": "secret", "text": f"words {n}"} for n in range(3)]
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return systems, inputs


def test_media_are_copied_so_that_the_folder_stands_alone(tmp_path, with_pictures):
    systems, inputs = with_pictures
    make_folder(systems, tmp_path / "out", Plan(items=3, inputs=inputs))
    alone = tmp_path / "elsewhere" / "out"
    shutil.copytree(tmp_path / "out", alone)
    for path in tmp_path.glob("*.*"):
        path.unlink()
    folder = JudgingFolder(alone)
    shown = {task.item: task for task in folder.tasks}
    for number in range(3):
        (picture,) = shown[f"i{number}"].media
        assert folder.media_type(picture.file) == "image/png"
        assert Image.open(alone / "media" / picture.file).getpixel((0, 0)) == (number * 80, 0, 0)
        assert [text.text for text in shown[f"i{number}"].texts] == [f"words {number}", f"source i{number}"]


@pytest.mark.parametrize(("content", "message"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "its content is no image"),
    (b"\x7fELF", "its content is no image"),
    (b"RIFF0000WAVE" + bytes(100), "its content is no image"),
])  # fmt: skip
def test_a_file_whose_content_is_no_picture_is_refused(tmp_path, with_pictures, content, message):
    systems, inputs = with_pictures
    (tmp_path / "picture1.png").write_bytes(content)
    with pytest.raises(UserError, match=message):
        make_folder(systems, tmp_path / "out", Plan(items=3, inputs=inputs))
    assert not (tmp_path / "out").exists()


def test_a_picture_outside_the_folder_of_the_inputs_is_refused(tmp_path, with_pictures):
    systems, inputs = with_pictures
    inside = tmp_path / "inside"
    inside.mkdir()
    moved = inside / "inputs.jsonl"
    moved.write_text(inputs.read_text().replace("picture0", "../picture0"))
    with pytest.raises(UserError, match="outside"):
        make_folder(systems, tmp_path / "out", Plan(items=3, inputs=moved))


@pytest.mark.parametrize(("change", "plan", "message"), [
    (lambda lines: lines[:-1], Plan(items=5), "answers 9 test items and .* answers 10, of which 9"),
    (lambda lines: [line.replace("source i3", "source!") for line in lines], Plan(items=5), "'i3' has another source"),
    (lambda lines: [*lines, lines[0]], Plan(items=5), "line 11: the id 'i0' occurs twice"),
    (lambda lines: [line.replace('"text"', '"word"') for line in lines], Plan(items=5), "line 1: no answer"),
    (lambda lines: lines, Plan(items=50), "--items 50: 10 test items give at most 10 comparisons"),
    (lambda lines: lines, Plan(items=5, repeats=0.5), "--repeats 0.5: expected a share from 0 to 0.3"),
    (lambda lines: lines, Plan(items=5, anchors=("a", "b")), "--anchors: expected 2 to 9 words"),
    (lambda lines: lines, Plan(items=5, reference=True), "has no reference"),
])  # fmt: skip
def test_systems_that_do_not_fit_are_refused_in_one_sentence(tmp_path, change, plan, message):
    one, two = (write_answers(tmp_path / f"{name}.jsonl", {f"i{n}": f"{name}{n}" for n in range(10)}) for name in "ab")
    two.write_text("".join(f"{line}\n" for line in change(two.read_text().strip("\n").split("\n"))))
    with pytest.raises(UserError, match=message):
        make_folder([one, two], tmp_path / "out", plan)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_never_replaced(tmp_path):
    folder = made(tmp_path)
    with pytest.raises(UserError, match="exists already"):
        make_folder(three_systems(tmp_path), folder.path, Plan(items=5))
    with pytest.raises(UserError, match="got 1 system"):
        make_folder([tmp_path / "secret-auk.jsonl"], tmp_path / "new", Plan(items=5))
