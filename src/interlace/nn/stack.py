"""Stack of transformer blocks."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from interlace.nn.attention import key_mask, zero_masked
from interlace.nn.block import Block
from interlace.nn.cache import KeyValueCache
from interlace.nn.rotary import Rotation

# Functions (B, N, D) -> (B, N, D) applied to the input of some layers, by layer index.
Inserted = Mapping[int, Callable[[Tensor], Tensor]]


def pick(x: Tensor, positions: Tensor) -> Tensor:
    """Return the vectors of x (B, N, D) at the positions (B, K), (B, K, D)."""
    batch, length, dim = x.shape
    flat = positions + torch.arange(batch, device=x.device).unsqueeze(1) * length
    return x.reshape(-1, dim).index_select(0, flat.flatten()).view(batch, -1, dim)


class Stack(nn.Module):
    """L blocks and a final `norm` (None: without). Parameters: those of the blocks and the norm.

    `checkpointed`: in training only the input of each block is kept; the rest is recomputed in the backward pass.
    """

    checkpointed = False

    def __init__(self, *, blocks: Iterable[Block], norm: nn.Module | None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(blocks)
        self.norm = norm if norm is not None else nn.Identity()

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        *,
        bias: Tensor | None = None,
        causal: bool = False,
        memory: Tensor | None = None,
        memory_bias: Tensor | None = None,
        rotation: Rotation | None = None,
        cache: KeyValueCache | None = None,
        num_queries: int | None = None,
        positions: Tensor | None = None,
        inserted: Inserted | None = None,
    ) -> Tensor:
        """Compute the stack, (B, N, D) -> (B, N, D), with the same arguments for every `Block`.

        `mask` (B, N), True = real, in place of `bias`: masked tokens are set to zero at the input; then they are
        finite and hidden from the others, so that no value in the padding, NaN included, influences a real token. The
        output at masked tokens is finite but meaningless. `num_queries` = Q: only the first Q positions of the last
        layer, (B, Q, D); `positions` (B, K): only these positions, (B, K, D), for blocks without memory and rotation.
        `inserted` maps layer indices to functions that are applied to the layer's input.
        """
        if positions is not None and any(
            (memory is not None, rotation is not None, causal, cache is not None, inserted)
        ):
            raise ValueError("positions: only for bidirectional blocks without memory, rotation, cache and insertions")
        if mask is not None:
            x, bias = zero_masked(x, mask), key_mask(mask)
        last = len(self.layers) - (1 if positions is None else 2)
        shared = {"memory": memory, "memory_bias": memory_bias, "bias": bias, "causal": causal, "rotation": rotation}
        recompute = self.checkpointed and self.training and torch.is_grad_enabled()
        for index, layer in enumerate(self.layers if positions is None else self.layers[:-1]):
            run = partial(
                layer,
                **shared,
                cache=cache.layers[index] if cache is not None else None,
                num_queries=num_queries if index == last else None,
            )
            if inserted is not None and index in inserted:
                run = partial(_composed, inserted[index], run)
            x = checkpoint(run, x, use_reentrant=False) if recompute else run(x)
        if positions is not None:
            if bias is not None and bias.shape[-2] > 1:  # (B or 1, 1, N, N): a row for each query
                bias = pick(bias.expand(x.shape[0], -1, -1, -1).squeeze(1), positions).unsqueeze(1)
            # With memory = x the block equals self-attention restricted to these queries.
            x = self.layers[-1](pick(x, positions), memory=x, bias=bias)
        return self.norm(x if num_queries is None else x[:, :num_queries])


def _composed(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return second(first(x))
