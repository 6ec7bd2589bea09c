"""Fusion strategies, one per file: a dict of `Tokens` by modality -> one `Fused`."""

from interlace.fusion.build import build

__all__ = ["build"]
