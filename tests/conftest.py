"""What all tests share: the oracle's numbers, one thread, random examples that are the same in every run."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

# The full recorded numbers may be elsewhere: see tests/oracle/README.md.
ORACLE = Path(os.environ.get("ITERMIX_ORACLE") or Path(__file__).resolve().parent / "oracle")

torch.set_num_threads(1)
settings.register_profile("itermix", deadline=None, derandomize=True)
settings.load_profile("itermix")


@pytest.fixture(scope="session")
def oracle():
    """Loads a file of numbers that the original programs gave, by its name."""
    return lambda name: np.load(ORACLE / f"{name}.npz")
