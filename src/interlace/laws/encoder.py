"""The laws of encoders, on five small examples of their kind of modality."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from interlace.laws.checking import (
    law,
    require,
    require_close,
    require_equal_shape,
    require_finite_gradients,
    weighed,
)
from interlace.tokens import ModalitySpec, RawBatch, Tokens

SPECS = {
    "text": ModalitySpec("text", (7,), vocabulary_size=11),
    "image": ModalitySpec("image", (3, 32, 32)),
    "audio": ModalitySpec("audio", (4000,), sample_rate=8000),
    "features": ModalitySpec("features", (5, 6)),
    "video": ModalitySpec("video", (6, 3, 32, 32)),
    "graph": ModalitySpec("graph", (5, 4 + 5)),
}
# Five examples: full length, partly padded, one item, present but empty, missing. Images have one size.
LENGTHS = {
    "text": [7, 3, 1, 0, 0],
    "image": [1, 1, 1, 1, 0],
    "audio": [4000, 2047, 1, 0, 0],
    "features": [5, 2, 1, 0, 0],
    "video": [6, 3, 1, 0, 0],
    "graph": [5, 2, 1, 0, 0],
}


@dataclass(frozen=True)
class EncoderCase:
    """An encoder of a kind of modality, built by `make(spec)`."""

    make: Callable[[ModalitySpec], Any]
    kind: str

    def build(self, seed: int = 0) -> Any:
        """Return the encoder in evaluation mode, with the weights of a seed."""
        torch.manual_seed(seed)
        return self.make(SPECS[self.kind]).eval()

    def batch(self) -> RawBatch:
        """Return five examples, zero in padding and in missing examples."""
        generator = torch.Generator().manual_seed(1)
        shape = (5, *SPECS[self.kind].shape)
        if self.kind == "text":
            x = torch.randint(1, 11, shape, generator=generator)
        elif self.kind in ("image", "video"):
            x = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
        else:
            x = torch.randn(shape, generator=generator) * 0.1
        length = torch.tensor(LENGTHS[self.kind])
        present = torch.tensor([True, True, True, True, False])
        x[~present if self.kind == "image" else _padding(x, length)] = 0
        return RawBatch(x, length, present)


def tokens_of_present_missing_and_empty_examples(case: EncoderCase) -> None:
    """Tokens are (B, N, out_dim), zero and masked beyond the length; `present` is True for examples with content."""
    encoder, raw = case.build(), case.batch()
    x, mask, present = encoder(raw)
    require_equal_shape("tokens", x.shape, (*mask.shape, encoder.out_dim))
    require(mask.dtype == present.dtype == torch.bool, f"mask is {mask.dtype} and present {present.dtype}, not bool")
    require(bool(x.isfinite().all()), "tokens are not finite")
    require(torch.equal(present, raw.present & (raw.length > 0)), f"present is {present.tolist()}")
    require(torch.equal(mask.any(1), present), "mask and present do not agree")
    require(bool(mask[0].all()), "a whole example has masked tokens")
    require(bool((x[~mask] == 0).all()), "masked tokens are not zero")
    require(bool((x[0] != 0).any()), "all tokens of a whole example are zero")


def examples_do_not_see_each_other(case: EncoderCase) -> None:
    """An example alone has the same tokens as in a batch, also in training mode.

    Encoders with BatchNorm (as in pretrained image models) or dropout are checked in evaluation mode only.
    """
    encoder, raw = case.build(), case.batch()
    if not any(isinstance(module, _BatchNorm) for module in encoder.modules()):
        encoder.train()
        if not torch.equal(encoder(raw).x, encoder(raw).x):
            encoder.eval()
    whole = encoder(raw)
    for row in range(len(raw.x)):
        alone = encoder(raw.select(torch.tensor([row])))
        require_same(alone, Tokens(*(part[row : row + 1] for part in whole)), f" of example {row} alone")


def padding_changes_nothing(case: EncoderCase) -> None:
    """Other values in the padding and a longer batch give the same tokens, followed by masked ones."""
    if case.kind == "image":  # images have no padding
        return
    encoder, raw = case.build(), case.batch()
    junk = torch.full_like(raw.x, float("nan") if raw.x.is_floating_point() else 3)
    padding = _padding(raw.x, raw.length).reshape(*raw.x.shape[:2], *[1] * (raw.x.ndim - 2))
    spoiled = torch.where(padding, junk, raw.x)
    expected = encoder(raw)
    require_same(encoder(raw._replace(x=spoiled)), expected, " with junk as padding")
    result = encoder(raw._replace(x=torch.cat([spoiled, junk], 1)))
    length = expected.mask.shape[1]
    short = Tokens(result.x[:, :length], result.mask[:, :length], result.present)
    require_same(short, expected, " in a longer batch")
    require(not bool(result.mask[:, length:].any()), "padding has real tokens in a longer batch")


def every_parameter_gets_a_finite_gradient(case: EncoderCase) -> None:
    """A loss over the tokens has a gradient in each parameter, when no parameter is initialised to zero."""
    encoder = case.build()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():  # residual branches may start with gain 0, which blocks gradients
        for parameter in encoder.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    x = encoder(case.batch()).x
    if x.requires_grad:
        weighed(x).backward()  # type: ignore[no-untyped-call]
    for name, parameter in encoder.named_parameters():
        require(parameter.grad is not None, f"{name} gets no gradient")
        require(bool((parameter.grad != 0).any()), f"the gradient of {name} is zero everywhere")
    require_finite_gradients(encoder)


def a_batch_of_missing_examples_is_finite(case: EncoderCase) -> None:
    """Tokens are zero and masked, and gradients finite, if no example has the modality."""
    encoder, raw = case.build(), case.batch()
    none = RawBatch(torch.zeros_like(raw.x), torch.zeros_like(raw.length), torch.zeros_like(raw.present))
    x, mask, present = encoder(none)
    require(not bool(mask.any()) and not bool(present.any()), "missing examples have real tokens")
    require(bool((x == 0).all()), "tokens of missing examples are not zero")
    if x.requires_grad:
        x.sum().backward()
    require_finite_gradients(encoder)


def same_weights_same_tokens(case: EncoderCase) -> None:
    """The same seed gives the same tokens, and `state_dict` transfers them to an encoder of another seed."""
    first, second, other = case.build(), case.build(), case.build(seed=1)
    raw = case.batch()
    require(torch.equal(first(raw).x, second(raw).x), "the same seed gives other tokens")
    other.load_state_dict(first.state_dict())
    require(torch.equal(first(raw).x, other(raw).x), "its state_dict gives other tokens: a tensor is kept elsewhere")


def finite_in_bfloat16(case: EncoderCase) -> None:
    """Under bfloat16 autocast tokens are finite, and masked ones zero."""
    encoder = case.build()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tokens = encoder(case.batch())
    require(bool(tokens.x.float().isfinite().all()), "tokens are not finite in bfloat16")
    require(bool((tokens.x[~tokens.mask] == 0).all()), "masked tokens are not zero in bfloat16")


def computes_in_the_type_of_its_weights(case: EncoderCase) -> None:
    """With weights and inputs in float64 or bfloat16 (trainer.precision=64-true, bf16-true) tokens have that dtype."""
    for dtype, tolerance in ((torch.float64, 1e-4), (torch.bfloat16, 0.2)):
        encoder, raw = case.build(), case.batch()
        expected = encoder(raw)
        encoder.to(dtype)
        tokens = encoder(raw._replace(x=raw.x.to(dtype) if raw.x.is_floating_point() else raw.x))
        require(tokens.x.dtype == dtype, f"tokens are {tokens.x.dtype} with weights in {dtype}")
        require(torch.equal(tokens.mask, expected.mask), f"the mask in {dtype} is another")
        require_close(f"tokens in {dtype}", tokens.x, expected.x, tolerance, tolerance)
        if tokens.x.requires_grad:
            tokens.x.sum().backward()
        for name, parameter in encoder.named_parameters():
            if parameter.grad is not None:
                require(parameter.grad.dtype == dtype, f"the gradient of {name} is {parameter.grad.dtype}, not {dtype}")


LAWS = tuple(
    law(each)
    for each in (
        tokens_of_present_missing_and_empty_examples,
        examples_do_not_see_each_other,
        padding_changes_nothing,
        every_parameter_gets_a_finite_gradient,
        a_batch_of_missing_examples_is_finite,
        same_weights_same_tokens,
        finite_in_bfloat16,
        computes_in_the_type_of_its_weights,
    )
)


def require_same(found: Tokens, expected: Tokens, where: str) -> None:
    """Raise BrokenLawError unless two outputs are equal within a tolerance."""
    require_equal_shape(f"mask{where}", found.mask.shape, expected.mask.shape)
    require(torch.equal(found.mask, expected.mask), f"mask{where} is another")
    require(torch.equal(found.present, expected.present), f"present{where} is another")
    require_close(f"tokens{where}", found.x, expected.x, 1e-4, 1e-5)


def _padding(x: Tensor, length: Tensor) -> Tensor:
    return torch.arange(x.shape[1]) >= length[:, None]
