"""Drawings of emoji and their names in five languages."""

from interlace.data.noto_emoji.datamodule import NotoEmojiCaptions

__all__ = ["NotoEmojiCaptions"]
