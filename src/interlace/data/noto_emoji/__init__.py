"""Emoji drawings with their names in five languages."""

from interlace.data.noto_emoji.datamodule import NotoEmojiCaptions

__all__ = ["NotoEmojiCaptions"]
