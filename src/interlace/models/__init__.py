"""Language models: families as configurations of the layers of `nn`."""
