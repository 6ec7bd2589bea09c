"""Reports over several studies: strategies by data sets."""
