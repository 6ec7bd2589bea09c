"""Fusion strategies: a dict of `Tokens` by modality -> one `Fused`. One file a strategy."""

from interlace.fusion.build import build

__all__ = ["build"]
