"""Conversations as messages with a role and a content."""

from interlace.data.dialogue.datamodule import Dialogues

__all__ = ["Dialogues"]
