"""Sequences of latents: frames that grow out of one another. Knows torch and `itermix.mixing`, and no host.

`settings`, `prompts`, `seeds` and `plan` are pure data and import no torch.
"""
