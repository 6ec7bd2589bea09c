"""Continuations of prompts from running text."""
