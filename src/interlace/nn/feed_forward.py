"""The position-wise feed-forward block of a transformer."""

from torch import Tensor, nn


class FeedForward(nn.Module):
    """Linear, GELU, linear: D -> ratio D -> D (Vaswani et al. 2017, eq. 2, with the GELU of Hendrycks and Gimpel 2016).

    Parameters: 2 ratio D^2 + ratio D + D. FLOPs per token: 4 ratio D^2.
    """

    def __init__(self, *, dim: int, ratio: int) -> None:
        super().__init__()
        self.expand = nn.Linear(dim, ratio * dim)
        self.activation = nn.GELU()
        self.contract = nn.Linear(ratio * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return self.contract(self.activation(self.expand(x)))
