"""Frozen encoders: the figures of runs that read cached tokens are those of runs that compute them."""

import copy
import json

import numpy as np
import pytest
import torch

import interlace
from interlace.assembly import assemble
from interlace.assembly.components import build_data
from interlace.assembly.features import weights_hash, why_not_cached, with_cached_features
from interlace.assembly.multimodal import build_model
from interlace.configuration.locations import cache_dir
from interlace.data.cache import cached_bytes
from interlace.encoders.freezing import encode_frozen
from interlace.errors import UserError
from interlace.optim.finetuning import FrozenEncoders
from interlace.tokens import Tokens

SMALL = [
    "experiment=scenes", "data.num_train=200", "data.num_val=50", "data.num_test=50", "data.batch_size=32",
    "trainer.max_epochs=2", "trainer.log_every_n_steps=1", "logger=none", "trainer.threads=1", "fusion.dim=16",
    "encoder.text.dropout=0.2", "encoder/audio=transformer", "encoder.audio.dropout=0.2",
]  # fmt: skip


def train(*overrides, outputs):
    return interlace.train(interlace.compose([*SMALL, *overrides]), outputs=outputs, quiet=True)


@pytest.mark.parametrize("fusion", ["concat", "attention"])
def test_cached_and_uncached_runs_have_the_same_figures(tmp_path, fusion):
    # 200 examples in batches of 32 leave a batch of 8, fewer than the kernels' usual rows.
    options = [f"fusion={fusion}", "finetuning=frozen_encoders"]
    plain = train(*options, "finetuning.cache=false", outputs=tmp_path / "plain")
    cached = train(*options, outputs=tmp_path / "cached")
    assert plain.directory.relative_to(tmp_path / "plain") == cached.directory.relative_to(tmp_path / "cached")
    assert plain.metrics == cached.metrics
    losses = [run.history["train/loss"].dropna().tolist() for run in (plain, cached)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 14
    for name in ("num_parameters", "num_trainable_parameters", "flops_per_example"):
        assert plain.results[name] == cached.results[name]
    # What is read back from the checkpoint predicts what the run said of its test data.
    model, split = cached.model(), build_data(cached.config).splits["test"]
    with torch.inference_mode():
        logits = model(split.batch(np.arange(50))["inputs"])[0]
    found = cached.predictions[[f"p/{name}" for name in cached.data_for_prediction().classes]].to_numpy()
    np.testing.assert_allclose(logits.softmax(-1).numpy(), found, atol=1e-6)


def test_auto_keeps_no_tokens_beyond_the_limit_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    options = ["fusion=concat", "finetuning=frozen_encoders", "modalities=[text,image]", "trainer.max_epochs=1"]

    def run(name, *more):
        config = interlace.compose([*SMALL, *options, *more])
        return interlace.train(config, outputs=tmp_path / name)

    def kept():
        return sorted(path.name for path in (tmp_path / "cache" / "arrays").glob("tokens-*") if path.is_dir())

    monkeypatch.setenv("INTERLACE_LIMITS", "token_cache_bytes=1K")
    plain = run("plain")
    told = capsys.readouterr().err
    assert "tokens of 'text' are computed for each batch, as they would take" in told
    assert "beside the 0 GB of tokens" in told
    assert kept() == []
    forced = run("forced", "finetuning.cache=true")  # asked for by name: no bound
    assert "computed for each batch" not in capsys.readouterr().err
    both, size = kept(), cached_bytes("tokens-")
    assert len(both) == 2
    again = run("again")  # they are there already
    assert "computed for each batch" not in capsys.readouterr().err
    assert plain.metrics == forced.metrics == again.metrics
    # Other weights need other tokens, as large: room for one modality alone (headers are not counted), then for both.
    for room, fits in ((2 * size - 10_000, False), (2 * size, True)):
        monkeypatch.setenv("INTERLACE_LIMITS", f"token_cache_bytes={room}")
        run(f"other-{fits}", "seed=5", "seed.data=0")
        assert ("computed for each batch" in capsys.readouterr().err) != fits
        assert (len(kept()) == 4) == fits


def test_encoders_stay_as_they_start(tmp_path):
    run = train("fusion=concat", "finetuning=frozen_encoders", "finetuning.modalities=[text,audio]", outputs=tmp_path)
    model, start = run.model(), build_model(run.config, build_data(run.config))
    unchanged = {name: weights_hash(a) == weights_hash(b) for name, a, b in
                 zip(model.names, model.encoders, start.encoders, strict=True)}  # fmt: skip
    assert unchanged == {"text": True, "image": False, "audio": True}
    frozen = sum(p.numel() for e, n in zip(model.encoders, model.names, strict=True) if n != "image"
                 for p in e.parameters())  # fmt: skip
    assert run.results["num_trainable_parameters"] == run.results["num_parameters"] - frozen


def test_frozen_encoders_have_no_dropout_in_training():
    config = interlace.compose([*SMALL, "finetuning=frozen_encoders"])
    data = build_data(config)
    model = build_model(config, data).train()
    inputs = data.splits["train"].batch(np.arange(32))["inputs"]
    first, second = (model._encode("text", model.encoders[0], inputs["text"]).x for _ in range(2))
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert model.training


def test_arms_and_seeds_share_what_depends_on_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path / "cache"))
    made = lambda: sorted(path.name for path in (cache_dir() / "arrays").glob("tokens-*") if path.is_dir())  # noqa: E731

    def tokens(*overrides):
        config = interlace.compose([*SMALL, "finetuning=frozen_encoders", *overrides])
        data = build_data(config)
        model = build_model(config, data)
        splits = {name: split.select(model.names) for name, split in data.splits.items()}
        return with_cached_features(config, data, model, splits, [])

    first = tokens("fusion=concat", "seed=1")
    folders = made()
    assert len(folders) == 3
    again = tokens("fusion=attention", "seed=1")
    assert made() == folders
    rows = np.arange(20)
    inputs = [cached["test"].batch(rows)["inputs"]["audio"] for cached in (first, again)]
    assert all(isinstance(each, Tokens) for each in inputs)
    assert torch.equal(inputs[0].x, inputs[1].x)
    tokens("fusion=concat", "seed=2")  # other weights
    assert len(made()) == 6
    tokens("fusion=concat", "seed=1", "data.seed=1")  # other examples
    assert len(made()) == 9


