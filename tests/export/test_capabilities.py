"""Which strategies and encoders can be exported as programs: each with equal outputs, or with the reason why not."""

import numpy as np
import pytest
import torch

from interlace.configuration.compose import compose_node
from interlace.configuration.construction import constructor
from interlace.configuration.names import choices
from interlace.data.datamodule import DataModule
from interlace.errors import UserError
from interlace.export.program import Program, tensors_of
from interlace.export.tracing import open_onnx, save_onnx, trace
from interlace.fusion.build import build
from interlace.models.base import LanguageModel
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import ModalitySpec, RawBatch

SPECS = {
    "text": ModalitySpec("text", (6,), vocabulary_size=9, words=tuple("_abcdefgh")),
    "image": ModalitySpec("image", (3, 16, 16)),
    "audio": ModalitySpec("audio", (1600,), sample_rate=4000),
    "features": ModalitySpec("features", (5, 3)),
    "video": ModalitySpec("video", (4, 3, 16, 16)),
    "graph": ModalitySpec("graph", (5, 8)),
}
OTHER = ModalitySpec("features", (4, 2))
# Options that make a component small; those that it has are taken.
SMALL = {
    "dim": 8, "num_layers": 1, "num_heads": 2, "reduced_dim": 4, "num_bottlenecks": 2, "num_latents": 2,
    "feed_forward_ratio": 1, "fusion_layer": 0, "num_stages": 1, "num_steps": 3, "channels": [4], "num_mels": 8,
}  # fmt: skip
QUICK = ("concat",)
# Written as ONNX as well: one of each kind of operator. `interlace bench export --fusion all` tries every one.
ONNX = ("attention", "concat", "gated", "low_rank", "bottleneck", "moe", "recurrent", "graph")
# What cannot be exported, with the beginning of the reason that the user reads.
NOT_EXPORTED = {
    "text/lstm": "encoder/text=lstm: it packs sequences by the values of their lengths",
    "text/question_aware": "encoder/text=question_aware: its attention has the size of the longest question",
}
NOT_BUILT = {
    "trained": "it is the encoder of another run, which is one of the others",
    "timm": "its models are those of timm, of which tests choose none",
    "timm_frames": "the same",
    "language_model": "a test of its own, with a small model",
}


def data_of(specs):
    data = DataModule(batch_size=4)
    data.modalities = dict(specs)
    data.classes = ["a", "b", "c"]
    return data


def small(group, name):
    node = compose_node(group, name)
    return {key: SMALL.get(key, value) for key, value in node.items()}


def batch(spec, size, longest, seed):
    """A batch of noise: one example at the longest length, others shorter, some missing."""
    rng = np.random.default_rng(seed)
    present = torch.from_numpy(rng.random(size) > 0.25)
    if spec.kind == "image":
        x = torch.from_numpy(rng.integers(0, 256, (size, *spec.shape), dtype=np.uint8))
        length = present.long()
    else:
        length = torch.from_numpy(rng.integers(1, longest + 1, size))
        length[0] = longest
        shape = (size, longest, *spec.shape[1:])
        if spec.kind == "text":
            x = torch.from_numpy(rng.integers(1, 9, shape))
        elif spec.kind == "video":
            x = torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8))
        else:
            x = torch.from_numpy(rng.normal(0, 0.3, shape).astype(np.float32))
        length = torch.where(present, length, 0)
        real = torch.arange(longest) < length[:, None]
        x = torch.where(real.reshape(*real.shape, *[1] * (x.ndim - 2)), x, torch.zeros_like(x))
    x[~present] = 0
    return RawBatch(x, length, present)


def model_of(encoders, fusion):
    head = None
    if not fusion.decides:
        head = constructor(compose_node("head", "classification"))(in_dim=fusion.dim, num_classes=3)
    return MultimodalModel(encoders, fusion, head).eval()


def assert_equal(program, specs, folder, *, onnx):
    """Trace a program (`onnx`: write it as ONNX too) and compare it with the model for batches and lengths that were
    not traced."""
    traced, inputs = trace(program)
    _assert_equal(program, specs, inputs, traced.module())
    if onnx:
        save_onnx(traced, program, folder / "model.onnx")
        _assert_equal(program, specs, inputs, open_onnx(folder / "model.onnx", [each.name for each in inputs]))
    return inputs


