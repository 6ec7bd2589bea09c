"""The server under load and under attack, for `interlace bench serve`."""
