"""The report of a study: a self-contained page, tables and figures."""
