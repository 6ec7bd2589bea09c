"""Multi-head attention with masks."""

from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with H heads, self or cross (Vaswani et al. 2017, eq. 1 and section 3.2.2).

    softmax(Q K' / sqrt(D / H)) V per head, then an output projection. Queries x (B, Nq, D) attend to `memory`
    (B, Nk, D), or to x itself. One fused projection holds Q, K and V (rows in this order, as in
    torch.nn.MultiheadAttention). Attention weights are not dropped out: on CPUs that would leave the fused kernel.

    Parameters: 4 D^2 + 4 D. FLOPs (multiply + add): 4 (Nq + Nk) D^2 + 4 Nq Nk D.
    """

    def __init__(self, *, dim: int, num_heads: int) -> None:
        super().__init__()
        if dim % num_heads:
            raise UserError(f"attention of width {dim} cannot be split into {num_heads} equal heads; choose a divisor")
        self.num_heads = num_heads
        self.projection = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        nn.init.zeros_(self.output.bias)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """(B, Nq, D) -> (B, Nq, D).

        `mask` (B, Nk), True = real key: what lies under False never reaches the output, NaN included, and a query
        without any real key attends to nothing (its output is the bias of the output projection). `bias`, in
        place of `mask`, is a ready (B | 1, H | 1, Nq | 1, Nk) mask, bool or additive: see `key_mask`; the
        caller then vouches that the masked keys are finite. `causal` hides later keys and takes neither.
        """
        if mask is not None:
            if memory is None:
                x = zero_masked(x, mask)
            else:
                memory = zero_masked(memory, mask)
            bias = key_mask(mask)
        q, k, v = self._project(x, memory)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal)  # (B, H, Nq, D/H)
        y = y.transpose(1, 2).flatten(2)  # (B, Nq, D)
        if mask is not None:
            y = y * mask.any(1)[:, None, None]
        return self.output(y)

    def _project(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, Nq, D/H), keys and values (B, H, Nk, D/H): strided views, no copy."""
        dim = x.shape[-1]
        heads = (self.num_heads, dim // self.num_heads)
        if memory is None:
            q, k, v = self.projection(x).unflatten(-1, (3, *heads)).unbind(2)
        else:
            weight, bias = self.projection.weight, self.projection.bias
            q = F.linear(x, weight[:dim], bias[:dim]).unflatten(-1, heads)
            k, v = F.linear(memory, weight[dim:], bias[dim:]).unflatten(-1, (2, *heads)).unbind(2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


def key_mask(mask: Tensor) -> Tensor:
    """(B, Nk) bool, True = real -> (B, 1, 1, Nk) for `MultiHeadAttention(bias=...)`.

    A row without any real key is opened instead of closed: softmax over nothing is NaN in some kernels.
    Such a row's result means nothing, and whoever passes a mask drops it.
    """
    return (mask | ~mask.any(1, keepdim=True))[:, None, None, :]


def zero_masked(x: Tensor, mask: Tensor) -> Tensor:
    """x (B, N, D) with zeros where `mask` (B, N) is False, whatever was there."""
    return x.masked_fill(~mask.unsqueeze(-1), 0.0)


def attention_parameters(dim: int) -> int:
    """Parameters of one MultiHeadAttention: 4 D^2 + 4 D."""
    return 4 * dim * dim + 4 * dim


def attention_flops(num_queries: int, num_keys: int, dim: int) -> int:
    """Multiplications and additions of one MultiHeadAttention: 4 (Nq + Nk) D^2 + 4 Nq Nk D."""
    return 4 * (num_queries + num_keys) * dim * dim + 4 * num_queries * num_keys * dim
