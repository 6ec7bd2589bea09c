"""Passages found for a query: BM25, vectors of an encoder, both together, and an index that is kept in a folder."""
