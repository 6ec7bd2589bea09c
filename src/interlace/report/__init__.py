"""The report of a study: its runs' results as one self-contained page, tables and figures."""
