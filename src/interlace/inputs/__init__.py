"""What a run reads: which files, and what is in them."""

from interlace.inputs.hashing import hash_files, reading_again
from interlace.inputs.reading import Reading, note, note_folder, note_pattern, reading

__all__ = ["Reading", "hash_files", "note", "note_folder", "note_pattern", "reading", "reading_again"]
