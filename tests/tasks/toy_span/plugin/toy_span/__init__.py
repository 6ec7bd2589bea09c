"""A plug-in that adds one task: the span of a text that answers."""
