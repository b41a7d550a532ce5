"""A whole run of the ComfyUI node IterativeMixingSampler: Euler, 20 Karras steps, a denoiser in closed form."""

import dataclasses

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.curve import node_pack_weights
from itermix.mixing.mixer import Mixer
from itermix.mixing.settings import MixingSettings
from tests.mixing.recorded import RecordedNoise

STEPS = 20
# (curve, blend, alpha_1) as the pack and as we call them
RUNS = {
    "cosine_addition_a2.4": ("cosine (node pack)", "linear", 2.4),
    "cosine_addition_a0.5": ("cosine (node pack)", "linear", 0.5),
    "cosine_slerp_a2.4": ("cosine (node pack)", "slerp", 2.4),
    "cosine_norm_only_a2.4": ("cosine (node pack)", "norm only", 2.4),
    "linear_addition_a2.4": ("linear", "linear", 2.4),
    "logistic_addition_a2.4": ("logistic", "linear", 2.4),
}


class PacksWeights(Mixer):
    """Takes the pack's own weights as they were recorded: float32, of which each processor rounds the last digit of a
    power in its own way."""

    recorded: torch.Tensor

    def weight(self, step, sigma):
        return 1.0 - float(self.recorded[step])


class PacksRounding(PacksWeights):
    """Linear blending as the pack rounds it: w and 1 - w in float32, each times its latent."""

    def mix(self, x, step, sigma):
        w = self.recorded[step].float()
        return (1 - w) * (self.reference + sigma * self.noise.at(step)) + w * x


@pytest.fixture(scope="module")
def recorded(oracle):
    file = oracle("iterative_mixing_euler")
    arrays = {name: torch.from_numpy(array) for name, array in file.items() if name != "README"}
    return {"kept_steps": torch.arange(STEPS), **arrays}


def denoised(x, sigma, mu, s=0.5):
    """The best guess of x0 ~ N(mu, s^2) from x = x0 + sigma n."""
    return (s**2 * x + sigma**2 * mu) / (s**2 + sigma**2)


def run(kind, name, recorded):
    """The states after each mixing, the last of which is the result."""
    curve, blend, alpha_1 = RUNS[name]
    preset = MixingSettings.from_dict({"preset": "Node pack", "enabled": True})
    settings = dataclasses.replace(preset, curve=curve, blend=blend, alpha_1=alpha_1)
    x0, z_prime, sigmas = recorded["x0"], recorded["z_prime"], recorded["sigmas"].tolist()
    # The last level is 0 and takes no noise.
    noise = torch.stack([(z - x0[0]) / sigma for z, sigma in zip(z_prime, sigmas[:STEPS])])
    mixer = kind(settings, x0, RecordedNoise(noise), STEPS)
    mixer.recorded = recorded[f"{name}_weights"]
    x, mixed = z_prime[:1], []
    for step, (sigma, after) in enumerate(zip(sigmas, sigmas[1:])):
        x = mixer.begin(x, step, sigma)
        mixed.append(x)
        x = x + (x - denoised(x, sigma, recorded["mu"])) / sigma * (after - sigma)
    return [*mixed[1:], mixer.end(x)]


@pytest.mark.parametrize("name", RUNS)
def test_every_state_is_the_packs_with_the_packs_own_weights(recorded, name):
    """Not closer than 1e-6: the pack takes w and 1 - w in float32, which do not add up to 1 to the last digit."""
    states = run(PacksWeights, name, recorded)
    assert_close(torch.stack(states)[recorded["kept_steps"]], recorded[f"{name}_blend_out"], rtol=0, atol=1e-6)
    assert_close(states[-1], recorded[f"{name}_final"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in RUNS if "addition" in name])
def test_nothing_but_that_rounding_is_between_the_packs_states_and_ours(recorded, name):
    states = run(PacksRounding, name, recorded)
    assert_close(torch.stack(states)[recorded["kept_steps"]], recorded[f"{name}_blend_out"], rtol=0, atol=1e-9)
    assert_close(states[-1], recorded[f"{name}_final"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", RUNS)
def test_every_state_is_the_packs_with_our_curves(recorded, name):
    """Within the rounding of the pack's float32 weights; of the preset's own window."""
    states = run(Mixer, name, recorded)
    assert_close(torch.stack(states)[recorded["kept_steps"]], recorded[f"{name}_blend_out"], rtol=0, atol=1e-5)
    assert_close(states[-1], recorded[f"{name}_final"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_the_recorded_weights_are_those_of_node_pack_weights(recorded, name):
    curve, _, alpha_1 = RUNS[name]
    own = node_pack_weights(curve.split()[0], STEPS, alpha_1)
    assert_close(own.double(), recorded[f"{name}_weights"], rtol=0, atol=1e-7)
