"""Runs in formats that other programs load, each with its model card."""

from interlace.export.exporting import Options, export_run
from interlace.export.loading import load

__all__ = ["Options", "export_run", "load"]
