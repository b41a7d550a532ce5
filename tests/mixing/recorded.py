"""Noise that was drawn before, given back step by step."""

from torch import Tensor


class RecordedNoise:
    """noise: [steps, C, H, W], one draw per step for a batch of one image."""

    def __init__(self, noise: Tensor):
        self.noise = noise

    def at(self, step: int) -> Tensor:
        return self.noise[step : step + 1]
