"""Counts what a network is asked, in pixels of latents."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from itermix.studio.networks import Network, Predict


class Counted:
    """A network that counts the latent pixels which its predictors are asked about; all else is the network's own.

    Guidance asks about each state twice, whatever is done with it, so that does not count.
    """

    def __init__(self, network: Network):
        self.network, self.pixels = network, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def predictor(self, *arguments: Any) -> Predict:
        predict = self.network.predictor(*arguments)

        def counting(x: Tensor, t: Tensor) -> Tensor:
            self.pixels += x.shape[-2] * x.shape[-1]
            return predict(x, t)

        return counting
