"""Audio-visual digits: MNIST images, each paired with a recording of the same digit from FSDD."""
