"""Where a drawn picture has its subject: the known artwork is laid onto it, so that its exact large picture is known.

A composition has few parameters: the drawing's scale, its place, whether it is mirrored, the background's colour. All
scales and places are tried at 64 pixels by correlation; then least squares refine both, as it is and mirrored, to a
fraction of a pixel (Lucas and Kanade, "An iterative image registration technique", 1981, with Huber's weights, so that
a part that is drawn wrongly does not pull at the rest).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

from tools.small_model.artwork import BACKGROUNDS, LARGEST, NATIVE, SMALLEST, Artwork, Composition

FINE = 256  # pixels a side that the drawing is sampled at; areas of them are averaged to the picture's pixels
COARSE = 64  # pixels a side of the search
SCALES = tuple(np.arange(SMALLEST - 0.02, LARGEST + 0.03, 0.02).tolist())
BEYOND = 0.05  # of the side, that a drawing is looked for outside of the picture
STEPS, EXACT_STEPS = 10, 6
SMALLEST_STEP = 0.01 / NATIVE  # at which the refinement ends, in sides of the picture
LARGEST_STEP = 0.02  # of the side: what is linear in a step is not so over more
BARE = 1e-3  # coverage below which a pixel is of the background
DAMPING = 1e-9  # of the equations of a picture that tells nothing
HUBER = 0.1  # error, of a range of 1, above which a pixel's weight falls


@dataclass(frozen=True)
class Fit:
    """A drawing's scale and the middle of it, in sides of the picture, and whether it is mirrored."""

    scale: float
    middle: tuple[float, float]  # x, y
    is_flipped: bool

    def composition(self, subject: str, colour: Tensor) -> Composition:
        """colour: the background's, [3] in [0, 1]."""
        x, y = (middle - self.scale / 2.0 for middle in self.middle)
        red, green, blue = (round(255.0 * value) for value in colour.tolist())
        return Composition(subject, nearest(colour), self.scale, (x, y), self.is_flipped, (red, green, blue))


Lay = Callable[[Fit], tuple[Tensor, list[Tensor]]]  # a fit's drawing in its place, and the slopes of it


class Registration:
    """Lays the artwork onto pictures. Each subject is rendered once to search with it."""

    def __init__(self, artwork: Artwork):
        self.artwork = artwork
        self.drawing = lru_cache(maxsize=None)(self._drawing)

    def __call__(self, picture: Tensor, subject: str) -> Composition:
        """The composition of the subject that comes nearest to picture, [3, 128, 128] in [0, 1]."""
        drawing, colour = self.drawing(subject), edge_colour(picture)
        search = partial(sloped, drawing)
        tried = [refined(picture, fit, colour, search, STEPS) for fit in coarse(picture, drawing, colour)]
        _, fit, colour = min(tried, key=lambda found: found[0])
        _, fit, colour = refined(picture, fit, colour, partial(self._exact, subject), EXACT_STEPS)
        return fit.composition(subject, colour)

    def _drawing(self, subject: str) -> Tensor:
        """The subject over the whole square, [4, FINE, FINE]."""
        return self._rendered(Fit(1.0, (0.5, 0.5), False), subject, FINE)

    def _exact(self, subject: str, fit: Fit) -> tuple[Tensor, list[Tensor]]:
        """As `sloped`, but rendered at the picture's size: edges over edges cover more there than in a fine drawing."""
        return self._rendered(fit, subject, NATIVE), sloped(self.drawing(subject), fit)[1]

    def _rendered(self, fit: Fit, subject: str, side: int) -> Tensor:
        """Colours times coverage, and coverage. [4, side, side]"""
        cutout = self.artwork.cutout(fit.composition(subject, torch.zeros(3)), side)
        values = torch.from_numpy(np.array(cutout, dtype=np.float32)).permute(2, 0, 1) / 255.0
        return torch.cat([values[:3] * values[3:], values[3:]])


