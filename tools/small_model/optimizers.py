"""Muon (Jordan et al., 2024): momentum whose matrices are made orthogonal, so that every direction learns alike.

A convolution's weight is taken as the matrix [out, in x height x width]. Vectors and what reads or writes pictures
stay with AdamW, at the same rate: a matrix' step is scaled to the size that AdamW's has (Liu et al., 2025, "Muon is
scalable for LLM training").
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

MOMENTUM = 0.95
SIZE = 0.2  # root mean square of AdamW's steps, in units of the rate
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that drives singular values towards 1
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """matrices: parameters of two or more dimensions; the others take AdamW's steps (betas .9, .99)."""

    def __init__(self, matrices: Iterable[Tensor], others: Iterable[Tensor], lr: float, weight_decay: float = 0.0):
        groups = [dict(params=list(matrices), is_matrix=True), dict(params=list(others), is_matrix=False)]
        super().__init__(groups, dict(lr=lr, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            update = self._orthogonal if group["is_matrix"] else self._adam
            for values in group["params"]:
                if values.grad is not None:
                    values.mul_(1.0 - group["lr"] * group["weight_decay"])
                    values.sub_(update(values.grad, self.state[values]), alpha=group["lr"])

    @staticmethod
    def _orthogonal(gradient: Tensor, state: dict) -> Tensor:
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"].lerp_(gradient, 1.0 - MOMENTUM)
        step = orthogonal(torch.lerp(gradient, momentum, MOMENTUM).flatten(1))
        return (SIZE * max(step.shape) ** 0.5 * step).view(gradient.shape)

    @staticmethod
    def _adam(gradient: Tensor, state: dict) -> Tensor:
        if not state:
            state.update(step=torch.tensor(0.0), mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        state["step"] += 1
        mean = state["mean"].lerp_(gradient, 0.1)
        square = state["square"].lerp_(gradient.square(), 0.01)
        n = float(state["step"])
        return (mean / (1.0 - 0.9**n)) / ((square / (1.0 - 0.99**n)).sqrt() + 1e-8)


def split(model: torch.nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters for Muon's two ways: matrices, and vectors with what reads or writes pictures, latents or tokens."""
    ends = ("conv_in", "conv_out", "embed")
    matrices, others = [], []
    for name, values in model.named_parameters():
        is_matrix = values.ndim > 1 and not any(end in name for end in ends)
        (matrices if is_matrix else others).append(values)
    return matrices, others


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the nearest orthogonal one: singular values between 0.7 and 1.2, by Newton and Schulz."""
    a, b, c = COEFFICIENTS
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-12)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x
