"""Dilated sampling: DemoFusion's filter and curves, and interleaved small latents put back where they were."""

import numpy as np
import pytest
import torch
from torch.nn.functional import pad
from torch.testing import assert_close

from itermix.upscale.dilated import FILTER_STD, Denoiser, blurred, dilated, falling, filter_std, filtered
from itermix.upscale.windows import windows


def random(shape=(2, 4, 12, 15), seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("std", ["0.01", "0.3", "0.5", "1.0"])
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_filter_is_demofusions(oracle, factor, std):
    """Which takes zeros beyond the border: so does ours where they are there. Its kernel is float32: each weight
    is off by up to 1.2e-7 of itself, in two steps, and |x| is below 4.5."""
    file, beyond = oracle("demofusion"), factor - 1
    x = torch.from_numpy(file["x"])
    zeros = pad(x, (2 * beyond,) * 4)
    result = blurred(zeros, 2 * factor - 1, float(std))
    inner = result[..., 2 * beyond : 2 * beyond + x.shape[-2], 2 * beyond : 2 * beyond + x.shape[-1]]
    assert_close(inner, torch.from_numpy(file[f"gauss_s{factor}_sig{std}"]), rtol=0.0, atol=1e-6)


def test_filter_leaves_a_plain_picture_plain_to_its_borders():
    assert_close(blurred(torch.ones(1, 4, 9, 9), 5, 1.0), torch.ones(1, 4, 9, 9))


@pytest.mark.parametrize("steps", [20, 50])
def test_weights_of_dilated_samples_and_filter_are_demofusions(oracle, steps):
    file = oracle("demofusion")
    progress = 1.0 - file[f"timesteps_leading_n{steps}"] / 1000.0
    c2, c3 = ([function(u) for u in progress] for function in (falling, filter_std))
    np.testing.assert_allclose(c2, file[f"diffusers_c2_n{steps}"], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(np.array(c3) / FILTER_STD, file[f"diffusers_c3_n{steps}"], rtol=0.0, atol=1e-12)


def test_filtered_has_the_mean_and_std_of_each_image():
    x = random() * torch.tensor([0.5, 2.0], dtype=torch.float64).view(2, 1, 1, 1) + 3.0
    result = filtered(x, 3, 0.8)
    assert (result - x).abs().max() > 0.1
    assert_close(result.mean((1, 2, 3)), x.mean((1, 2, 3)))
    assert_close(result.std((1, 2, 3)), x.std((1, 2, 3)))


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_small_latents_are_every_factorth_pixel_and_go_back_to_their_places(factor):
    x, seen = random(), []

    def denoise(small):
        seen.append(small)
        return 2.0 * small + len(seen)

    result = dilated(denoise, x, factor)
    assert len(seen) == factor**2
    for k, small in enumerate(seen):
        row, column = divmod(k, factor)
        assert_close(small, x[..., row::factor, column::factor])
        assert_close(result[..., row::factor, column::factor], 2.0 * small + k + 1.0)


def test_the_noise_that_is_found_in_the_filtered_state_is_taken_from_the_state_itself():
    """eps = (seen - D(seen)) / sigma, D = x - sigma eps."""
    x, seen = random(), random(seed=1)
    denoise = lambda small: torch.tanh(small)  # noqa: E731
    assert_close(dilated(denoise, x, 2, seen), x - (seen - torch.tanh(seen)))


def test_each_small_latent_of_an_enlarged_picture_is_that_picture():
    small = random((1, 4, 6, 5))
    large = small.repeat_interleave(3, -1).repeat_interleave(3, -2)
    assert_close(dilated(lambda part: part - small, large, 3), torch.zeros_like(large))


def test_the_denoiser_sees_the_whole_first_and_windows_alone_at_the_end():
    calls = []

    def denoise(x, sigma):
        calls.append(tuple(x.shape[-2:]))
        return torch.full_like(x, 1.0 if x.shape[-1] == 5 else 2.0)  # 5: a small latent, 6: a window

    large = random((1, 4, 10, 10))
    ours = Denoiser(denoise, lambda sigma: 1.0 - sigma, (6, 6), 2)
    seen = filtered(large, 2, filter_std(0.0))
    assert_close(ours(large, 1.0), 1.0 + large - seen)
    assert_close(ours(large, 0.0), torch.full_like(large, 2.0))
    assert_close(ours(large, 0.5), 1.5 + 0.5 * (large - filtered(large, 2, filter_std(0.5))))
    assert calls.count((5, 5)) == 3 * 4
    assert calls.count((6, 6)) == 3 * len(windows((10, 10), (6, 6), (3, 3)))


def test_its_windows_move_from_call_to_call_and_are_the_seeds_own():
    def run(seed):
        places = []

        def denoise(x, sigma):
            places.append(x.storage_offset())
            return x

        ours = Denoiser(denoise, lambda sigma: 1.0, (8, 8), 1, seed)
        for _ in range(3):
            ours(torch.zeros(1, 4, 24, 24), 0.1)
        return places

    assert run(1) == run(1) != run(2)
    assert run(1)[:25] != run(1)[25:50]
