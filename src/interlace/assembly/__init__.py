"""Construction of the parts of a run from a checked configuration: data, model, objective and task."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interlace.assembly.components import build_data, constructor
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.assembly.experiment import Experiment
    from interlace.data.datamodule import DataModule

__all__ = ["assemble", "build_data", "constructor"]


def assemble(config: Mapping[str, Any], known: "DataModule | None" = None) -> "Experiment":
    """Return the experiment of a configuration, with prepared data.

    With a fusion it is multimodal: prediction of labels, or generation of texts with a decoder. Without, it is a
    language model trained by steps, an n-gram or word2vec model, a bag of words, a linear model or a text algorithm;
    with passages it ranks them.
    `known`: the data module of a finished run, whose fitted state is used (`build_data`).
    """
    # Imported here, since they import Lightning, which callers that need only data do without.
    from interlace.assembly.classical import ClassicalExperiment, is_classical
    from interlace.assembly.dialogue import DialogueExperiment, is_dialogue
    from interlace.assembly.generation import GenerationExperiment
    from interlace.assembly.language import LanguageExperiment, is_counted
    from interlace.assembly.multimodal import MultimodalExperiment
    from interlace.assembly.ranking import ranks_passages
    from interlace.assembly.retrieval import retrieval_experiment
    from interlace.assembly.text_algorithms import TextAlgorithmExperiment, is_text_algorithm

    if config["fusion"] is not None:
        if config["model"] is not None and is_counted(config):
            raise UserError(f"model={config['choices']['model']}: no encoder takes this model; add fusion=null")
        kind = GenerationExperiment if config.get("decoder") is not None else MultimodalExperiment
        return kind(config, known)
    if is_text_algorithm(config):
        return TextAlgorithmExperiment(config)
    if ranks_passages(config):
        return retrieval_experiment(config)
    if is_classical(config):
        return ClassicalExperiment(config)
    if is_counted(config):
        from interlace.assembly.corpus_models import CorpusModelExperiment

        return CorpusModelExperiment(config)
    return DialogueExperiment(config) if is_dialogue(config) else LanguageExperiment(config)
