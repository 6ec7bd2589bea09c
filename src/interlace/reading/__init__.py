"""Files from outside, each read within a stated bound (`interlace.reading.limits`)."""
