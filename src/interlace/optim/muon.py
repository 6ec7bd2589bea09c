"""Muon for the hidden matrices of a network and AdamW for all other parameters, as one optimizer."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from scipy.optimize import linprog
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.adamw import adamw

from interlace.errors import UserError
from interlace.optim.parameter_groups import decay_groups

Precision = Literal["auto", "bf16", "fp32"]
Adjustment = Literal["original", "match_rms_adamw"]

# Quintic with the largest slope at zero among those that keep [0, 1] bounded (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
Coefficients = tuple[float, float, float]
NORM_EPS = 1e-7
MARGIN = 1.02  # upper end of the interval: a singular value of 1 may exceed 1 after rounding to bf16


class MuonAdamW(torch.optim.Optimizer):
    """Muon and AdamW in one optimizer: each parameter group has an `algorithm`, "muon" or "adamw", and its own options.

    Muon (Jordan et al. 2024): B <- mu B + (1 - mu) G; U = G + mu (B - G) with Nesterov, else B; then
    W <- (1 - lr wd) W - lr s(shape) NewtonSchulz(U), with s = sqrt(max(1, rows / columns)) ("original") or
    0.2 sqrt(max(rows, columns)) ("match_rms_adamw": Liu et al. 2025, eq. 4, so that AdamW's rates and decay can be
    reused). A step equals that of torch.optim.Muon, but matrices of the same shape go through Newton-Schulz as one
    batched product. `row_parts` of a group gives, for each of its parameters, the heights of the matrices stacked in it
    (a fused projection of queries, keys and values holds three): each is orthogonalised separately, which on characters
    (4 layers of 128, 200 updates, three seeds) gives 1.971 nats against 1.980 for the projection as a whole.

    AdamW is torch's fused kernel. If the attribute `found_inf` is a tensor of 1.0, a step changes neither parameters
    nor state, without synchronising with the host, as in torch's fused optimizers. State: one number per weight for
    Muon, two for AdamW.

    S steps of Newton-Schulz cost S (4 m^2 n + 2 m^3) FLOPs per matrix (m <= n). They run in bf16 if `precision` is
    "bf16", or "auto" on a processor with bf16 products (in half the time, with the same final loss).
    """

    supports_found_inf = True

    def __init__(self, groups: Sequence[Mapping[str, Any]]) -> None:
        self._precisions: dict[torch.device, torch.dtype] = {}
        super().__init__([dict(group) for group in groups], {})
        for group in self.param_groups:
            if group["algorithm"] == "muon":
                _check_matrices(group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        found_inf = getattr(self, "found_inf", None)
        for group in self.param_groups:
            if group["algorithm"] == "muon":
                self._step_muon(group, found_inf)
            else:
                self._step_adamw(group, found_inf)
        return loss

    def _step_adamw(self, group: dict[str, Any], found_inf: Tensor | None) -> None:
        parameters = [p for p in group["params"] if p.grad is not None]
        if not parameters:
            return
        for p in parameters:
            state = self.state[p]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
                state["exp_avg"] = torch.zeros_like(p)
                state["exp_avg_sq"] = torch.zeros_like(p)
        states = [self.state[p] for p in parameters]
        adamw(
            parameters,
            [p.grad for p in parameters],  # type: ignore[misc]
            [s["exp_avg"] for s in states],
            [s["exp_avg_sq"] for s in states],
            [],
            [s["step"] for s in states],
            fused=True,
            found_inf=found_inf,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _step_muon(self, group: dict[str, Any], found_inf: Tensor | None) -> None:
        trained = [(p, rows) for p, rows in zip(group["params"], group["row_parts"], strict=True) if p.grad is not None]
        if not trained:
            return
        parameters = [p for p, _ in trained]
        updates = self._momentum(parameters, group, found_inf)
        rate, decay = group["lr"], group["lr"] * group["weight_decay"]
        keep = None if found_inf is None else 1.0 - found_inf.to(parameters[0].device)
        if decay:
            torch._foreach_mul_(parameters, 1.0 - decay if keep is None else 1.0 - decay * keep)
        stacks = defaultdict(list)  # (rows, columns), device -> matrices and their updates
        for (p, rows), update in zip(trained, updates, strict=True):
            for matrix, direction in zip(p.split(rows), update.split(rows), strict=True):
                stacks[matrix.shape, matrix.device].append((matrix, direction))
        for (shape, device), pairs in stacks.items():
            directions = torch.stack([direction for _, direction in pairs])  # (K, rows, columns)
            directions = newton_schulz(directions, group["coefficients"], dtype=self._dtype(device, group))
            directions *= -rate * shape_factor(shape, group["adjust_lr"])
            if keep is not None:
                directions *= keep
            torch._foreach_add_([matrix for matrix, _ in pairs], list(directions.to(pairs[0][0].dtype)))

    def _momentum(self, parameters: list[Tensor], group: dict[str, Any], found_inf: Tensor | None) -> list[Tensor]:
        """Update the momentum buffers and return the directions before orthogonalisation."""
        for p in parameters:
            if not self.state[p]:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
        buffers = [self.state[p]["momentum_buffer"] for p in parameters]
        gradients = [p.grad for p in parameters]
        if found_inf is not None:  # interpolating a buffer with itself leaves it unchanged; the gradient may be NaN
            gradients = [torch.where(found_inf > 0, b, g) for b, g in zip(buffers, gradients, strict=True)]  # type: ignore[arg-type]
        torch._foreach_lerp_(buffers, gradients, 1.0 - group["momentum"])  # type: ignore[arg-type]
        return list(torch._foreach_lerp(gradients, buffers, group["momentum"])) if group["nesterov"] else buffers  # type: ignore[arg-type]

    def _dtype(self, device: torch.device, group: Mapping[str, Any]) -> torch.dtype:
        if group["precision"] != "auto":
            return torch.bfloat16 if group["precision"] == "bf16" else torch.float32
        if device not in self._precisions:
            self._precisions[device] = torch.bfloat16 if has_bf16_products(device) else torch.float32
        return self._precisions[device]


def newton_schulz(matrices: Tensor, coefficients: Sequence[Coefficients], *, dtype: torch.dtype) -> Tensor:
    """Map the singular values of each matrix of (K, rows, columns) to about 1; the result has the dtype `dtype`.

    X <- a X + (b A + c A A) X with A = X X' for each (a, b, c), starting from X / |X|_F. With the fixed quintic of
    Jordan et al. 2024 singular values end between about 0.7 and 1.2, which trains as well as exactly 1.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.to(dtype)
    if tall:  # use the smaller Gram matrix
        x = x.mT
    x = x / torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True).clamp_min(NORM_EPS)
    for a, b, c in coefficients:
        gram = torch.bmm(x, x.mT)
        gram = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, gram, x, beta=a)
    return x.mT if tall else x


