"""Encoders from raw modalities to `Tokens`; each encoder handles one kind of modality.

No encoder mixes the examples of a batch: the encoders here use LayerNorm over the channels of one position, never
BatchNorm, because a prediction must not depend on the other examples of the batch, and because a batch contains missing
(all-zero) examples, which would change the batch statistics.
"""
