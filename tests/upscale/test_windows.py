"""Windows: as DemoFusion's where they are, without seams, the whole picture's result with a local denoiser."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d, pad
from torch.testing import assert_close

from benchmarks.memory import peak_bytes
from itermix.upscale.windows import in_windows, window_weight, windows

DEMOFUSION = 128, 64, 16  # window, stride and most that one is moved, in latent pixels
SIZES = [(2048, 2048), (1024, 2048), (3072, 2048), (1536, 1536)]


def rows_of(parts):
    return [[part.top, part.bottom, part.left, part.right] for part in parts]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_windows_are_demofusions_views(oracle, height, width):
    window, stride, _ = DEMOFUSION
    parts = windows((height // 8, width // 8), (window, window), (stride, stride))
    assert rows_of(parts) == oracle("demofusion")[f"views_{height}x{width}_nojit"].tolist()


@pytest.mark.parametrize(("name", "seed"), [("jit", 0), ("jit_seed1", 1)])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_moved_windows_are_demofusions_kept_within_the_latent(oracle, height, width, name, seed):
    """Its coordinates are those of the padded latent."""
    window, stride, most = DEMOFUSION
    size = height // 8, width // 8
    views = oracle("demofusion")[f"views_{height}x{width}_{name}"]
    top, left = (np.clip(views[:, k] - most, 0, side - window) for k, side in zip((0, 2), size))
    expected = np.stack([top, top + window, left, left + window], axis=1)
    parts = windows(size, (window, window), (stride, stride), random.Random(seed))
    assert rows_of(parts) == expected.tolist()


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(4, 24), st.integers(0, 10**6))
def test_moved_windows_cover_every_pixel_of_any_size(height, width, window, seed):
    overlap = window // 2
    parts = windows((height, width), (window, window), (window - overlap,) * 2, random.Random(seed))
    weights = sum(
        torch.zeros(height, width).index_put(
            tuple(torch.meshgrid(torch.arange(p.top, p.bottom), torch.arange(p.left, p.right), indexing="ij")),
            window_weight(p, (height, width), overlap // 4, 2).float(),
        )
        for p in parts
    )
    assert all(0 <= p.top < p.bottom <= height and 0 <= p.left < p.right <= width for p in parts)
    assert bool((weights > 0.0).all())


RADIUS = 3


def local(x):
    """Exact where the 7 x 7 pixels around are known: a kernel, a nonlinearity, the borders' pixels going on."""
    generator = torch.Generator().manual_seed(3)
    kernel = torch.randn(4, 1, 2 * RADIUS + 1, 2 * RADIUS + 1, generator=generator) / 7.0
    return torch.tanh(conv2d(pad(x, (RADIUS,) * 4, mode="replicate"), kernel.to(x.dtype), groups=4)) + 0.5 * x


@pytest.fixture
def latent():
    return torch.randn(2, 4, 50, 71, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("moved", [None, random.Random(5)])
def test_with_a_local_denoiser_windows_give_the_whole_pictures_result(latent, moved):
    parts = windows((50, 71), (24, 24), (12, 12), moved)
    assert len(parts) > 8
    result = in_windows(lambda x, _: local(x), latent, parts, margin=RADIUS, ramp=4)
    assert_close(result, local(latent), rtol=0.0, atol=1e-12)
    single = in_windows(lambda x, _: local(x), latent.float(), parts, margin=RADIUS, ramp=4)
    assert_close(single, local(latent).float(), rtol=0.0, atol=1e-5)


def test_a_whole_sampling_run_in_moved_windows_equals_the_whole_pictures(latent):
    moves, levels = random.Random(1), torch.linspace(3.0, 0.0, 12, dtype=torch.float64).tolist()

    def windowed(x):
        return in_windows(lambda part, _: local(part), x, windows((50, 71), (24, 24), (12, 12), moves), RADIUS, 4)

    results = []
    for denoise in (local, windowed):
        x = latent.float()
        for sigma, following in zip(levels, levels[1:]):
            x = x + (x - denoise(x)) / sigma * (following - sigma)
        results.append(x)
    assert_close(*results, rtol=0.0, atol=1e-5)


def test_a_margin_too_narrow_shows(latent):
    """So that the tests above can fail."""
    parts = windows((50, 71), (24, 24), (12, 12))
    assert (in_windows(lambda x, _: local(x), latent, parts, margin=1, ramp=4) - local(latent)).abs().max() > 1e-3


def test_no_seam_is_larger_than_what_lies_elsewhere(latent):
    """Windows that disagree, each by a constant of its own, are blended: no step is larger than a ramp's."""
    parts = windows((50, 71), (24, 24), (12, 12))
    value = {part: float(k % 2) for k, part in enumerate(parts)}
    result = in_windows(lambda x, part: torch.full_like(x, value[part]), latent, parts, margin=2, ramp=8)
    steps = torch.cat([result.diff(dim=-1).flatten(), result.diff(dim=-2).flatten()]).abs()
    even = in_windows(lambda x, part: torch.full_like(x, value[part]), latent, parts)
    assert steps.max() <= 1.0 / 8 + 1e-9 < even.diff(dim=-1).abs().max()


def test_windows_without_a_ramp_are_averaged_evenly(latent):
    """MultiDiffusion."""
    parts = windows((50, 71), (24, 24), (12, 12))
    total, count = torch.zeros_like(latent), torch.zeros(50, 71, dtype=torch.float64)
    for part in parts:
        part.of(total).add_(local(part.of(latent)))
        part.of(count).add_(1.0)
    assert_close(in_windows(lambda x, _: local(x), latent, parts), total / count)


def test_a_margin_that_leaves_a_pixel_without_weight_is_refused(latent):
    with pytest.raises(ValueError, match="margin: 12 is not allowed"):
        in_windows(lambda x, _: x, latent, windows((50, 71), (24, 24), (12, 12)), margin=12)


@pytest.mark.parametrize("stride", [0, 25])
def test_a_stride_that_leaves_gaps_is_refused(stride):
    with pytest.raises(ValueError, match=f"stride: {stride} is not allowed along the width"):
        windows((50, 71), (24, 24), (12, stride))


def test_memory_at_4096_pixels_is_bounded_whatever_a_window_takes():
    """512 x 512, in half precision: the sum in float32 and the result are 3 latents, the weights a half of one; a
    denoiser that takes 40 times a window's own size takes that of one window at a time."""
    x, parts = torch.zeros(1, 4, 512, 512, dtype=torch.float16), windows((512, 512), (128, 128), (96, 96))
    latent, window = x.numel() * 2, 4 * 128 * 128 * 2

    def held(times):
        denoise = lambda part, _: part.repeat(times, 1, 1, 1)[:1]  # noqa: E731
        return peak_bytes(lambda: in_windows(denoise, x, parts, margin=8, ramp=16))

    assert len(parts) == 25
    assert held(1) <= 3.6 * latent
    assert held(40) - held(1) <= 40 * window
