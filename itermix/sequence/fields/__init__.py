"""The fields of Latent Sequence, in groups; `itermix.sequence.settings` puts them together to the one model.

A group is a dataclass without methods: what a model does with its fields, the model alone has.
"""
