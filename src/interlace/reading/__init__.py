"""Readers of untrusted files; each works within stated bounds (`interlace.reading.limits`)."""
