"""The same work done as others document it. Each file is a module to run, which reports its figures."""
