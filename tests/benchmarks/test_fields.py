"""The field, its denoiser, samplers and measures of the quality benchmark, against what they must be by formula."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks import fields, measures
from benchmarks.methods import METHODS
from benchmarks.quality import Cell, main, make_task, run
from benchmarks.solvers import SAMPLERS, SCHEDULES, karras

SIZE = (6, 8)


@pytest.fixture
def white():
    return torch.randn(3, 2, *SIZE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def covariance(size, exponent):
    """[HW, HW], from pictures of one white pixel each: C = A A^T for drawn = A white."""
    pixels = size[0] * size[1]
    units = torch.eye(pixels, dtype=torch.float64).view(pixels, 1, *size)
    drawn = fields.draw(units, fields.power_spectrum(size, exponent)).view(pixels, pixels)
    return drawn.T @ drawn


def test_a_pixel_of_the_field_has_unit_variance():
    torch.testing.assert_close(covariance(SIZE, 2.0).diagonal(), torch.ones(48, dtype=torch.float64))


@pytest.mark.parametrize("sigma", [0.2, 0.7, 1.0])
def test_denoiser_of_a_flow_is_the_conditional_mean_of_the_field(white, sigma):
    prior, signal = covariance(SIZE, 1.5), 1.0 - sigma
    gain = torch.linalg.inv(signal**2 * prior + sigma**2 * torch.eye(48)) @ prior * signal
    power = fields.power_spectrum(SIZE, 1.5)
    torch.testing.assert_close(fields.denoise_flow(white, sigma, power).flatten(2), white.flatten(2) @ gain)


def test_denoiser_is_the_conditional_mean_of_the_field(white):
    prior, sigma = covariance(SIZE, 1.5), 0.7
    expected = white.flatten(2) @ torch.linalg.inv(prior + sigma**2 * torch.eye(48)) @ prior
    power = fields.power_spectrum(SIZE, 1.5)
    torch.testing.assert_close(fields.denoise(white, sigma, power).flatten(2), expected)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_arrive_at_the_solution_of_their_ode(name, white):
    # For a Gaussian of variance s^2, x(0) = x(sigma) s / sqrt(s^2 + sigma^2).
    variance = 0.3
    sigmas = karras(1500)
    result = SAMPLERS[name](lambda x, sigma: variance / (variance + sigma**2) * x, white * sigmas[0], sigmas)
    expected = white * sigmas[0] * (variance / (variance + sigmas[0] ** 2)) ** 0.5
    torch.testing.assert_close(result, expected, rtol=0.004, atol=0.0)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_fall_from_sd15s_highest_noise_to_zero(name):
    sigmas = SCHEDULES[name](20)
    assert sigmas[0] == pytest.approx(14.6146, abs=1e-4) and sigmas[-1] == 0.0 and len(sigmas) == 21
    assert (sigmas.diff() < 0.0).all()
    if name != "simple":
        assert sigmas[-2] == pytest.approx(0.0292, abs=1e-4)


def test_enlarged_picture_has_little_above_the_cutoff():
    white = torch.randn(4, 4, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    picture = fields.draw(white, fields.power_spectrum((64, 64), 2.0))
    detail = measures.detail(fields.enlarged_from(picture, 2), picture, 2)
    edge, *above = detail.values()
    assert 0.5 < edge < 1.0 and max(above) < 0.15


def test_bands_are_the_octave_below_the_cutoff_and_three_of_equal_ratio_above():
    names = [measures.band_name(band) for band in measures.bands(2)]
    assert names == ["0.125-0.250", "0.250-0.315", "0.315-0.397", "0.397-0.500"]


def test_a_picture_has_its_own_structure_and_detail():
    picture = make_task(Cell(2, "karras", 10, "Euler"), (32, 48), 2.0, 0, 2).reference
    assert measures.structure(picture, picture, 2) == pytest.approx(1.0)
    assert all(value == pytest.approx(1.0) for value in measures.detail(picture, picture, 2).values())


def test_img2img_starts_where_its_share_of_the_steps_begins():
    # A1111: t_enc = int(0.5 * 10) = 5, and t_enc + 1 steps are left.
    seen = []

    def sample(denoise, x, sigmas):
        seen.append(sigmas)
        return x

    task = make_task(Cell(2, "karras", 10, "Euler"), (16, 16), 2.0, 0, 1)
    METHODS["img2img 0.5"](replace(task, sample=sample))
    assert torch.equal(seen[0], karras(10)[4:])


@pytest.mark.parametrize(
    ("size", "words"), [((50, 64), "divisible by the scale, which is 4"), ((16, 64), "must be 32 or more")]
)
def test_sizes_that_cannot_be_measured_are_refused_by_name(size, words):
    with pytest.raises(fields.SizeError, match=f"{size[0]}x{size[1]} is not allowed; .*{words}"):
        run(["plain"], [Cell(4, "karras", 10, "Euler")], size=size)


def test_command_refuses_a_size_without_a_traceback(capsys):
    with pytest.raises(SystemExit):
        main(["--size", "50x50"])
    assert "50x50 is not allowed; both sides must be divisible" in capsys.readouterr().err


@pytest.mark.parametrize(("left", "expected"), [(4.0, 0.81), (1.0, 0.81), (0.9, 1.0)])
def test_the_known_octave_is_over_what_is_right_and_no_more_than_the_sampler_leaves(left, expected):
    """Amplitudes 0.9 of the picture's, and `left` of it in the plain sampler's result."""
    picture = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert measures.known(0.9 * picture, picture, left * picture, 2) == pytest.approx(expected)
