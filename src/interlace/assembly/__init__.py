"""The parts of a run from a checked configuration: data, model, objective, task, for each kind of run."""

from collections.abc import Mapping
from typing import Any

from interlace.assembly.components import build_data, constructor
from interlace.assembly.experiment import Experiment
from interlace.assembly.language import LanguageExperiment, is_counted
from interlace.assembly.multimodal import MultimodalExperiment

__all__ = ["Experiment", "assemble", "build_data", "constructor"]


def assemble(config: Mapping[str, Any]) -> Experiment:
    """The experiment that a configuration describes, data prepared: one with a fusion joins modalities, one without
    trains a language model, by steps or (n-gram, word2vec) by counting."""
    if config["fusion"] is not None:
        return MultimodalExperiment(config)
    if is_counted(config):
        from interlace.assembly.counted import CountedExperiment

        return CountedExperiment(config)
    return LanguageExperiment(config)
