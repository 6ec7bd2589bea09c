"""How the losses of one model are weighed against each other: fixed, learned, or set while training."""
