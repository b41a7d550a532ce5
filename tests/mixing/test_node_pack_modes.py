"""Recorded runs of the node pack's later features, and where it has a fault, what is right."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.rewind import starts
from itermix.mixing.settings import MixingSettings
from tests.mixing.pack import Recorded, dpmpp_2m, euler, lcm


@pytest.fixture(scope="module")
def recorded(oracle):
    return Recorded(oracle("node_pack_modes"))


def test_a_plain_run_is_the_packs(recorded):
    assert_close(recorded.run("euler_plain")[0], recorded.final("euler_plain"), rtol=0, atol=1e-5)


def test_a_range_upside_down_is_the_packs(recorded):
    """blend_min 0.7 and blend_max 0.2 of the sampler's latent: the reference's weight rises from 0.3 to 0.8."""
    made, _ = recorded.run("euler_range", maximum=0.3, minimum=0.8)
    assert_close(made, recorded.final("euler_range"), rtol=0, atol=1e-5)


def test_a_stop_beyond_the_run_is_the_packs(recorded):
    assert_close(recorded.run("euler_stop", stop=1.5)[0], recorded.final("euler_stop"), rtol=0, atol=1e-5)


def test_normalize_is_the_packs_normalize_on_mean(recorded):
    x, mixer = recorded.run("euler_normalized", normalize=True)
    assert_close(mixer.finished(x), recorded.final("euler_normalized"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", [euler, dpmpp_2m])
def test_a_hard_mask_is_the_packs(recorded, solver):
    name = f"{solver.__name__}_mask"
    made, _ = recorded.run(name, solver, mask=recorded.mask)
    assert_close(made, recorded.final(name), rtol=0, atol=1e-5)
    assert torch.equal((made - recorded.x0)[recorded.mask.expand_as(made) == 0.0].abs(), torch.zeros(4 * 24).double())


@pytest.mark.parametrize("solver", [euler, dpmpp_2m, lcm])
def test_rewind_is_the_packs(recorded, solver):
    name = f"{solver.__name__}_rewind"
    made, mixer = recorded.rewound(name, solver)
    assert mixer.report.rewinds == [5, 7, 8]
    assert_close(made, recorded.final(name), rtol=0, atol=1e-5)


def test_rewind_in_a_mask_is_the_packs(recorded):
    made, _ = recorded.rewound("euler_mask_rewind", mask=recorded.mask)
    assert_close(made, recorded.final("euler_mask_rewind"), rtol=0, atol=1e-5)


def test_a_rewound_result_is_normalized_to_the_first_reference_as_in_the_pack(recorded):
    made, mixer = recorded.rewound("euler_rewind_normalized", normalize=True)
    assert_close(mixer.finished(made), recorded.final("euler_rewind_normalized"), rtol=0, atol=1e-5)


def test_the_runs_begin_where_the_packs_do(recorded):
    """Of 100 combinations of steps, rewind_min and rewind_max; where the first is above the other the pack raises."""
    for steps, low, high, *found in recorded.arrays["ranges"].tolist():
        if low <= high:
            settings = MixingSettings(rewind=True, rewind_min=low, rewind_max=high)
            assert starts(settings, int(steps)) == [start for start in found if start >= 0], (steps, low, high)
