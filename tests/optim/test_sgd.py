"""SGD against torch's plain loop: momenta that begin late, in bf16, after a skipped first step."""

import pytest
import torch
from torch import nn

from interlace.optim.sgd import build_sgd
from interlace.tracking.spikes import can_skip


def steps(build, *, dtype, unfreeze_at, skip=(), count=6):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).to(dtype)
    optimizer = build(model)
    generator = torch.Generator().manual_seed(1)
    for step in range(count):
        model[0].requires_grad_(step >= unfreeze_at)
        x = torch.randn(4, 5, generator=generator).to(dtype)

        def closure(x=x):
            optimizer.zero_grad()
            loss = model(x).square().sum()
            loss.backward()
            return loss

        if step in skip:
            if not can_skip(optimizer):
                continue
            optimizer.found_inf = torch.ones(())
        optimizer.step(closure)
        if hasattr(optimizer, "found_inf"):
            del optimizer.found_inf
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("skip", [(), (0,), (0, 3)])
@pytest.mark.parametrize("unfreeze_at", [0, 2])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True), (0.0, True)])
def test_the_fused_kernel_takes_the_steps_of_the_plain_loop(momentum, nesterov, dtype, unfreeze_at, skip):
    def plain(model):
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim == 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.SGD(groups, lr=0.05, momentum=momentum, nesterov=nesterov and momentum > 0, fused=False,
                               foreach=False)  # fmt: skip

    ours = steps(lambda m: build_sgd(m, 0.05, momentum, nesterov, 0.1), dtype=dtype, unfreeze_at=unfreeze_at, skip=skip)
    expected = steps(plain, dtype=dtype, unfreeze_at=unfreeze_at, skip=skip)
    for a, b in zip(ours, expected, strict=True):
        assert a.isfinite().all()
        torch.testing.assert_close(a, b)
