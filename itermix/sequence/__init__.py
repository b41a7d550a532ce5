"""Sequences of latents: frames that grow out of one another. Knows torch and `itermix.mixing`, and no host."""