@cache
def minimax_quintics(steps: int, smallest: float) -> tuple[Coefficients, ...]:
    """Return the quintics (a, b, c) whose composition maps [smallest, 1] closest to 1 (Polar Express: Amsel et al.
    2025).

    Each odd quintic is the minimax approximation of 1 on the image of the interval under the ones before (their theorem
    3.1), computed as a linear programme on a grid. Three of them from 0.01 map singular values to within 28% of 1, five
    applications of the fixed quintic to within 32%.
    """
    lower, upper, result = smallest, MARGIN, []
    for _ in range(steps):
        grid = np.unique(np.concatenate([np.linspace(lower, upper, 2000), np.geomspace(lower, upper, 2000)]))
        powers = np.stack([grid, grid**3, grid**5], axis=1)
        error = np.full((len(grid), 1), -1.0)
        found = linprog(
            [0.0, 0.0, 0.0, 1.0],
            A_ub=np.block([[powers, error], [-powers, error]]),
            b_ub=np.concatenate([np.ones(len(grid)), -np.ones(len(grid))]),
            bounds=[(None, None)] * 4,
        ).x
        assert found is not None, "this linear programme always has a solution"
        a, b, c, worst = map(float, found)
        result.append((a, b, c))
        lower, upper = 1.0 - worst, 1.0 + worst
    return tuple(result)


