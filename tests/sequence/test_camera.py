"""The camera over latents, held to polynomials and turns that are known exactly, and to what it must leave alone."""

import dataclasses
import math

import pytest
import torch
from torch.testing import assert_close

from itermix.sequence.camera import moved
from itermix.sequence.plan import STILL, Move, overview, plan
from itermix.sequence.run import run
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from tests.sequence.hosts import Gaussian

Settings = SequenceSettings
SIDE, MARGIN = 24, 6  # pixels; the kernel looks three to each side, and a move goes some way itself


def noise(seed=0, shape=(2, 4, SIDE, SIDE), dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def polynomial(x, y):
    """Of the third degree."""
    return 0.3 + 0.2 * x - 0.1 * y + 0.03 * x * y - 0.02 * x**2 + 0.004 * x**3 - 0.003 * x * y**2


def grid(height=SIDE, width=SIDE):
    """Places from the centre, in pixels: x to the right, y down."""
    y = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float64)[None, :] - (width - 1) / 2
    return x.expand(height, width), y.expand(height, width)


def inner(latent, margin=MARGIN):
    return latent[..., margin:-margin, margin:-margin]


MOVES = [
    Move(zoom=1.07), Move(zoom=0.97), Move(pan_x=0.013), Move(pan_y=-0.021), Move(rotation=3.0),
    Move(1.04, 0.01, -0.02, -5.0), Move(0.98, -0.03, 0.0, 7.5),
]  # fmt: skip


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_a_polynomial_of_the_third_degree_is_moved_exactly(move):
    """As Deforum's matrices have it: moved, then turned and enlarged around the centre. y points down."""
    x, y = grid()
    angle = math.radians(move.rotation)
    # What is at (x, y) came from R(-angle) (x, y) / zoom - pan.
    from_x = (math.cos(angle) * x - math.sin(angle) * y) / move.zoom - move.pan_x * SIDE
    from_y = (math.sin(angle) * x + math.cos(angle) * y) / move.zoom - move.pan_y * SIDE
    found = moved(polynomial(x, y)[None, None], move)[0, 0]
    assert_close(inner(found), inner(polynomial(from_x, from_y)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cells", [1, 3, -5])
def test_a_pan_by_whole_pixels_shifts_them_and_mirrors_the_border(cells):
    latent = noise()
    found = moved(latent, Move(pan_x=cells / SIDE))
    padded = torch.cat((latent.flip(-1), latent, latent.flip(-1)), dim=-1)
    assert_close(found, padded[..., SIDE - cells : 2 * SIDE - cells], rtol=0, atol=1e-12)
    down = moved(latent.mT, Move(pan_y=cells / SIDE))
    assert_close(down, found.mT, rtol=0, atol=1e-12)


def test_a_quarter_turn_to_the_left_is_that_of_torch():
    latent = noise()
    assert_close(moved(latent, Move(rotation=90.0)), torch.rot90(latent, 1, (-2, -1)), rtol=0, atol=1e-12)


def test_things_become_larger_by_the_zoom():
    """A bell of width 2 is one of width 2 zoom."""
    x, y = grid(48, 48)
    bell = lambda width: torch.exp(-(x**2 + y**2) / (2 * width**2))[None, None]  # noqa: E731
    assert_close(moved(bell(3.0), Move(zoom=1.25)), bell(3.0 * 1.25), rtol=0, atol=2e-3)


@pytest.mark.parametrize("there", MOVES, ids=str)
def test_there_and_back_is_within_the_interpolations_own_error(there):
    """A smooth wave of 12 pixels: the kernel's error is of the fourth order, (2 pi / 12)^4 / 25 or so for each move."""
    x, y = grid()
    wave = (torch.sin(2 * math.pi * x / 12 + 0.4) * torch.cos(2 * math.pi * y / 12))[None, None]
    away = moved(wave, there)
    # The moves one after the other: back is turned and enlarged first, so its pan is asked for alone.
    back = moved(moved(away, Move(1.0 / there.zoom, rotation=-there.rotation)), Move(1, -there.pan_x, -there.pan_y))
    assert float(inner(away - wave, 8).abs().max()) > 0.05
    assert float(inner(back - wave, 8).abs().max()) < 6e-3


def test_many_small_zooms_are_one_large_one_within_their_error():
    x, y = grid(48, 48)
    wave = torch.cos(2 * math.pi * x / 16)[None, None] * torch.cos(2 * math.pi * y / 16)
    often = wave
    for _ in range(10):
        often = moved(often, Move(zoom=1.02))
    assert_close(inner(often, 12), inner(moved(wave, Move(zoom=1.02**10)), 12), rtol=0, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_latent_keeps_its_dtype_and_is_that_of_float32_rounded(dtype):
    latent, draw = (noise(seed, dtype=torch.float32).to(dtype) for seed in (0, 1))
    found = moved(latent, MOVES[5], draw, 0.5)
    assert torch.equal(found, moved(latent.float(), MOVES[5], draw.float(), 0.5).to(dtype))


def test_a_video_is_moved_picture_by_picture():
    latent = noise(shape=(1, 4, 3, 8, 8))
    found = moved(latent, MOVES[5])
    assert torch.equal(found[:, :, 1], moved(latent[:, :, 1], MOVES[5]))


def test_a_still_move_gives_the_latent_itself():
    latent = noise()
    assert moved(latent, STILL) is latent
    assert moved(latent, Move(1.0, 0.0, 0.0, 0.0), noise(1), 1.0) is latent


def test_what_is_new_is_noise_of_the_pictures_own_mean_and_spread_and_the_rest_is_not():
    latent = 3.0 + 0.5 * noise(shape=(1, 4, 64, 64))
    draw = noise(1, (1, 4, 64, 64))
    mirrored, filled = (moved(latent, Move(pan_x=0.25), draw, share) for share in (0.0, 1.0))
    assert torch.equal(filled[..., 17:], mirrored[..., 17:])
    mean, std = latent.mean(dim=(2, 3), keepdim=True), latent.std(dim=(2, 3), keepdim=True, correction=0)
    assert_close(filled[..., :15], (mean + std * draw)[..., :15])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_the_new_border_keeps_the_pictures_spread_at_every_share(share):
    latent = noise(shape=(1, 4, 128, 128))
    found = moved(latent, Move(pan_x=0.5), noise(1, (1, 4, 128, 128)), share)[..., :62]
    assert float(found.std()) == pytest.approx(1.0, abs=0.03)


def test_the_noise_of_an_image_does_not_depend_on_its_batch():
    latent, draw = noise(), noise(1)
    both = moved(latent, MOVES[5], draw, 0.7)
    assert_close(both[1:], moved(latent[1:], MOVES[5], draw[1:], 0.7), rtol=0, atol=0)


# --- in a sequence

STEADY = dict(frames=5, prompts="0: red\n3: green apple")
OFF = [
    {"zoom_schedule": "1"}, {"zoom_schedule": "0:(1), 3:(1.0)", "pan_x_schedule": "0", "pan_y_schedule": "0:(0)"},
    {"rotation_schedule": "0 * t"}, {"border_noise": 1.0},
]  # fmt: skip


def frames_of(host=None, **values):
    settings = Settings(**{**STEADY, **values})
    host = host or Gaussian()
    run(host, settings, plan(settings, 5, "own"), None)
    return host


@pytest.mark.parametrize("off", OFF, ids=str)
def test_a_camera_at_rest_makes_the_same_frames_bit_by_bit(off):
    plain, still = frames_of(), frames_of(**off)
    assert all(torch.equal(plain.emitted[k], still.emitted[k]) for k in range(5))


def test_without_denoise_the_frames_are_the_first_one_moved_again_and_again():
    host = frames_of(denoise_seq=0.0, pan_x_schedule="0.125", zoom_schedule="0:(1), 4:(1.2)", border_noise=0.0)
    latent = host.emitted[0]
    for k in range(1, 5):
        latent = moved(latent, Move(zoom=1 + 0.05 * k, pan_x=0.125))
        assert_close(host.emitted[k], latent)


def test_each_frame_is_sampled_and_mixed_and_interpolated_from_what_the_camera_sees():
    turn = dict(rotation_schedule="90", border_noise=0.0, denoise_seq=0.4)
    host = frames_of(mixing_reference="previous frame", **turn)
    for job in host.jobs[1:]:
        before = host.emitted[job.frame.index - 1]
        assert_close(job.reference, torch.rot90(before, 1, (-2, -1)))
    held = frames_of(latent_interpolation="blend", latent_interpolation_strength=0.0, **turn)
    assert_close(held.emitted[4], held.emitted[0])  # four quarter turns


def test_what_a_mask_keeps_is_not_moved():
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    mask[..., 4:] = 1.0
    init = noise(3, (1, 4, 8, 8))
    host, settings = Gaussian(mask=mask), Settings(frames=3, denoise_start=0.0, denoise_seq=0.0, pan_y_schedule="0.125")
    run(host, settings, plan(settings, 5), init)
    assert torch.equal(host.emitted[2][..., :4], init[..., :4])
    assert not torch.equal(host.emitted[2][..., 4:], init[..., 4:])


def test_the_border_has_the_frames_own_noise_and_not_the_samplers():
    drawn = []

    class Watched(Gaussian):
        def noise(self, seeds, like):
            drawn.append(seeds)
            return super().noise(seeds, like)

    frames_of(Watched(), pan_x_schedule="0.1", border_noise=0.5, frames=3, prompts="")
    assert len(set(drawn)) == 5  # one for the first frame, two for each later one


def test_the_plan_says_where_the_camera_goes():
    shown = overview(Settings(frames=3, zoom_schedule="1.05", rotation_schedule="t"), 5)
    assert [row["camera"] for row in shown["frames"]] == ["", "zoom 1.05; turn 1", "zoom 1.05; turn 2"]
    assert shown["curves"]["zoom_schedule"] == [1.05] * 3
    held = overview(Settings(frames=3, zoom_schedule="1.05", mixing_reference="first frame"))
    assert held["messages"] == [
        "The camera does not move the mixing reference: the first frame holds the picture where it was"
    ]


@pytest.mark.parametrize(
    "field, text, allowed",
    [("zoom_schedule", "0", "0.5 to 2"), ("zoom_schedule", "0:(1), 4:(2.1)", "0.5 to 2"),
     ("pan_x_schedule", "1.5", "-1 to 1"), ("pan_y_schedule", "-2", "-1 to 1"),
     ("rotation_schedule", "181", "-180 to 180")],
)  # fmt: skip
def test_a_move_out_of_range_is_refused_by_its_field(field, text, allowed):
    with pytest.raises(SettingsError, match=f"^{field}: .* takes numbers from {allowed}"):
        Settings(frames=5, **{field: text})


def test_frame_0_is_where_the_camera_begins():
    assert [frame.move.is_still for frame in plan(Settings(frames=3, zoom_schedule="1.1"))] == [True, False, False]
    assert dataclasses.asdict(plan(Settings(frames=2, pan_x_schedule="0.1"))[1].move)["pan_x"] == 0.1
