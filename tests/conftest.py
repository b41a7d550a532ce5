"""What all tests share: the oracle's numbers, one thread, random examples that are the same in every run."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

ORACLE = Path(__file__).resolve().parents[2] / "shared" / "oracle"

torch.set_num_threads(1)
settings.register_profile("itermix", deadline=None, derandomize=True)
settings.load_profile("itermix")


@pytest.fixture(scope="session")
def oracle():
    """Loads a file of numbers that the original programs gave, by its name. Without the folder the test is skipped."""
    if not ORACLE.is_dir():
        pytest.skip(f"the numbers of the original programs are not there; they belong into {ORACLE}")
    return lambda name: np.load(ORACLE / f"{name}.npz")