def shape_factor(shape: Sequence[int], adjustment: Adjustment) -> float:
    """Return the factor of the learning rate of a (rows, columns) matrix."""
    rows, columns = shape
    if adjustment == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns))


@cache
def has_bf16_products(device: torch.device) -> bool:
    """Return True if the processor has bf16 matrix products, which are faster than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
    return False


def build_muon_adamw(
    module: nn.Module,
    learning_rate: Annotated[float, Field(gt=0)],
    momentum: Annotated[float, Field(ge=0, lt=1)],
    nesterov: bool,
    ns_steps: Annotated[int, Field(ge=1, le=20)],
    ns_smallest: Annotated[float, Field(gt=0, lt=1)] | None,
    adjust_lr: Adjustment,
    precision: Precision,
    weight_decay: Annotated[float, Field(ge=0)],
    matrices: list[str],
    fused: dict[str, Annotated[int, Field(ge=2)]],
    adamw_learning_rate: Annotated[float, Field(gt=0)],
    adamw_betas: tuple[float, float],
    adamw_eps: Annotated[float, Field(gt=0)],
    adamw_weight_decay: Annotated[float, Field(ge=0)],
) -> torch.optim.Optimizer:
    """Build Muon for the Linear weights whose parameter name matches a pattern of `matrices`, and AdamW for the rest.

    Embeddings, position tables, recurrent weights, gains and biases always use AdamW. `ns_smallest` selects minimax
    quintics for singular values from there to 1 in place of the fixed quintic. `fused` maps name patterns to the number
    of equally high matrices stacked in such a weight. Raises UserError when no trainable matrix matches or a fused one
    cannot be split.
    """
    hidden = hidden_matrices(module, matrices)
    if not hidden:
        raise UserError(
            f"optimizer.matrices: no trainable Linear weight of this model has a name matching {', '.join(matrices)}; "
            "give patterns of the matrices in its layers or choose optimizer=adamw"
        )
    muon = {
        "params": list(hidden.values()),
        "row_parts": [row_parts(name, p, fused) for name, p in hidden.items()],
        "algorithm": "muon",
        "lr": learning_rate,
        "momentum": momentum,
        "nesterov": nesterov,
        "coefficients": (COEFFICIENTS,) * ns_steps if ns_smallest is None else minimax_quintics(ns_steps, ns_smallest),
        "adjust_lr": adjust_lr,
        "precision": precision,
        "weight_decay": weight_decay,
    }
    taken = {id(p) for p in hidden.values()}
    rest = [
        group | {"algorithm": "adamw", "lr": adamw_learning_rate, "betas": adamw_betas, "eps": adamw_eps, "fused": True}
        for group in decay_groups(module, adamw_weight_decay, leave_out=taken)
    ]
    return MuonAdamW([muon, *rest])


def hidden_matrices(module: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Parameter]:
    """Return the trainable Linear weights by name whose name matches a pattern, without those tied to an embedding."""
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    linear = {id(m._parameters["weight"]) for m in module.modules() if isinstance(m, nn.Linear)} - embeddings
    return {
        name: p
        for name, p in module.named_parameters()
        if p.requires_grad and id(p) in linear and any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def row_parts(name: str, parameter: Tensor, fused: Mapping[str, int]) -> list[int]:
    """Return the heights of the matrices stacked in a parameter, by the first matching pattern of `fused`."""
    rows = parameter.shape[0]
    count = next((count for pattern, count in fused.items() if fnmatchcase(name, pattern)), 1)
    if rows % count:
        raise UserError(f"optimizer.fused: {name} has {rows} rows, which cannot be split into {count} equal matrices")
    return [rows // count] * count


def _check_matrices(group: Mapping[str, Any]) -> None:
    for p in group["params"]:
        if isinstance(p, DTensor):
            raise UserError(
                "optimizer: Muon needs whole matrices, but these are sharded; choose optimizer=adamw or a strategy "
                "without sharding (ddp)"
            )
        if p.ndim != 2:
            raise UserError(f"optimizer: Muon needs matrices, got a parameter of shape {tuple(p.shape)}; use adamw")
