"""Training script in the structure of lightning-hydra-template, to measure the cost of a Hydra multirun."""
