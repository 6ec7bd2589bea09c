"""Real digits seen and heard: MNIST pictures, each paired with a recording of the same digit from FSDD."""
