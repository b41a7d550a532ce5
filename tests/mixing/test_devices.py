"""What a mixed step asks of a device that is not the CPU: nothing in float64, and nothing to be waited for.

A tensor on the "meta" device stands for one on a graphics card: it has a shape, a dtype and a device, and no values
that the CPU could read. So reading one is counted, and answered with what the CPU would find.
"""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from itermix.mixing.blend import BLENDS
from itermix.mixing.mixer import Mixer, mixer_for
from itermix.mixing.noising import VE, VP, Flow, alphas_cumprod
from itermix.mixing.reference import Reference
from itermix.mixing.rewind import rewound
from itermix.mixing.settings import MixingSettings
from itermix.sequence.camera import moved
from itermix.sequence.colour import anchored
from itermix.sequence.conditioning import mixed
from itermix.sequence.interpolate import blend_latents, cosine_latents, slerp_latents
from itermix.sequence.loop import drawn_back
from itermix.sequence.plan import Move
from itermix.sequence.unsample import levels_upwards, unsample

DEVICE = "meta"
ATEN = torch.ops.aten


class Apple(TorchDispatchMode):
    """Apple's MPS has no float64. waits: how often the CPU has waited for a value from the device."""

    def __init__(self):
        super().__init__()
        self.waits = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        is_away = any(tensor.device.type == DEVICE for tensor in inputs)
        if is_away and func is ATEN._local_scalar_dense.default:
            self.waits += 1
            return True if inputs[0].dtype == torch.bool else 0.5
        if is_away and func is ATEN._to_copy.default and str(kwargs.get("device")) == "cpu":
            assert kwargs.get("dtype") in (None, inputs[0].dtype), "cast on its way: first .cpu(), then the dtype"
            self.waits += 1
            return torch.full(inputs[0].shape, 0.5, dtype=inputs[0].dtype)
        if is_away and func is ATEN.copy_.default and args[0].device.type == "cpu":
            raise AssertionError("copied from the device into a tensor of the CPU")
        made = func(*args, **kwargs)
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == DEVICE:
                assert tensor.dtype != torch.float64, f"{func} makes float64 on the device"
        return made