def _assert_equal(program, specs, inputs, apply):
    for size, short, seed in ((5, 0, 1), (1, 1, 2), (4, 2, 3), (9, 1, 4)):
        raw = {
            name: batch(spec, size, spec.shape[0] if spec.kind == "graph" else max(1, spec.shape[0] - short), seed)
            for name, spec in specs.items()
        }
        tensors = tensors_of(inputs, raw)
        with torch.no_grad():
            expected = program(*tensors_of(program.inputs, raw))
            found = apply(*tensors) if isinstance(apply, torch.nn.Module) else apply(tensors)
        if program.encoder is None:
            for ours, theirs in zip(expected, found, strict=True):
                torch.testing.assert_close(theirs, ours, atol=2e-6, rtol=1e-4)
            continue
        mask, length = expected[1], expected[1].shape[1]
        assert not found[1][:, length:].any()
        assert torch.equal(found[1][:, :length], mask)
        torch.testing.assert_close(found[0][:, :length][mask], expected[0][mask], atol=1e-5, rtol=1e-4)


def slow_but(names, quick):
    return [pytest.param(*name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize("name", slow_but([(each,) for each in choices("fusion")], [(each,) for each in QUICK]))
def test_every_fusion_strategy_can_be_exported(name, tmp_path):
    torch.manual_seed(0)
    specs = {"a b": SPECS["features"]} if name == "single" else {"a b": SPECS["features"], "2": OTHER}
    node = small("encoder/features", "mlp")
    encoders = {each: constructor(node)(spec=spec) for each, spec in specs.items()}
    options = {key: value for key, value in SMALL.items() if key in compose_node("fusion", name)}
    fusion = build(name, in_dims=dict.fromkeys(specs, 8), num_classes=3, **options)
    program = Program(model_of(encoders, fusion), data_of(specs), specs, None).eval()
    inputs = assert_equal(program, specs, tmp_path, onnx=name in ONNX)
    # Its time steps are unrolled, so that their number is fixed and shorter sequences are padded.
    fixed = ["a_b"] if name == "recurrent" else []
    assert [each.name for each in inputs if each.longest is not None and each.shape[1] == each.longest] == fixed


ENCODERS = [(kind, name) for kind in SPECS for name in choices(f"encoder/{kind}") if name not in NOT_BUILT]


@pytest.mark.parametrize(("kind", "name"), slow_but(ENCODERS, [tuple(each.split("/")) for each in NOT_EXPORTED]))
def test_every_encoder_can_be_exported_or_says_why_not(kind, name, tmp_path):
    torch.manual_seed(0)
    specs = {"it": SPECS[kind]}
    encoder = constructor(small(f"encoder/{kind}", name))(spec=SPECS[kind])
    fusion = build("single", in_dims={"it": encoder.out_dim}, num_classes=3)
    program = Program(model_of({"it": encoder}, fusion), data_of(specs), specs, "it").eval()
    if reason := NOT_EXPORTED.get(f"{kind}/{name}"):
        with pytest.raises(UserError) as told:
            trace(program)
        assert str(told.value).startswith(reason)
        return
    assert_equal(program, specs, tmp_path, onnx=name in ("transformer", "cnn", "frames"))


@pytest.mark.slow
def test_a_language_model_as_text_encoder_can_be_exported(tmp_path):
    torch.manual_seed(0)
    size = {"dim": 16, "num_layers": 1, "num_heads": 2, "feed_forward_dim": 16, "max_length": 8}
    node = {key: size.get(key, value) for key, value in compose_node("model", "bert").items()}
    model: LanguageModel = constructor(node)(vocabulary_size=9, pad_id=0)
    specs = {"it": SPECS["text"]}
    encoder = constructor(compose_node("encoder/text", "language_model"))(spec=specs["it"], language_model=model)
    fusion = build("single", in_dims={"it": encoder.out_dim}, num_classes=3)
    program = Program(model_of({"it": encoder}, fusion), data_of(specs), specs, None).eval()
    assert_equal(program, specs, tmp_path, onnx=True)


def test_a_missing_extra_is_told_with_the_command_that_installs_it(monkeypatch):
    from interlace.export import tracing

    monkeypatch.setattr(tracing, "PACKAGES", ("onnx", "not_there"))
    with pytest.raises(UserError, match=r"ONNX needs not_there; install them: pip install 'interlace\[onnx\]'"):
        tracing.check_installed(tracing.PACKAGES)
