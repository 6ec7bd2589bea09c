"""Classification of texts or pairs of texts: public data sets and a user's own tables."""

from interlace.data.text_classification.datamodule import TextClassification
from interlace.data.text_classification.glue import Glue

__all__ = ["Glue", "TextClassification"]
