"""trainer.continue_from: to go on for longer is to have trained for longer, exactly."""

import shutil

import pytest

import interlace
from interlace.errors import UserError
from interlace.optim.schedules import WarmupStableDecay
from interlace.tracking.files import read_json
from interlace.tracking.metrics_file import read_metrics
from tests.test_resuming import LANGUAGE, SUPERVISED, Moments, content_of, same, text_in

CONSTANT = ["logger=none", "trainer.threads=1", "scheduler=constant", "trainer.log_every_n_steps=1",
            "checkpoint.every_n_train_steps=4"]  # fmt: skip


def trained(outputs, *overrides, callback=None):
    return interlace.train(interlace.compose([*CONSTANT, *overrides]), outputs=outputs, quiet=True, callback=callback)


def state(run, name="last"):
    return content_of(run.directory / f"checkpoints/{name}.ckpt")


def rows(run):
    own = [row for row in read_metrics(run.directory / "metrics.jsonl") if "speed/step_ms" not in row]
    return [{k: v for k, v in row.items() if k != "time"} for row in own]


@pytest.mark.parametrize(
    ("kind", "shorter", "longer"),
    [
        ("supervised", ["trainer.max_epochs=2"], ["trainer.max_epochs=5"]),
        ("supervised", ["trainer.max_steps=4", "trainer.accumulate_grad_batches=2"],
         ["trainer.max_steps=10", "trainer.accumulate_grad_batches=2"]),  # in the midst of an epoch of three updates
        ("language", ["trainer.max_steps=5"], ["trainer.max_steps=11"]),
        ("supervised", ["trainer.max_epochs=2"], ["trainer.max_epochs=2"]),  # nothing to do
    ],
)  # fmt: skip
def test_going_on_is_the_longer_run(kind, shorter, longer, tmp_path):
    base = [*SUPERVISED, "fusion=attention", "fusion.dim=16", "trainer.max_epochs=6", "callbacks=[ema]"]
    if kind == "language":
        given = {"family": "gpt", "text": text_in(tmp_path)}
        base = [*(each.format(**given) for each in LANGUAGE), "trainer.steps_per_epoch=4", "trainer.max_epochs=6"]
    first = trained(tmp_path, *base, *shorter)
    files = {path: path.read_bytes() for path in first.directory.rglob("*") if path.is_file()}
    run = trained(tmp_path, *base, *longer, f"trainer.continue_from={first.directory}")
    whole = trained(tmp_path, *base, *longer)
    assert run.directory not in (first.directory, whole.directory)
    assert rows(run) == rows(whole)
    assert {k: v for k, v in run.metrics.items() if "speed" not in k} == whole.metrics
    for key in ("state_dict", "optimizer_states", "callbacks", "interlace", "global_step"):
        ours = state(run)[key]
        ours.pop("handed_over", None) if key == "interlace" else None
        assert same(ours, state(whole)[key]), key
    assert same(state(run, "best")["state_dict"], state(whole, "best")["state_dict"])
    assert files == {path: path.read_bytes() for path in first.directory.rglob("*") if path.is_file()}
    parents = read_json(run.directory / "manifest.json")["parents"]
    assert list(parents) == [str(first.directory)]
    assert len(parents[str(first.directory)]) == 16


def test_the_rate_falls_by_the_new_schedule_from_the_first_update_on_and_after_a_kill(tmp_path):
    """What warm-up, stable, decay is for: one stable run, and a decay from where it ended."""
    base = [*SUPERVISED, "fusion=concat", "fusion.dim=16", "optimizer.learning_rate=0.01"]
    stable = trained(tmp_path, *base, "trainer.max_epochs=3")
    more = ["scheduler=wsd", "scheduler.warmup_fraction=0", "scheduler.decay_fraction=0.4", "trainer.max_epochs=5",
            f"trainer.continue_from={stable.directory}"]  # fmt: skip
    target = tmp_path / "killed"

    def copy(number):
        if number == 3:  # before the first update of its own
            shutil.copytree(tmp_path, target, ignore=shutil.ignore_patterns("killed", "*run.lock*"))

    decayed = trained(tmp_path, *base, *more, callback=Moments(copy))
    rule = WarmupStableDecay(
        num_steps=30, warmup_fraction=0, decay_fraction=0.4, shape="one_minus_sqrt", final_fraction=0
    )
    found = {row["step"]: row["learning_rate"] for row in rows(decayed) if "learning_rate" in row}
    assert found[18] == 0.01
    assert found == pytest.approx({step: 0.01 * rule(step - 1) for step in range(1, 31)})
    assert found[30] < found[19]
    assert rows(trained(target, *base, *more)) == rows(decayed)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("parent"), *SUPERVISED, "fusion=concat", "trainer.max_epochs=2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("optimizer.learning_rate=0.5", "optimizer.learning_rate is 0.5, but was 0.002"),
        ("fusion.dim=32", "fusion.dim is 32, but was"),
        ("seed=3", "seed.model is 3, but was 0"),
        ("data.batch_size=8", "data.batch_size is 8, but was 16"),
        ("early_stopping.patience=2", "early_stopping.patience is 2, but was None"),
        ("trainer.precision=bf16-mixed", "trainer.precision is 'bf16-mixed'"),
        ("trainer.max_epochs=1", "they give 6 updates, and .* has made 12 already"),
    ],
)
def test_all_but_the_length_and_the_schedule_is_as_it_was(change, said, parent, tmp_path):
    with pytest.raises(UserError, match=said):
        trained(tmp_path, *SUPERVISED, "fusion=concat", "trainer.max_epochs=3",
                f"trainer.continue_from={parent.directory}", change)  # fmt: skip


def test_the_run_has_to_be_there_and_finished(parent, tmp_path):
    base = [*SUPERVISED, "fusion=concat", "trainer.max_epochs=3"]
    with pytest.raises(UserError, match="is not a finished run; finish it"):
        trained(tmp_path, *base, f"trainer.continue_from={tmp_path / 'none'}")
    copy = shutil.copytree(parent.directory, tmp_path / "copy")
    (copy / "checkpoints/last.ckpt").write_bytes(b"")
    with pytest.raises(UserError, match=r"last\.ckpt is missing or damaged"):
        trained(tmp_path, *base, f"trainer.continue_from={copy}")
