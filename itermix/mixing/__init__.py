"""Iterative mixing: a noised reference latent mixed into the sampler's state. Knows torch and nothing else."""
