"""The same work with other libraries, as they document it; each file is a module that reports its values."""
