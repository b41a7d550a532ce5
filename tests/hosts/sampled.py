"""Runs of a host's samplers with a closed-form denoiser, and the state at the start of each of their steps."""

from __future__ import annotations

import numpy as np

from tools.real_host import as_base64

ALL = dict(minimum=1.0, maximum=1.0, blend="linear")  # weight 1 at every step
TIMESTEP_SAMPLERS = ("DDIM", "DDIM CFG++", "PLMS", "UniPC")
RESCALED = "UniPC of Forge Neo"  # what a trace of it is called
ENDS_ABOVE_ZERO = (*TIMESTEP_SAMPLERS, "DPM fast", "DPM adaptive", RESCALED)


def each(names, check):
    """Runs a check for every sampler and reports all that fail together."""
    failures = []
    for name in names:
        try:
            check(name)
        except AssertionError as error:
            failures.append(f"{name}: {str(error).splitlines()[0] if str(error) else 'failed'}")
    assert not failures, "\n".join(failures)


def run(host, picture, name, mixing=None, body=None, **probe):
    """An img2img run with a closed-form denoiser in place of the model, and what the probe saw of it."""
    host.arm(**probe)
    steps = 26 if name == "Restart" else 12  # Restart goes up again only in runs of 20 steps or more
    generation = generate(host, picture, name, mixing, **{"steps": steps, **(body or {})})
    return generation, Trace(host.trace(), RESCALED if name in rescaled(host) else name)


def generate(host, picture, name, mixing, **body):
    return host.generate(
        "img2img", mixing, sampler_name=name, init_images=[as_base64(picture)], denoising_strength=0.8,
        eta=0.0 if name in ENDS_ABOVE_ZERO else None, **body,
    )  # fmt: skip


class Trace:
    """What the probe saw, with the state at the start of each step found from the order of events alone."""

    def __init__(self, arrays, name):
        self.arrays, self.name = arrays, name
        self.final = arrays["final"]
        self.states, self.levels = self._states()

    def _states(self):
        evaluations, levels, callbacks = (self.arrays[key] for key in ("evaluations", "levels", "callbacks"))
        if self.name == "UniPC":  # the state of step k is what the callback of step k - 1 leaves
            count = len(evaluations)
            return [evaluations[0], *callbacks[: count - 1]], list(levels)
        if self.name == RESCALED:  # the callback of step k leaves its state, but the last step is over by then
            scales = np.sqrt(1 + levels**2).reshape(-1, *[1] * (evaluations.ndim - 1))
            return [*(callbacks * scales)[:-1], evaluations[-1]], list(levels)
        states, found, seen, fresh = [], [], 0, True
        for event in str(self.arrays["events"]):
            if event == "E":
                if fresh and self.name in TIMESTEP_SAMPLERS:
                    states.append(evaluations[seen])
                    found.append(levels[seen])
                fresh = False
                seen += 1
            else:
                if self.name == "DPM adaptive":
                    pass
                elif self.name not in TIMESTEP_SAMPLERS:
                    states.append(evaluations[seen - 1])
                    found.append(levels[seen - 1])
                fresh = True
        if self.name == "DPM adaptive":  # a try is three evaluations; a step is the first try at its level
            for x, level in zip(evaluations[::3], levels[::3]):
                if not found or level != found[-1]:
                    states.append(x)
                    found.append(level)
        return states, found

    def coefficients(self, level):
        alphas = self.arrays["alphas"]
        if not len(alphas):
            return (1.0 - level if self.arrays["flow"] else 1.0), level
        log_abar = np.log(alphas.astype(np.float64))
        abar = np.exp(np.interp(level, np.arange(len(log_abar)), log_abar))
        return abar**0.5, (1 - abar) ** 0.5

    def reference(self, level):
        signal, sigma = self.coefficients(level)
        return signal * self.arrays["z_ref"] + sigma * self.arrays["noise"]


def off_by(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def rescaled(host):
    """Forge Neo's UniPC is ComfyUI's: its own state is x / sqrt(1 + sigma^2)."""
    samplers = {sampler["name"]: sampler["options"] for sampler in host.get("/sdapi/v1/samplers")}
    return {name for name, has in samplers.items() if "UniPC" in name and "discard_next_to_last_sigma" in has}


def check_response(host, picture, name, body=None):
    """With a constant denoiser, a change mixed in at step i moves on as the same change of the initial noise does.

    All runs mix at step i, two of them by nothing: samplers that are started anew there keep one transition.

    Returns:
        How far it is off at most, as a share of the change.
    """
    errors = [0.0]

    def changed(step, by=0.0, noise_by=0.0):
        inject = {"step": step, "by": by}
        probe = dict(denoiser="constant", inject=inject, noise_by=noise_by)
        return run(host, picture, name, {"enabled": True}, body, **probe)[1]

    steps = len(run(host, picture, name, body=body, denoiser="constant")[1].states)
    for step in (1, steps // 2):
        base, moved, mixed = changed(step), changed(step, noise_by=0.5), changed(step, by=0.25)
        own = response(base, moved)
        ours = response(base, mixed)
        assert np.allclose(ours[:step], 0.0, atol=1e-5), f"step {step} changed the past"
        wanted = 0.25 * own[step:] / own[step] if own[step] else 0.0 * own[step:]
        if name.startswith("LCM"):  # forgets its state at every step: only the change itself is seen
            wanted[0] = 0.25
        errors.append(float(np.abs(ours[step:] - wanted).max()) / 0.25)
        assert np.allclose(ours[step:], wanted, rtol=5e-3, atol=1e-4), (
            f"step {step}: {np.round(ours[step:], 4)}, wanted {np.round(wanted, 4)}"
        )
    return max(errors)


def response(base, other):
    """Mean change of the state at the start of each step, and of the result."""
    states = zip([*base.states, base.final], [*other.states, other.final])
    return np.array([float((b - a).mean()) for a, b in states])
