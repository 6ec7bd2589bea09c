"""Several studies on one page: strategies by data sets."""