def coarse(picture: Tensor, drawing: Tensor, colour: Tensor) -> list[Fit]:
    """The best scale and place of the drawing as it is and of it mirrored.

    Over a plain background c the picture is c + T, with T = colours times coverage - coverage times c; the squared
    error of a shifted T is then ||T||^2 - 2 <P - c, shifted T> and a constant.
    """
    given = avg_pool2d(picture - colour[:, None, None], NATIVE // COARSE)
    spectrum, found = torch.fft.rfft2(given), []
    for is_flipped in (False, True):
        tried = []
        for scale in SCALES:
            laid = sampled(drawing, Fit(scale, (0.5, 0.5), is_flipped), COARSE)
            laid = laid[:3] - laid[3:] * colour[:, None, None]
            matched = torch.fft.irfft2((spectrum * torch.fft.rfft2(laid).conj()).sum(0), s=(COARSE, COARSE))
            matched = torch.fft.fftshift(matched)[_reach(scale)]
            place, wide = int(matched.argmax()), matched.shape[1]
            error = float(laid.square().sum() - 2.0 * matched.flatten()[place])
            x, y = (0.5 + (shift - wide // 2) / COARSE for shift in (place % wide, place // wide))
            tried.append((error, Fit(scale, (x, y), is_flipped)))
        found.append(min(tried, key=lambda one: one[0])[1])
    return found


def refined(picture: Tensor, fit: Fit, colour: Tensor, lay: Lay, steps: int) -> tuple[float, Fit, Tensor]:
    """Error, fit and background's colour, the best that any of the steps has seen."""
    best = None
    for _ in range(steps):
        laid, slopes = lay(fit)
        free = laid[3] < BARE
        if free.any():
            colour = picture[:, free].median(dim=1).values
        ground = colour[:, None, None]
        rest = picture - laid[:3] - (1.0 - laid[3:]) * ground
        weight = (HUBER / rest.abs().clamp(min=HUBER)).sqrt()
        error = float((rest * weight).square().mean())
        if best is None or error < best[0]:
            best = error, fit, colour
        system = torch.stack([(slope[:3] - slope[3:] * ground) * weight for slope in slopes]).flatten(1).double()
        damped = system @ system.T + DAMPING * torch.eye(3, dtype=torch.float64)
        step = torch.linalg.solve(damped, system @ (rest * weight).flatten().double())
        x, y, larger = step.clamp(-LARGEST_STEP, LARGEST_STEP).tolist()
        fit = Fit(fit.scale * (1.0 + larger), (fit.middle[0] + x, fit.middle[1] + y), fit.is_flipped)
        if float(step.abs().max()) < SMALLEST_STEP:
            break
    return best


def sampled(drawing: Tensor, fit: Fit, side: int) -> Tensor:
    """The drawing in its place, at side x side pixels, each the mean of an area of it. [4, side, side]"""
    return avg_pool2d(_fine(drawing, fit), FINE // side)


def sloped(drawing: Tensor, fit: Fit) -> tuple[Tensor, list[Tensor]]:
    """`sampled` at the native size, and its slopes along x, y and the logarithm of the scale, per side."""
    fine = _fine(drawing, fit)
    down, right = (-slope * FINE for slope in torch.gradient(fine, dim=(1, 2)))
    places = (torch.arange(FINE) + 0.5) / FINE
    outward = (places - fit.middle[0]) * right + (places - fit.middle[1])[:, None] * down
    laid, *slopes = (avg_pool2d(one, FINE // NATIVE) for one in (fine, right, down, outward))
    return laid, slopes


def edge_colour(picture: Tensor) -> Tensor:
    """The colour along the edges of [3, H, W], [3]."""
    edges = (picture[:, 0], picture[:, -1], picture[:, :, 0], picture[:, :, -1])
    return torch.cat(edges, dim=1).median(dim=1).values


def nearest(colour: Tensor) -> str:
    """The name of the background that comes nearest to a colour, [3] in [0, 1]."""
    colours = torch.tensor(list(BACKGROUNDS.values())) / 255.0
    return list(BACKGROUNDS)[int((colours - colour).square().sum(dim=1).argmin())]


def _fine(drawing: Tensor, fit: Fit) -> Tensor:
    """[4, FINE, FINE]: the drawing in its place; nothing outside of it."""
    (x, y), mirrored = fit.middle, -1.0 if fit.is_flipped else 1.0
    # From a place in the picture to one in the drawing, both from -1 to 1.
    matrix = torch.tensor([
        [mirrored / fit.scale, 0.0, -mirrored * (2.0 * x - 1.0) / fit.scale],
        [0.0, 1.0 / fit.scale, -(2.0 * y - 1.0) / fit.scale],
    ])  # fmt: skip
    grid = affine_grid(matrix[None], [1, 4, FINE, FINE], align_corners=False)
    return grid_sample(drawing[None], grid, mode="bilinear", align_corners=False)[0]


def _reach(scale: float) -> tuple[slice, slice]:
    """Of a correlation with no shift in its middle: the shifts that keep a drawing within the picture, nearly."""
    most = max(int(((1.0 - scale) / 2.0 + BEYOND) * COARSE), 1)
    return (slice(COARSE // 2 - most, COARSE // 2 + most + 1),) * 2
