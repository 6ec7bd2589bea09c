"""Texts, or pairs of texts, with a class each: public sets and a user's own tables."""

from interlace.data.text_classification.datamodule import TextClassification
from interlace.data.text_classification.glue import Glue

__all__ = ["Glue", "TextClassification"]
