"""Tasks, a folder each, and the Lightning modules that train them."""
