"""A training script of the shape that lightning-hydra-template gives: what a Hydra multirun of runs costs."""
