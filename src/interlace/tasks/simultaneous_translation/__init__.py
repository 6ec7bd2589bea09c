"""Translation while the source is read: quality and latency."""
