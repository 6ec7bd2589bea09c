"""The source as answer."""

from collections.abc import Sequence

from interlace.models.text_algorithm import Answer, TextAlgorithm


class Copy(TextAlgorithm):
    """Copies of the sources, a baseline of corrections."""

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """Return each source unchanged."""
        return [Answer(text) for text in sources]
