"""Input files of a run: their paths and content hashes."""

from interlace.inputs.hashing import hash_files, rehashing
from interlace.inputs.recording import InputFiles, note, note_folder, note_pattern, record_inputs

__all__ = ["InputFiles", "hash_files", "note", "note_folder", "note_pattern", "record_inputs", "rehashing"]
