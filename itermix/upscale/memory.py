"""In how large windows a latent is to be denoised, so that the memory suffices."""

from __future__ import annotations

# Of a UNet's evaluation in half precision with attention that keeps no square matrix: bytes for each latent pixel of
# each latent that is evaluated at once (ComfyUI's estimate for SD1.5's network, of which SDXL's takes less).
BYTES_PER_PIXEL = 0.02 * 2**20
HALF = 2  # bytes of a number
USABLE = 0.7  # share of the free memory: the sampler's own latents and the host want the rest
LEAST_WINDOW, STEP = 32, 8  # latent pixels

Size = tuple[int, int]


def needed(size: Size, latents: int, itemsize: int = HALF) -> float:
    """Bytes that an evaluation takes beside the network itself. latents: at once, with and without the prompt."""
    return size[0] * size[1] * latents * BYTES_PER_PIXEL * itemsize / HALF


def largest_window(size: Size, latents: int, free: float | None, itemsize: int = HALF) -> int | None:
    """Side of the largest square window, in latent pixels, whose evaluation fits; None where the whole does.

    size: (height, width) of the latent. free: bytes, or None where nobody knows: then the whole is taken to fit.
    """
    if free is None or needed(size, latents, itemsize) <= USABLE * free:
        return None
    side = (USABLE * free / needed((1, 1), latents, itemsize)) ** 0.5
    return max(int(side) // STEP * STEP, LEAST_WINDOW)
