"""Text augmentation: changes to the training texts before tokenization."""

from interlace.data.augmentation.base import NoAugmentation, TextAugmentation, TrainingText
from interlace.data.augmentation.eda import EasyDataAugmentation
from interlace.data.augmentation.noise import WordDropout, WordNoise
from interlace.data.augmentation.replacements import Neighbours, Thesaurus, Vocabulary
from interlace.data.augmentation.synthesis import BackTranslation, LanguageModelSynthesis, Synthesis, tagged

__all__ = [
    "BackTranslation",
    "EasyDataAugmentation",
    "LanguageModelSynthesis",
    "Neighbours",
    "NoAugmentation",
    "Synthesis",
    "TextAugmentation",
    "Thesaurus",
    "TrainingText",
    "Vocabulary",
    "WordDropout",
    "WordNoise",
    "tagged",
]
