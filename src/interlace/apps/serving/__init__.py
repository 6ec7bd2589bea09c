"""Answerers behind HTTP: the chat completions of OpenAI's interface, and the page."""