def test_what_changes_between_epochs_is_not_cached(tmp_path):
    config = interlace.compose([*SMALL, "finetuning=frozen_encoders"])
    splits = {"train": copy.copy(build_data(config).splits["train"])}
    assert why_not_cached(config, splits) is None
    other = {**config, "text_augmentation": {"_target_": "any"}}
    assert why_not_cached(other, splits) == "text_augmentation makes new examples"
    splits["train"].set_epoch = print
    assert why_not_cached(config, splits) == "the train examples are changed from epoch to epoch"
    splits["train"].redraw = False  # modalities that are missing for good
    assert why_not_cached(config, splits) is None
    half = [*SMALL, "finetuning=frozen_encoders", "trainer.precision=bf16-true"]
    with pytest.raises(UserError, match=r"finetuning\.cache: .*trainer\.precision=bf16-true.*finetuning\.cache=auto"):
        assemble(interlace.compose([*half, "finetuning.cache=true"]))
    experiment = assemble(interlace.compose(half))
    assert not experiment.caches_tokens
    assert "computed for each batch" in experiment.remarks[0]


@pytest.mark.parametrize("cache", ["auto", "true", "false"])
def test_the_cache_is_used_where_it_can_be_and_told(cache):
    experiment = assemble(interlace.compose([*SMALL, "finetuning=frozen_encoders", f"finetuning.cache={cache}"]))
    assert experiment.caches_tokens == (cache != "false")
    assert any("computed once and cached" in each for each in experiment.remarks) == (cache != "false")


