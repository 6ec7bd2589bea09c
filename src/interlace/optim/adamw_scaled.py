"""AdamW with step sizes proportional to the parameters' root mean squares."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.optim.parameter_groups import decay_groups


class ScaledAdamW(torch.optim.Optimizer):
    """AdamW with the learning rate of each parameter multiplied by max(min_scale, RMS(parameter)).

    These are Adafactor's relative step sizes (Shazeer and Stern 2018, section 8) with Adam's moments, as nanoT5 trains
    T5: T5 initialises embeddings with a standard deviation of 1 and projections near 0.04, for which no single rate is
    right. Weight decay uses the unscaled rate. It runs one fused kernel per parameter without synchronising with the
    device. `found_inf` is as in torch's fused AdamW. State: two numbers per weight.
    """

    supports_found_inf = True

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        min_scale: float,
        weight_decay: float,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "min_scale": min_scale, "weight_decay": weight_decay}
        super().__init__(params, options | {"fused": True})  # torch then keeps `step` on the parameter's device

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        found_inf: Tensor | None = getattr(self, "found_inf", None)
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._step_group(parameters, group, found_inf)
        return loss

    def _step_group(self, parameters: list[Tensor], group: dict[str, Any], found_inf: Tensor | None) -> None:
        for p in parameters:
            if not self.state[p]:
                self.state[p]["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
                self.state[p]["exp_avg"] = torch.zeros_like(p)
                self.state[p]["exp_avg_sq"] = torch.zeros_like(p)
        keep = None if found_inf is None else 1.0 - found_inf
        steps = [self.state[p]["step"] for p in parameters]
        torch._foreach_add_(steps, 1.0 if keep is None else keep)
        sizes = [p.numel() ** -0.5 for p in parameters]
        scales = torch._foreach_mul(torch._foreach_norm(parameters), sizes)  # root mean squares
        scales = torch._foreach_clamp_min(scales, group["min_scale"])
        rates = torch._foreach_mul(scales, group["lr"])
        decay = group["lr"] * group["weight_decay"]
        if decay:
            torch._foreach_mul_(parameters, 1.0 - decay if keep is None else 1.0 - decay * keep)
        beta1, beta2 = group["betas"]
        for p, step, rate in zip(parameters, steps, rates, strict=True):
            assert p.grad is not None
            torch._fused_adamw_(
                [p], [p.grad], [self.state[p]["exp_avg"]], [self.state[p]["exp_avg_sq"]], [], [step],
                lr=rate, beta1=beta1, beta2=beta2, weight_decay=0.0, eps=group["eps"], amsgrad=False, maximize=False,
                grad_scale=None, found_inf=found_inf,
            )  # fmt: skip


def build_adamw_scaled(
    module: nn.Module,
    learning_rate: Annotated[float, Field(gt=0)],
    betas: tuple[float, float],
    eps: Annotated[float, Field(gt=0)],
    min_scale: Annotated[float, Field(gt=0)],
    weight_decay: Annotated[float, Field(ge=0)],
) -> torch.optim.Optimizer:
    """Build a ScaledAdamW with weight decay on matrices only.

    `learning_rate` is relative: 0.02 changes weights by about 2% of their root mean square per step.
    """
    groups = decay_groups(module, weight_decay)
    return ScaledAdamW(groups, lr=learning_rate, betas=betas, eps=eps, min_scale=min_scale, weight_decay=weight_decay)
