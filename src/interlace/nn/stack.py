"""A stack of transformer blocks."""

from torch import nn


class Stack(nn.Module):
    """L blocks."""

    checkpointed: bool = False
