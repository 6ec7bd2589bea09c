"""A user's own examples: records of texts and of paths to images, audio, video, features and graphs."""

from interlace.data.manifest.datamodule import Manifest
from interlace.data.manifest.findings import check, examine
from interlace.data.manifest.lines import read_records

__all__ = ["Manifest", "check", "examine", "read_records"]
