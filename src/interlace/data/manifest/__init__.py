"""A user's own examples: a JSON-lines file of texts and of paths to pictures, sounds and features."""

from interlace.data.manifest.datamodule import Manifest
from interlace.data.manifest.findings import check, examine
from interlace.data.manifest.lines import read_records

__all__ = ["Manifest", "check", "examine", "read_records"]
