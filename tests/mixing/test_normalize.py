import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.mixer import Mixer
from itermix.mixing.normalize import normalized
from itermix.mixing.settings import MixingSettings


def latent(seed, shape=(2, 4, 8, 8), dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (2, 4, 3, 8, 8)])
def test_every_channel_of_every_image_gets_the_references_mean_and_deviation(shape):
    x, z = 3.0 * latent(0, shape) + 1.0, latent(1, shape)
    made = normalized(x, z).flatten(2)
    assert_close(made.mean(2), z.flatten(2).mean(2))
    assert_close(made.std(2), z.flatten(2).std(2))


def test_a_latent_that_has_them_is_left_as_it_is():
    x = latent(0)
    assert_close(normalized(x, x), x, rtol=0, atol=1e-12)


def test_a_flat_channel_gets_the_mean_alone():
    z = latent(1)
    made = normalized(torch.zeros_like(z), z)
    assert_close(made, z.mean((2, 3), keepdim=True).expand_as(z))


def test_with_a_mask_nothing_outside_counts_and_nothing_outside_changes():
    x, z = latent(0), latent(1)
    painted = torch.zeros(1, 1, 8, 8)
    painted[..., :3] = 1.0
    made = normalized(x, z, painted)
    assert torch.equal(made[..., 3:], x[..., 3:])
    assert_close(made[..., :3], normalized(x[..., :3], z[..., :3]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_dtype_stays(dtype):
    assert normalized(latent(0, dtype=dtype), latent(1)).dtype == dtype


def test_an_image_of_a_batch_is_normalized_as_it_is_alone():
    x, z = latent(0), latent(1)
    assert_close(normalized(x, z)[1:], normalized(x[1:], z[1:]), rtol=0, atol=0)


@pytest.mark.parametrize("settings", [{}, {"normalize": True, "minimum": 0.0, "maximum": 0.0}])
def test_switched_off_or_without_a_mixed_step_the_result_is_the_very_same(settings):
    x = latent(0)
    mixer = Mixer(MixingSettings(**settings), latent(1), latent(2), steps=2)
    mixer.begin(x, 0, 2.0)
    assert mixer.finished(x) is x
