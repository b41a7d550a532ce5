"""One sampler of each kind that the hosts have, by the hosts' function names and with their arguments: what differs is
when they evaluate the model, which tensor is their state, and what they remember.

`randn_like` is where the ancestral ones draw from; the host puts its own there, as A1111 does to k-diffusion's torch.
"""

from __future__ import annotations

import torch

INFINITY = float("inf")
randn_like = torch.randn_like


def default_noise_sampler(x):
    return lambda sigma, following: randn_like(x)


def churned(x, sigma, steps, s_churn, s_tmin, s_tmax, s_noise):
    """The state and its level with noise added, as the option "sigma churn" wants it."""
    gamma = min(s_churn / steps, 2**0.5 - 1) if s_tmin <= sigma <= s_tmax else 0.0
    noise = randn_like(x) * s_noise  # drawn at every step, used or not
    raised = sigma * (gamma + 1)
    return (x + noise * (raised**2 - sigma**2) ** 0.5 if gamma > 0 else x), raised


def sample_euler(
    model, x, sigmas, extra_args=None, callback=None, disable=None, s_churn=0.0, s_tmin=0.0, s_tmax=INFINITY,
    s_noise=1.0,
):  # fmt: skip
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        raised = sigma
        if s_churn > 0:
            x, raised = churned(x, sigma, len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        denoised = model(x, raised * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": raised, "denoised": denoised})
        x = x + (x - denoised) / raised * (following - raised)
    return x


def sample_euler_ancestral(
    model, x, sigmas, extra_args=None, callback=None, disable=None, eta=1.0, s_noise=1.0, noise_sampler=None
):
    noise_sampler = default_noise_sampler(x) if noise_sampler is None else noise_sampler
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        up = min(following, eta * (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
        x = x + (x - denoised) / sigma * ((following**2 - up**2) ** 0.5 - sigma)
        if following > 0:
            x = x + noise_sampler(sigma, following) * s_noise * up
    return x


def sample_dpmpp_sde(
    model, x, sigmas, extra_args=None, callback=None, disable=None, eta=1.0, s_noise=1.0, noise_sampler=None, r=1 / 2
):
    """Two evaluations a step, the second one at the middle; noise by Brownian motion, which the host hands over."""
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        if following == 0:
            x = denoised
            continue
        middle = (sigma * following) ** 0.5
        ahead = denoised + (x - denoised) * middle / sigma + noise_sampler(sigma, middle) * s_noise * eta * 0.1 * middle
        denoised = model(ahead, middle * x.new_ones(len(x)), **(extra_args or {}))
        up = min(following, eta * (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
        x = x + (x - denoised) / sigma * ((following**2 - up**2) ** 0.5 - sigma)
        x = x + noise_sampler(sigma, following) * s_noise * up
    return x


def sample_dpmpp_2m_sde(
    model, x, sigmas, extra_args=None, callback=None, disable=None, eta=1.0, s_noise=1.0, noise_sampler=None,
    solver_type="midpoint",
):  # fmt: skip
    """One evaluation a step. solver_type: the host hands it over for "Heun" alone."""
    before = None
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        target = denoised
        if before is not None and following > 0:
            target = denoised + (0.5 if solver_type == "midpoint" else 0.4) * (denoised - before)
        before = denoised
        up = min(following, eta * (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
        x = target + (x - target) / sigma * (following**2 - up**2) ** 0.5
        if following > 0:
            x = x + noise_sampler(sigma, following) * s_noise * up
    return x


def sample_heun(
    model, x, sigmas, extra_args=None, callback=None, disable=None, s_churn=0.0, s_tmin=0.0, s_tmax=INFINITY,
    s_noise=1.0,
):  # fmt: skip
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        slope = (x - denoised) / sigma
        if following > 0:
            ahead = x + slope * (following - sigma)
            slope = (
                slope + (ahead - model(ahead, following * x.new_ones(len(x)), **(extra_args or {}))) / following
            ) / 2
        x = x + slope * (following - sigma)
    return x


def sample_dpmpp_2m(model, x, sigmas, extra_args=None, callback=None, disable=None):
    before = None
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        target = denoised
        if before is not None and following > 0:
            ratio = (sigmas[i - 1].log() - sigma.log()) / (sigma.log() - following.log())
            target = denoised + (denoised - before) / (2 * ratio)
        x = following / sigma * x + (1 - following / sigma) * target
        before = denoised
    return x


def sample_lms(model, x, sigmas, extra_args=None, callback=None, disable=None, order=4):
    """Adams-Bashforth of second order for uneven steps."""
    before = None
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        slope = (x - denoised) / sigma
        used = slope
        if before is not None:
            used = slope + (slope - before) * (following - sigma) / (2 * (sigma - sigmas[i - 1]))
        x = x + used * (following - sigma)
        before = slope
    return x


def sample_lcm(model, x, sigmas, extra_args=None, callback=None, disable=None, noise_sampler=None):
    noise_sampler = default_noise_sampler(x) if noise_sampler is None else noise_sampler
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)), **(extra_args or {}))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        x = denoised + following * noise_sampler(sigma, following) if following > 0 else denoised
    return x


def sample_dpm_adaptive(
    model, x, sigma_min, sigma_max, extra_args=None, callback=None, disable=None, order=3, rtol=0.05, atol=0.0078,
    h_init=0.05, pcoeff=0.0, icoeff=1.0, dcoeff=0.0, accept_safety=0.81, eta=0.0, s_noise=1.0, noise_sampler=None,
    return_info=False,
):  # fmt: skip
    """Tries each step twice, the first try being rejected; three evaluations a try."""
    levels = torch.logspace(float(torch.log10(sigma_max)), float(torch.log10(sigma_min)), 8)
    accepted = 0
    for i in range(2 * (len(levels) - 1)):
        sigma, following = levels[accepted], levels[accepted + 1]
        ones = x.new_ones(len(x))
        slope = (x - model(x, sigma * ones, **(extra_args or {}))) / sigma
        for part in (0.3, 0.6):
            between = sigma + part * (following - sigma)
            model(x + slope * (between - sigma), between * ones, **(extra_args or {}))
        if i % 2:
            x = x + slope * (following - sigma)
            accepted += 1
        callback({"x": x, "i": i, "sigma": levels[accepted], "n_accept": accepted, "denoised": x})
    return x


def ddim(model, x, timesteps, extra_args=None, callback=None, disable=None, eta=0.0):
    abar = model.inner_model.inner_model.alphas_cumprod
    for i in range(len(timesteps) - 1):
        now, following = timesteps[-1 - i], timesteps[-2 - i]
        eps = model(x, now * x.new_ones(len(x)), **(extra_args or {}))
        x = _ddim_step(x, eps, abar[now], abar[following])
        callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": x})
    return x


def plms(model, x, timesteps, extra_args=None, callback=None, disable=None):
    abar = model.inner_model.inner_model.alphas_cumprod
    remembered = []
    for i in range(len(timesteps) - 1):
        now, following = timesteps[-1 - i], timesteps[-2 - i]
        eps = model(x, now * x.new_ones(len(x)), **(extra_args or {}))
        if not remembered:
            ahead = _ddim_step(x, eps, abar[now], abar[following])
            used = (eps + model(ahead, following * x.new_ones(len(x)), **(extra_args or {}))) / 2
        else:
            used = (3 * eps - remembered[-1]) / 2
        remembered.append(eps)
        x = _ddim_step(x, used, abar[now], abar[following])
        callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": x})
    return x


def unipc(model, x, timesteps, extra_args=None, callback=None, disable=None, is_img2img=False):
    """Order 1: the state at a level is corrected with the prediction made there, from the state before."""
    abar = model.inner_model.inner_model.alphas_cumprod
    levels = [*reversed(timesteps.tolist()), 0]
    known = _x0(model, x, levels[0], abar, extra_args)
    for i, (now, following) in enumerate(zip(levels[:-1], levels[1:])):
        a, s = abar[following].sqrt(), (1 - abar[following]).sqrt()
        noise_share = s / (1 - abar[now]).sqrt()
        kept = noise_share * (x - abar[now].sqrt() * known) + a * known
        if following > 0:
            found = _x0(model, kept.clone(), following, abar, extra_args)
            kept = kept + a * (1 - noise_share / (a / abar[now].sqrt())) * 0.5 * (found - known)
            known = found
        x = kept
        callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": known})
    return x


def sample_unipc(model, x, sigmas, extra_args=None, callback=None, disable=False, variant="bh1"):
    """Forge Neo's, of order 1: its own state is x / sqrt(1 + sigma^2). The last callback is after the jump to 0.001."""
    times = [*sigmas[:-1], sigmas[-1].clamp(min=0.001)]
    scales = [(1 + sigma**2) ** 0.5 for sigma in times]
    y = x / scales[0]
    known = _x0_of_rescaled(model, y, times[0], extra_args)
    callback({"x": y, "i": 0, "denoised": known})
    for i in range(1, len(times) - 1):
        h = (times[i - 1] / times[i]).log()
        predicted = _towards(y, known, times[i - 1], times[i])
        found = _x0_of_rescaled(model, predicted, times[i], extra_args)
        y, known = predicted + 0.5 * h * (found - known) / scales[i], found
        if i == len(times) - 2:
            y = _towards(y, known, times[i], times[i + 1])
        callback({"x": y, "i": i, "denoised": known})
    return y * scales[-1]


def _x0_of_rescaled(model, y, sigma, extra_args):
    x = y * (1 + sigma**2) ** 0.5
    eps = (x - model(x, sigma * y.new_ones(len(y)), **(extra_args or {}))) / sigma
    return y * (1 + sigma**2) ** 0.5 - sigma * eps


def _towards(y, known, sigma, following):
    """Euler's step in the rescaled state."""
    x = y * (1 + sigma**2) ** 0.5
    return (following / sigma * x + (1 - following / sigma) * known) / (1 + following**2) ** 0.5


def _x0(model, x, t, abar, extra_args):
    eps = model(x, float(t) * x.new_ones(len(x)), **(extra_args or {}))
    return (x - (1 - abar[t]).sqrt() * eps) / abar[t].sqrt()


def _ddim_step(x, eps, abar, following):
    x0 = (x - (1 - abar).sqrt() * eps) / abar.sqrt()
    return following.sqrt() * x0 + (1 - following).sqrt() * eps


SAMPLERS = {
    "Euler": sample_euler,
    "Euler a": sample_euler_ancestral,
    "Heun": sample_heun,
    "DPM++ 2M": sample_dpmpp_2m,
    "DPM++ SDE": sample_dpmpp_sde,
    "DPM++ 2M SDE": sample_dpmpp_2m_sde,
    "DPM++ 2M SDE Heun": sample_dpmpp_2m_sde,
    "LMS": sample_lms,
    "LCM": sample_lcm,
    "DPM adaptive": sample_dpm_adaptive,
    "DDIM": ddim,
    "PLMS": plms,
    "UniPC": unipc,
    "UniPC of Forge Neo": sample_unipc,
}

# What the hosts know of them beside the function.
OPTIONS = {
    "UniPC of Forge Neo": {"discard_next_to_last_sigma": True},
    "DPM++ SDE": {"brownian_noise": True},
    "DPM++ 2M SDE": {"brownian_noise": True},
    "DPM++ 2M SDE Heun": {"brownian_noise": True, "solver_type": "heun"},
}
EXTRA = ("s_churn", "s_tmin", "s_tmax", "s_noise")  # arguments from options of the same names
