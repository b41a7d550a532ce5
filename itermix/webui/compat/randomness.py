"""The random numbers of the process, which every request moves on: encoders draw from them, and LCM and DDPM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

ENCODE_SEED = 0  # an encoder samples its latent; the same picture shall give the same one


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Meanwhile they begin with this seed; after that they go on as if nothing had been drawn."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
