"""The laws of every encoder: each test runs over every file of conf/encoder."""

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from interlace.configuration.checking import check_node
from interlace.configuration.compose import compose_node
from interlace.configuration.names import choices
from interlace.models.bert import BERT
from interlace.tokens import ModalitySpec, Raw, Tokens

ENCODERS = [name for name in choices("encoder") if not name.endswith("/trained")]  # those have a parent run
every_encoder = pytest.mark.parametrize("name", ENCODERS)
SPECS = {
    "text": ModalitySpec("text", (7,), vocabulary_size=11),
    "image": ModalitySpec("image", (3, 32, 32)),
    "audio": ModalitySpec("audio", (4000,), sample_rate=8000),
    "features": ModalitySpec("features", (5, 6)),
    "video": ModalitySpec("video", (6, 3, 32, 32)),
    "graph": ModalitySpec("graph", (5, 4 + 5)),
}
LENGTHS = {
    "text": [7, 3, 1, 0, 0],
    "image": [1, 1, 1, 1, 0],
    "audio": [4000, 2047, 1, 0, 0],
    "features": [5, 2, 1, 0, 0],
    "video": [6, 3, 1, 0, 0],
    "graph": [5, 2, 1, 0, 0],
}


def build(name: str, **options: object) -> nn.Module:
    """The encoder as configured, except that a picture model of any size is given small pictures."""
    node = compose_node("encoder", name)
    kind = name.split("/")[0]
    check_node(f"encoder.{kind}", node, frozenset({"spec", "language_model"}))
    arguments = {k: v for k, v in node.items() if k != "_target_"} | options
    for part in (arguments, arguments.get("image", {})):
        if "size" in part:
            part["size"] = 64
    torch.manual_seed(0)
    injected: dict[str, object] = {"spec": SPECS[name.split("/")[0]]}
    if name == "text/language_model":
        small = {**compose_node("model", "bert"), "dim": 16, "num_layers": 2, "num_heads": 2, "feed_forward_dim": 32,
                 "dropout": 0.0, "masked_head": False, "pooling": "none"}  # fmt: skip
        del small["_target_"]
        injected["language_model"] = BERT(**small, vocabulary_size=11, pad_id=0)
    return instantiate({"_target_": node["_target_"], **arguments}, _partial_=True, _convert_="all")(**injected)


def batch(name: str) -> Raw:
    """Five examples: whole, partly padded, of one item, present but empty, missing."""
    kind = name.split("/")[0]
    generator = torch.Generator().manual_seed(1)
    shape = (5, *SPECS[kind].shape)
    if kind == "text":
        x = torch.randint(1, 11, shape, generator=generator)
    elif kind in ("image", "video"):
        x = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
    else:
        x = torch.randn(shape, generator=generator) * 0.1
    length = torch.tensor(LENGTHS[kind])
    present = torch.tensor([True, True, True, True, False])
    if kind == "image":
        x[~present] = 0
    else:
        x[_padding(x, length)] = 0
    return Raw(x, length, present)


def _padding(x: Tensor, length: Tensor) -> Tensor:
    return torch.arange(x.shape[1]) >= length[:, None]


def assert_same(first: Tokens, second: Tokens) -> None:
    torch.testing.assert_close(first.x, second.x, rtol=1e-4, atol=1e-5)
    assert torch.equal(first.mask, second.mask)
    assert torch.equal(first.present, second.present)


@every_encoder
def test_tokens_of_present_missing_and_empty_examples(name: str) -> None:
    encoder = build(name)
    raw = batch(name)
    x, mask, present = encoder(raw)
    assert x.shape == (*mask.shape, encoder.out_dim)
    assert mask.dtype == present.dtype == torch.bool
    assert x.isfinite().all()
    assert torch.equal(present, raw.present & (raw.length > 0))
    assert torch.equal(mask.any(1), present)
    assert mask[0].all()
    assert x[~mask].abs().sum() == 0
    assert x[0].abs().max() > 0


@every_encoder
def test_examples_do_not_see_each_other(name: str) -> None:
    # In training too, but for models of others, which may hold BatchNorm, and where dropout draws anew.
    encoder = build(name).train(mode=not name.endswith(("timm", "timm_frames", "dropout")))
    raw = batch(name)
    whole = encoder(raw)
    for row in range(5):
        alone = encoder(raw.select(torch.tensor([row])))
        assert_same(Tokens(*(part[row : row + 1] for part in whole)), alone)


@pytest.mark.parametrize("name", [n for n in ENCODERS if not n.startswith("image/")])
def test_padding_changes_nothing(name: str) -> None:
    """Junk after the end and a longer batch: the same tokens, and masked ones after them."""
    encoder = build(name).eval()
    raw = batch(name)
    junk = torch.full_like(raw.x, float("nan") if raw.x.is_floating_point() else 3)
    padding = _padding(raw.x, raw.length).reshape(*raw.x.shape[:2], *[1] * (raw.x.ndim - 2))
    spoiled = torch.where(padding, junk, raw.x)
    longer = torch.cat([spoiled, junk], 1)
    expected = encoder(raw)
    assert_same(expected, encoder(raw._replace(x=spoiled)))
    result = encoder(raw._replace(x=longer))
    length = expected.mask.shape[1]
    assert_same(expected, Tokens(result.x[:, :length], result.mask[:, :length], result.present))
    assert not result.mask[:, length:].any()


@every_encoder
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    encoder = build(name)
    x = encoder(batch(name)).x
    (x * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        # timm starts residual branches at zero, so that what lies before their last gain has no gradient yet.
        assert parameter.grad.abs().max() > 0 or "timm" in name, key


@every_encoder
def test_a_batch_of_missing_examples_is_finite(name: str) -> None:
    encoder = build(name)
    raw = batch(name)
    none = Raw(torch.zeros_like(raw.x), torch.zeros_like(raw.length), torch.zeros_like(raw.present))
    x, mask, present = encoder(none)
    assert not mask.any()
    assert not present.any()
    assert x.abs().sum() == 0
    x.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


@every_encoder
def test_same_weights_same_tokens(name: str) -> None:
    first, second = build(name).eval(), build(name).eval()
    second.load_state_dict(first.state_dict())
    raw = batch(name)
    assert torch.equal(first(raw).x, second(raw).x)


@every_encoder
def test_finite_in_bfloat16(name: str) -> None:
    encoder = build(name).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tokens = encoder(batch(name))
    assert tokens.x.float().isfinite().all()
    assert tokens.x[~tokens.mask].abs().sum() == 0


@every_encoder
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-4), (torch.bfloat16, 0.2)])
def test_computes_in_the_type_of_its_weights(name: str, dtype: torch.dtype, tolerance: float) -> None:
    """trainer.precision=64-true and bf16-true: Lightning brings the weights, and float inputs, to that type."""
    encoder = build(name).eval()
    raw = batch(name)
    expected = encoder(raw)
    encoder.to(dtype)
    x = raw.x.to(dtype) if raw.x.is_floating_point() else raw.x
    tokens = encoder(raw._replace(x=x))
    assert tokens.x.dtype == dtype
    assert torch.equal(tokens.mask, expected.mask)
    torch.testing.assert_close(tokens.x.float(), expected.x, rtol=tolerance, atol=tolerance)
    tokens.x.sum().backward()
    assert all(p.grad is None or p.grad.dtype == dtype for p in encoder.parameters())
