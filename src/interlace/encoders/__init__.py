"""From raw modalities to `Tokens`. An encoder knows one kind of modality and nothing of the others.

No encoder mixes the examples of a batch: ours use LayerNorm over the channels of one position, never BatchNorm,
because a prediction must not depend on its neighbours in the batch, and because a batch holds missing (all-zero)
examples whose statistics would leak into the others.
"""
