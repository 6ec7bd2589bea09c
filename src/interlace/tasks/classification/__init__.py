"""One of C classes."""