@pytest.mark.parametrize("name", ["frozen", "gradual", "lora"])
def test_encoders_stay_as_they_are_beside_other_ways_of_finetuning(name):
    patterns = {"frozen": ["finetuning.freeze=[head.*]"], "gradual": [],
                "lora": ["finetuning.layers=[fusion.*attention.projection]", "finetuning.train=[head.*]",
                         "finetuning.fused={}"]}[name]  # fmt: skip
    frozen = ["finetuning.frozen_encoders=[image,audio]"]
    overrides = [*SMALL, f"finetuning={name}", *patterns, *frozen]
    model = assemble(interlace.compose(overrides)).build_task().model
    trained = {n: any(p.requires_grad for p in e.parameters())
               for n, e in zip(model.names, model.encoders, strict=True)}  # fmt: skip
    assert (trained["image"], trained["audio"]) == (False, False)
    assert sorted(model.frozen) == ["audio", "image"]


def test_unknown_modalities_are_named():
    with pytest.raises(UserError, match="did you mean 'image'"):
        FrozenEncoders(modalities=["imgae"], cache=False).names(["text", "image"])
    assert FrozenEncoders(modalities=["image", "audio"], cache=False).names(["image"]) == ["image"]


def test_few_rows_are_encoded_like_many():
    config = interlace.compose(
        [
            "encoder/audio=transformer",
            "experiment=scenes",
            "data.num_train=64",
            "data.num_val=16",
            "data.num_test=64",
            "finetuning=frozen_encoders",
        ]
    )
    data = build_data(config)
    model = build_model(config, data).eval()
    split = data.splits["test"]
    for name, encoder in zip(model.names, model.encoders, strict=True):
        raw = split.batch(np.arange(64))["inputs"][name]
        width = model.frozen[name]
        whole = encode_frozen(encoder, raw, width)
        for rows in (1, 2, 5, 15, 33):
            few = encode_frozen(encoder, raw.select(torch.arange(rows)), width)
            count = few.x.shape[1]
            assert torch.equal(few.x, whole.x[:rows, :count]), (name, rows)
            assert torch.equal(few.mask, whole.mask[:rows, :count])
            assert not whole.mask[:rows, count:].any()


def test_an_encoder_of_another_run_is_taken_over_and_outlives_it(tmp_path):
    parent = train("fusion=single", "modalities=[image]", outputs=tmp_path / "parent")
    start = [f"encoder.image.init_from={parent.directory}", "encoder/image=trained"]
    frozen = ["finetuning=frozen_encoders", "finetuning.modalities=[image]"]
    child = train(*start, "fusion=concat", *frozen, outputs=tmp_path / "child")
    names = child.model().names
    taken = child.model().encoders[names.index("image")]
    assert weights_hash(taken) == weights_hash(parent.model().encoders[0])
    parents = json.loads((child.directory / "manifest.json").read_text())["parents"]
    assert list(parents) == [str(parent.directory)]
    grandchild = train(f"encoders.image.init_from={child.directory}", "fusion=sum", outputs=tmp_path / "grandchild")
    for path in parent.directory.rglob("*"):
        path.rename(tmp_path / f"gone-{path.name}") if path.is_file() else None
    for path in child.directory.glob("*.yaml"):
        path.rename(tmp_path / f"gone-child-{path.name}")
    assert weights_hash(grandchild.model().encoders[names.index("image")]) != weights_hash(taken)  # trained on


def test_an_encoder_that_does_not_fit_is_refused(tmp_path):
    parent = train("fusion=single", "modalities=[image]", outputs=tmp_path)
    start = [f"encoder.image.init_from={parent.directory}", "encoder/image=trained"]
    with pytest.raises(UserError, match="does not fit these data"):
        train(*start, "data.image_size=64", outputs=tmp_path / "child")
    with pytest.raises(UserError, match="expected one audio modality, found none"):
        train(f"encoders.audio.init_from={parent.directory}", outputs=tmp_path / "child")
    with pytest.raises(UserError, match="not a run directory"):
        train("encoders.image.init_from=nowhere", outputs=tmp_path / "child")
