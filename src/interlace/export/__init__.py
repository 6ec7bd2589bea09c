"""Runs in formats that other programs load, each with its model card."""

from interlace.export.exporting import export_run
from interlace.export.loading import load

__all__ = ["export_run", "load"]
