"""Finished runs that write texts for texts, for models that pass their texts on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interlace.assembly.text_algorithms import FOLDER, is_text_algorithm, load_text_algorithm
from interlace.assembly.texts import write_answers
from interlace.configuration.checking import resolve_target
from interlace.configuration.targets import check_recorded
from interlace.data.dialogue.datamodule import Dialogues
from interlace.data.parallel.datamodule import ParallelText
from interlace.errors import UserError
from interlace.inputs import note
from interlace.inputs.checksums import read_verified_json, verify_files
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.pretrained.parents import OF_A_RUN, load_language_model, parent_hash, read_config
from interlace.tracking.identity import with_newer_options

BATCH = 64


class FinishedWriter:
    """Texts of a finished run for new sources, with the run's own search; `option` is the one that names it.

    Raises UserError for a folder that is no run, an unfinished run, and one that does not write texts for texts.
    """

    def __init__(self, directory: Path, option: str) -> None:
        if not (directory / "config.yaml").is_file():
            raise UserError(f"{option}: {directory} is no run directory; expected a finished run that writes texts")
        verify_files(directory)
        config = check_recorded(directory / "config.yaml", read_config(directory))
        self.config: dict[str, Any] = with_newer_options(config)
        target = resolve_target("data", self.config["data"])
        if not issubclass(target, ParallelText) or issubclass(target, Dialogues):
            raise UserError(
                f"{option}: the run {directory} writes no texts for texts; expected one such as a run of "
                "experiment=finetune/multi30k"
            )
        self.algorithm: TextAlgorithm | None = None
        if is_text_algorithm(self.config):
            note(*(directory / name for name in OF_A_RUN if (directory / name).is_file()))
            note(*sorted(path for path in (directory / "checkpoints" / FOLDER).rglob("*") if path.is_file()))
            self.algorithm = load_text_algorithm(self.config, directory)
            return
        parent_hash(directory)
        self.data = target.from_state(read_verified_json(directory, "data_state.json"))
        self.model = load_language_model(directory).eval()

    def __call__(self, sources: Sequence[str]) -> list[Answer]:
        """Return a text with its confidence for each source, in their order."""
        if self.algorithm is not None:
            return self.algorithm.write(sources)
        for source in sources:
            self.data.check_source(source)
        return write_answers(self.config, self.model, self.data, sources, BATCH)
