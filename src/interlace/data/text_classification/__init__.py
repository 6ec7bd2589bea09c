"""Texts, or pairs of texts, with a class each: public sets and a user's own tables."""

from interlace.data.text_classification.datamodule import TextClassification

__all__ = ["TextClassification"]
