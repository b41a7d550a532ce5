"""Iterative Mixing on a WebUI: its script, the hook on the sampler, what each sampler does."""
