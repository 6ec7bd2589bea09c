"""A stack of transformer blocks."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from interlace.nn.attention import key_mask, zero_masked
from interlace.nn.block import Block
from interlace.nn.cache import KeyValueCache
from interlace.nn.rotary import Rotation


class Stack(nn.Module):
    """L blocks and a final `norm` (None: without). Parameters: the blocks' and the norm's.

    `checkpointed`: in training only each block's input is kept, the rest is computed again in the backward pass.
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
    ) -> Tensor:
        """x (B, N, D) -> (B, N, D); the arguments of `Block`, the same for all layers.

        `mask` (B, N), True = real, in place of `bias`: masked tokens are set to zero once on entry; from then on they
        are finite and hidden from the others, so that neither junk nor NaN in the padding reaches a real token. The
        output under the mask is finite and means nothing. `num_queries` = Q: only the first Q positions of the last
        layer, (B, Q, D).
        """
        if mask is not None:
            x, bias = zero_masked(x, mask), key_mask(mask)
        last = len(self.layers) - 1
        shared = {"memory": memory, "memory_bias": memory_bias, "bias": bias, "causal": causal, "rotation": rotation}
        recompute = self.checkpointed and self.training and torch.is_grad_enabled()
        for index, layer in enumerate(self.layers):
            run = partial(
                layer,
                **shared,
                cache=cache.layers[index] if cache is not None else None,
                num_queries=num_queries if index == last else None,
            )
            x = checkpoint(run, x, use_reentrant=False) if recompute else run(x)
        return self.norm(x if num_queries is None else x[:, :num_queries])
