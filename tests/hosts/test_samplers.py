"""Every sampler of the host: mixing is in the sampler's state, at the start of the step, at its noise level."""

from __future__ import annotations

import numpy as np
import pytest

from tests.hosts.sampled import (
    ALL,
    ENDS_ABOVE_ZERO,
    RESCALED,
    TIMESTEP_SAMPLERS,
    check_response,
    each,
    generate,
    off_by,
    run,
)

NONE = dict(minimum=0.0, maximum=0.0)
REFUSED = ("is not known to itermix", "is for flow models")
# All of A1111's and Forge's: none of them may be refused on any host that offers it.
KNOWN = {
    "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE", "Euler a", "Euler",
    "LMS", "Heun", "DPM2", "DPM2 a", "DPM fast", "DPM adaptive", "Restart", "DDIM", "DDIM CFG++", "PLMS", "UniPC",
    "LCM", "HeunPP2", "IPNDM", "IPNDM_V", "DEIS", "DDPM",
}  # fmt: skip


@pytest.fixture(scope="module")
def offered(host, picture):
    """The last log line of a mixed run, by the name of each of the host's samplers."""
    lines = {}
    for sampler in host.get("/sdapi/v1/samplers"):
        host.arm(network="gaussian")
        lines[sampler["name"]] = generate(host, picture, sampler["name"], {"enabled": True}, steps=4).log[-1]
    return lines


@pytest.fixture(scope="module")
def names(offered, record_testsuite_property):
    """Those that are mixed: of Forge's family some have dozens of their own, which are refused by name."""
    found = [name for name, line in offered.items() if not any(reason in line for reason in REFUSED)]
    record_testsuite_property("samplers", ", ".join(found))  # tools/hosts.py keeps them
    return found


def test_a_sampler_that_is_not_known_is_refused_by_name_and_makes_its_own_picture(host, offered, names, picture):
    assert {"Euler", "Heun", "DPM++ 2M", "DDIM", "UniPC"} <= set(names)
    assert not KNOWN & (set(offered) - set(names))

    def check(name):
        host.arm(network="gaussian")
        first, off, on = (generate(host, picture, name, mixing, steps=4) for mixing in (None, None, {"enabled": True}))
        assert len(on.log) == 1 and any(f'the sampler "{name}" {reason}' in on.log[0] for reason in REFUSED), on.log
        assert off.same_as(on) or not off.same_as(first), "the picture differs"  # some draw from the host's generator

    each([name for name in offered if name not in names], check)


def test_weight_0_is_bit_identical_to_the_accordion_off(host, names, picture):
    def check(name):
        off, trace_off = run(host, picture, name, denoiser="gaussian")
        zero, trace_zero = run(host, picture, name, {"enabled": True, **NONE}, denoiser="gaussian")
        assert np.array_equal(trace_off.final, trace_zero.final), "the final latent differs"
        assert off.same_as(zero), "the picture differs"

    each(names, check)


def test_weight_1_makes_the_state_the_noised_reference_at_the_start_of_every_step(host, names, picture):
    def check(name):
        _, off = run(host, picture, name, denoiser="gaussian")
        generation, trace = run(host, picture, name, {"enabled": True, **ALL}, denoiser="gaussian")
        for step, (state, level) in enumerate(zip(trace.states, trace.levels)):
            # The timestep samplers' first state is noisier than its timestep says: it stays the host's own.
            wanted = off.states[0] if step == 0 and trace.name in TIMESTEP_SAMPLERS else trace.reference(level)
            assert off_by(state, wanted) < 1e-3, f"step {step} is off by {off_by(state, wanted):.2g}"
        assert f"mixed {len(trace.states)}" in generation.log[-1], generation.log[-1]

    each(names, check)


@pytest.mark.real_host
def test_churn_evaluates_at_a_higher_level_and_the_reference_is_noised_to_that(host, picture):
    def check(name):
        churn = {"s_churn": 5.0, "s_tmin": 0.1, "s_tmax": 10.0}
        _, calm = run(host, picture, name, {"enabled": True, **ALL}, denoiser="gaussian")
        _, trace = run(host, picture, name, {"enabled": True, **ALL}, body=churn, denoiser="gaussian")
        assert max(a - b for a, b in zip(trace.levels, calm.levels)) > 0.1, "nothing was churned"
        for step, (state, level) in enumerate(zip(trace.states, trace.levels)):
            assert off_by(state, trace.reference(level)) < 1e-3, f"step {step}"

    each(["Euler", "Heun", "DPM2"], check)


def test_restart_goes_up_again(host, names, picture):
    if "Restart" not in names:
        pytest.skip("the host has no Restart")
    _, trace = run(host, picture, "Restart", {"enabled": True}, denoiser="gaussian")
    assert any(after > before for before, after in zip(trace.levels, trace.levels[1:]))


def test_weight_1_ends_where_the_last_step_from_the_noised_reference_ends(host, names, picture):
    def check(name):
        denoiser = "constant" if name in ENDS_ABOVE_ZERO else "gaussian"
        _, trace = run(host, picture, name, {"enabled": True, **ALL}, denoiser=denoiser)
        wanted = last_step(trace)
        assert off_by(trace.final, wanted) < 1e-3, f"ends {off_by(trace.final, wanted):.2g} away"

    each(names, check)


def last_step(trace):
    """A step to sigma 0 gives the denoised latent; with a constant denoiser C any exact step keeps the noise in x."""
    level = trace.levels[-1]
    mu = constant(trace.final.shape)
    z = trace.reference(level)
    if trace.name not in ENDS_ABOVE_ZERO:
        return (0.25 * z + level**2 * mu) / (0.25 + level**2)
    signal, sigma = trace.coefficients(level)
    end_signal, end_sigma = final_coefficients(trace)
    return end_signal * mu + end_sigma * (z - signal * mu) / sigma


def final_coefficients(trace):
    if trace.name in ("DDIM", "DDIM CFG++", "PLMS"):
        return trace.coefficients(1.0)  # the first of the hosts' timesteps
    if trace.name == "UniPC":
        return trace.coefficients(0.0)
    if trace.name == RESCALED:
        return 1.0, 0.001
    noise = trace.final - constant(trace.final.shape)  # DPM fast and adaptive end at the schedule's last sigma
    reference = (trace.reference(trace.levels[-1]) - constant(trace.final.shape)) / trace.levels[-1]
    return 1.0, float((noise * reference).sum() / (reference**2).sum())


def constant(shape):
    c, h, w = (np.arange(n) for n in shape[-3:])
    return np.sin(0.7 * (c + 1)[:, None, None] + 0.31 * h[:, None] + 0.17 * w)[None]


def test_a_change_at_a_step_reaches_the_result_by_the_samplers_own_transition_factors(host, names, picture):
    each(names, lambda name: check_response(host, picture, name))


def test_no_hook_is_left_on_the_model(host, names, picture):
    def check(name):
        _, trace = run(host, picture, name, {"enabled": True}, denoiser="gaussian")
        assert int(trace.arrays["hooks"]) == 0

    each(names, check)
