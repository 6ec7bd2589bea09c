"""Composition and checks of configurations, and the names of groups, choices and studies."""
