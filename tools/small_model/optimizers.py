"""Muon (Jordan et al., 2024): momentum whose matrices are made orthogonal, so that every direction learns alike.

A convolution's weight is taken as the matrix [out, in x height x width]. Vectors and what reads or writes pictures
stay with AdamW, at the same rate: a matrix' step is scaled to the size that AdamW's has (Liu et al., 2025, "Muon is
scalable for LLM training").
"""

from __future__ import annotations

from collections import defaultdict
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
            values = [one for one in group["params"] if one.grad is not None]
            if values:
                updates = (self._orthogonal if group["is_matrix"] else self._adam)(values)
                torch._foreach_mul_(values, 1.0 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(values, updates, alpha=-group["lr"])

    def _orthogonal(self, values: list[Tensor]) -> list[Tensor]:
        gradients, momenta = [one.grad for one in values], [self._kept(one, "momentum") for one in values]
        torch._foreach_lerp_(momenta, gradients, 1.0 - MOMENTUM)
        steps = [step.flatten(1) for step in torch._foreach_lerp(gradients, momenta, MOMENTUM)]
        alike = defaultdict(list)  # a GPU makes those of one shape at once
        for index, step in enumerate(steps):
            alike[step.shape].append(index)
        for shape, indices in alike.items():
            made = SIZE * max(shape) ** 0.5 * orthogonal(torch.stack([steps[index] for index in indices]))
            for index, step in zip(indices, made):
                steps[index] = step.view(values[index].shape)
        return steps

    def _adam(self, values: list[Tensor]) -> list[Tensor]:
        gradients, means, squares = (
            [one.grad for one in values],
            *([self._kept(one, name) for one in values] for name in ("mean", "square")),
        )
        for one in values:
            self.state[one]["step"] = self.state[one].get("step", 0) + 1
        torch._foreach_lerp_(means, gradients, 0.1)
        torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 0.01)
        counts = [self.state[one]["step"] for one in values]
        means = torch._foreach_div(means, [1.0 - 0.9**n for n in counts])
        sizes = torch._foreach_sqrt(torch._foreach_div(squares, [1.0 - 0.99**n for n in counts]))
        return list(torch._foreach_div(means, torch._foreach_add(sizes, 1e-8)))

    def _kept(self, values: Tensor, name: str) -> Tensor:
        """State of a parameter, zero at first."""
        state = self.state[values]
        if name not in state:
            state[name] = torch.zeros_like(values)
        return state[name]


def split(model: torch.nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters for Muon's two ways: matrices, and vectors with what reads or writes pictures, latents or tokens."""
    ends = ("conv_in", "conv_out", "embed")
    matrices, others = [], []
    for name, values in model.named_parameters():
        is_matrix = values.ndim > 1 and not any(end in name for end in ends)
        (matrices if is_matrix else others).append(values)
    return matrices, others


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the nearest orthogonal one: singular values between 0.7 and 1.2, by Newton and Schulz. [..., M, N]"""
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if is_tall else matrix
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-12)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if is_tall else x
