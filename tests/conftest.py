"""What all tests share: the oracle's numbers, one thread, random examples that are the same in every run."""

import pytest
import torch
from hypothesis import settings

from tests.oracle_arrays import Arrays

torch.set_num_threads(1)
settings.register_profile("itermix", deadline=None, derandomize=True)
settings.load_profile("itermix")


@pytest.fixture(scope="session")
def oracle():
    """Loads a file of numbers that the original programs gave, by its name."""
    return Arrays