def latent(dtype=torch.float32, shape=(2, 4, 16, 12)):
    return torch.empty(shape, dtype=dtype, device=DEVICE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("noise", ["shared", "fresh per step"])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("noising, levels", [(VE(), [9.0, 3.0, 1.0]), (Flow(), [0.9, 0.5]), (VP, [801.0, 401.0])])
@pytest.mark.parametrize("name", BLENDS)
def test_a_mixed_step_needs_no_float64_and_waits_for_nothing(name, noising, levels, masked, noise, dtype):
    settings = MixingSettings(enabled=True, blend=name, noise=noise, progress="noise level")
    with Apple() as apple:
        if noising is VP:
            noising = VP(torch.empty(1000, device=DEVICE))
        mask = torch.empty(1, 1, 16, 12, device=DEVICE) if masked else None
        reference, own = Reference(latent(dtype), (2.0, 1.1), "bilinear"), latent(dtype)
        mixer = mixer_for(settings, reference, own, [1, 2], latent(dtype), len(levels), noising, mask=mask)
        mixer.begin(latent(dtype), 0, levels[0])  # tables come from the device once
        first = apple.waits
        for step, level in enumerate(levels[1:], start=1):
            x = mixer.begin(latent(dtype), step, level)
            assert x.dtype == dtype and x.device.type == DEVICE
    assert apple.waits == first <= 2


@pytest.mark.parametrize("bands", ["all frequencies", "fine detail"])
@pytest.mark.parametrize("blend", ["two bands", "linear"])
def test_masks_runs_that_go_back_and_normalizing_need_no_float64_and_wait_for_nothing(blend, bands):
    settings = MixingSettings(
        enabled=True, blend=blend, mask="uploaded picture", mask_softness=0.1, mask_bands=bands, normalize=True,
        rewind=True,
    )  # fmt: skip
    with Apple() as apple:
        maps = [torch.empty(1, 1, 16, 12, device=DEVICE) for _ in range(2)]
        first = mixer_for(settings, Reference(latent(), (2.0, 2.0)), latent(), [1, 2], latent(), 3, VE(), *maps)
        first.begin(latent(), 0, 9.0)
        waits = apple.waits
        again, state = rewound(first, latent(), 1, 1, 3.0)
        for mixer in (first, again):
            assert mixer.begin(state, 1, 3.0).device.type == DEVICE
        assert first.finished(state).device.type == DEVICE
    assert apple.waits == waits


@pytest.mark.parametrize("kind", ["mixing mask", "latent", "matched noise"])
def test_perlin_noise_needs_no_float64_and_waits_for_nothing(kind):
    with Apple() as apple:
        settings = MixingSettings(enabled=True, perlin=kind)
        mixer = mixer_for(settings, Reference(latent(), (2.0, 2.0)), latent(), [1, 2], latent(), 3, VE())
        for step, level in enumerate((9.0, 3.0)):
            assert mixer.begin(latent(), step, level).device.type == DEVICE
    assert apple.waits == 0


@pytest.mark.parametrize("noising", [VE(), Flow(), VP(alphas_cumprod())])
def test_sampling_backwards_needs_no_float64(noising):
    with Apple() as apple:
        levels = levels_upwards([801.0, 401.0] if isinstance(noising, VP) else [0.9, 0.4, 0.0], noising, 3)
        assert unsample(lambda x, level: x, latent(), levels, noising).device.type == DEVICE
    assert apple.waits == 0


@pytest.mark.parametrize("interpolate", [blend_latents, slerp_latents, cosine_latents])
def test_latent_interpolation_needs_no_float64(interpolate):
    with Apple() as apple:
        interpolate(latent(torch.float16), latent(torch.float16), 0.3)
    assert apple.waits == 0


def test_the_colour_anchor_needs_no_float64():
    with Apple() as apple:
        anchored(latent(), latent(), 0.5)
    assert apple.waits == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_the_camera_needs_no_float64_and_waits_for_nothing(dtype):
    with Apple() as apple:
        seen = moved(latent(dtype), Move(1.02, 0.01, 0.02, 3.0), latent(dtype), 0.5)
    assert (seen.dtype, seen.device.type, seen.shape) == (dtype, DEVICE, (2, 4, 16, 12))
    assert apple.waits == 0


def test_a_closed_loop_needs_no_float64_and_waits_for_nothing():
    with Apple() as apple:
        drawn_back(latent(), latent(), latent(), torch.empty(2, device=DEVICE), 7, 8)
    assert apple.waits == 0


@pytest.mark.parametrize("method", ["slerp", "linear", "step"])
def test_a_conditioning_s_travel_needs_no_float64(method):
    token = latent(torch.float16, (77, 8))
    with Apple():
        assert mixed(token, token, 0.4, method).device.type == DEVICE


def test_the_mode_finds_what_it_is_there_for():
    with Apple() as apple, pytest.raises(AssertionError, match="float64 on the device"):
        latent().double()
    with Apple() as apple, pytest.raises(AssertionError, match="first .cpu"):
        latent().to("cpu", torch.float64)
    with Apple() as apple:
        assert float(latent().sum()) == 0.5 and latent().cpu().shape == (2, 4, 16, 12)
    assert apple.waits == 2


def test_the_bases_of_the_low_pass_are_made_once_per_run():
    x = torch.randn(1, 4, 8, 8)
    mixer = Mixer(MixingSettings(blend="low-pass"), x, x, steps=3, scale=(2.0, 2.0))
    mixer.mix(x, 0, 3.0)
    bases = list(mixer.lowpass._bases.values())
    mixer.mix(x, 1, 2.0)
    assert all(a is b for a, b in zip(bases, mixer.lowpass._bases.values(), strict=True))
