"""One of several ordered classes."""
