"""Tasks, one folder each, and the Lightning modules that train them."""
