"""Low-rank adaptation of linear layers (LoRA: Hu et al. 2021)."""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError


class LoRALinear(nn.Linear):
    """y = W x + b + (alpha / r) B A dropout(x) (Hu et al. 2021, eq. 3 and section 4.1) with W and b of a given layer.

    A (P r, in) is initialised as torch's Linear, B (rows, r) with zeros, so that the output is unchanged at first. W
    may be a stack of equally high matrices (queries, keys and values in a fused projection); `adapted` has a flag for
    each, and each of the P adapted matrices has its own A and B, stacked in the two parameters.
    The state dict keeps the names `weight` and `bias`, so that checkpoints of the plain layer can be loaded. Code that
    reads `.weight` instead of calling the layer gets W + (alpha / r) B A, without dropout.

    Parameters in addition to W and b: r (P in + P out / number of matrices); for a single matrix r (in + out).
    """

    lora_a: nn.Parameter
    lora_b: nn.Parameter

    def __init__(
        self, linear: nn.Linear, *, rank: int, alpha: float, dropout: float, adapted: Sequence[bool] = (True,)
    ) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        # Not by assignment: `weight` is a property here, and W keeps its name in the state dict.
        self._parameters.update(dict(linear.named_parameters(recurse=False)))
        if linear.bias is None:
            self.register_parameter("bias", None)
        self.scale = alpha / rank
        self.rank = rank
        height = linear.out_features // len(adapted)
        self.first_rows = [part * height for part, is_adapted in enumerate(adapted) if is_adapted]
        self.height = height
        self.lora_a = nn.Parameter(linear.weight.new_empty(len(self.first_rows) * rank, linear.in_features))
        self.lora_b = nn.Parameter(linear.weight.new_zeros(len(self.first_rows) * height, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """W + (alpha / r) B A, (out, in)."""
        return self.base_weight + self.delta()

    @property
    def base_weight(self) -> nn.Parameter:
        """W without the adaptation, (out, in)."""
        base = self._parameters["weight"]
        assert base is not None
        return base

    def delta(self) -> Tensor:
        """Return (alpha / r) B A, (out, in), zero in the rows that are not adapted."""
        pieces = [self.scale * (b @ a) for a, b in self._pairs()]
        if self.height * len(pieces) == self.out_features:
            return torch.cat(pieces)
        rows = dict(zip(self.first_rows, pieces, strict=True))
        zeros = torch.zeros_like(pieces[0])
        return torch.cat([rows.get(start, zeros) for start in range(0, self.out_features, self.height)])

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        y = F.linear(input, self.base_weight, self.bias)
        hidden = F.linear(self.dropout(input), self.lora_a) * self.scale  # (..., P r)
        if self.height == self.out_features:
            return y + F.linear(hidden, self.lora_b)
        parts = zip(self.first_rows, hidden.split(self.rank, -1), self.lora_b.split(self.height), strict=True)
        for start, part, b in parts:
            y[..., start : start + self.height] += F.linear(part, b)
        return y

    def merged(self) -> nn.Linear:
        """Return a plain Linear with the same output without dropout; it reuses the parameters W and b."""
        plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        with torch.no_grad():
            self.base_weight.add_(self.delta())
        plain.weight = self.base_weight
        plain.bias = self.bias
        return plain.train(self.training)

    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        """Return (A, B) of each adapted matrix."""
        return list(zip(self.lora_a.split(self.rank), self.lora_b.split(self.height), strict=True))

    def extra_repr(self) -> str:
        """Return the description of Linear with the rank and the adapted parts."""
        parts = f"{len(self.first_rows)} of {self.out_features // self.height}"
        return f"{super().extra_repr()}, rank={self.rank}, parts={parts}"


def apply_lora(
    module: nn.Module,
    patterns: Sequence[str],
    *,
    rank: int,
    alpha: float,
    dropout: float,
    fused: Mapping[str, Sequence[bool]],
) -> list[str]:
    """Replace each Linear of `module` whose name matches a pattern by a LoRALinear; return their names.

    `fused` maps name patterns to flags that select the adapted ones among the equally high matrices stacked in such a
    layer. `requires_grad` of other parameters is not changed. Raises UserError for a pattern that matches no Linear,
    for rows that do not split evenly, and for a weight shared with another module (an embedding tied to the head).
    """
    linear = {name: m for name, m in module.named_modules(remove_duplicate=False) if type(m) is nn.Linear}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in linear):
            raise UserError(
                f"finetuning: no Linear layer has a name matching {pattern!r}; there are {', '.join(list(linear)[:8])}"
                f"{' and more' if len(linear) > 8 else ''}"
            )
    matched = {n: m for n, m in linear.items() if any(fnmatchcase(n, pattern) for pattern in patterns)}
    replaced: dict[int, LoRALinear] = {}  # a layer may have several names
    for name, layer in matched.items():
        if id(layer) not in replaced:
            adapted = next((flags for pattern, flags in fused.items() if fnmatchcase(name, pattern)), (True,))
            _check(name, layer, adapted, module)
            new = LoRALinear(layer, rank=rank, alpha=alpha, dropout=dropout, adapted=adapted)
            replaced[id(layer)] = new.train(layer.training)
        _put(module, name, replaced[id(layer)])
    return list(matched)


def merge_lora(module: nn.Module) -> list[str]:
    """Replace each LoRALinear by a plain Linear with the adapted weight; return their names."""
    layers = {n: m for n, m in module.named_modules(remove_duplicate=False) if isinstance(m, LoRALinear)}
    merged: dict[int, nn.Linear] = {}
    for name, layer in layers.items():
        if id(layer) not in merged:
            merged[id(layer)] = layer.merged()
        _put(module, name, merged[id(layer)])
    return list(layers)


def lora_state(module: nn.Module) -> dict[str, Tensor]:
    """Return the A and B matrices by name: everything that the adaptation has learned in these layers."""
    return {
        f"{name}.{key}": getattr(layer, key).detach()
        for name, layer in module.named_modules()
        if isinstance(layer, LoRALinear)
        for key in ("lora_a", "lora_b")
    }


def _check(name: str, layer: nn.Linear, adapted: Sequence[bool], module: nn.Module) -> None:
    if layer.out_features % len(adapted) or not any(adapted):
        raise UserError(
            f"finetuning.fused: {name} with {layer.out_features} rows cannot have {list(adapted)} adapted; "
            "give one true or false for each equal part, at least one of them true"
        )
    sharers = [n for n, m in module.named_modules() if m is not layer and layer.weight is m._parameters.get("weight")]
    if sharers:
        raise UserError(f"finetuning: {name} shares its weight with {sharers[0]}; leave it out of the adapted layers")


def _put(module: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, key = name.rpartition(".")
    setattr(module.get_submodule(parent), key, layer)
