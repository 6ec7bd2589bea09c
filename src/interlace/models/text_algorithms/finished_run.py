"""Texts of a finished run, to be judged in another way."""

from collections.abc import Callable, Sequence
from pathlib import Path

from interlace.models.text_algorithm import Answer, TextAlgorithm


class FinishedRun(TextAlgorithm):
    """Texts of a run that was trained before, by its own options of data and generation.

    `run`: the directory of a run that writes texts for texts; it stays where it is, and nothing is trained.
    `open_writer` opens it, and raises UserError for a run of another kind.
    """

    def __init__(self, *, run: str, open_writer: Callable[[Path], Callable[[Sequence[str]], list[Answer]]]) -> None:
        super().__init__()
        self._write = open_writer(Path(run).expanduser())

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """Return the texts and confidences of the run."""
        return self._write(sources)
