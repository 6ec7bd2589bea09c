"""Replies in a conversation."""
