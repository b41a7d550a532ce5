"""The random numbers of the process, which every request moves on: encoders draw from them, and LCM and DDPM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from modules import shared

ENCODE_SEED = 0  # an encoder samples its latent; the same picture shall give the same one


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """What is drawn meanwhile on the CPU and on the host's device begins with this seed, and changes nothing after it.

    `torch.random.fork_rng` asks every GPU of the machine, which takes memory on each, and not every torch's looks after
    devices other than those of CUDA.
    """
    device = torch.device(shared.device)
    module = None if device.type == "cpu" else getattr(torch, device.type, None)
    where = () if device.type == "mps" else (device,)  # there is one, which an older torch wants unnamed
    kept = [(torch, (), torch.get_rng_state())]
    if hasattr(module, "get_rng_state"):
        kept.append((module, where, module.get_rng_state(*where)))
    torch.manual_seed(seed)
    try:
        yield
    finally:
        for owner, place, state in kept:
            owner.set_rng_state(state, *place)
