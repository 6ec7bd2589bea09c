"""Classification: one of C classes per example."""
