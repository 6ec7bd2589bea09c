"""What a trained fusion rests on: robustness, contribution of modalities, information and attention."""

from interlace.explanation.explain import FILE, explain, explain_run, is_current, read_analysis
from interlace.explanation.numbers import numbers
from interlace.explanation.settings import PARTS, Settings
from interlace.explanation.subject import Subject, open_subject

__all__ = [
    "FILE", "PARTS", "Settings", "Subject", "explain", "explain_run", "is_current", "numbers", "open_subject",
    "read_analysis",
]  # fmt: skip
