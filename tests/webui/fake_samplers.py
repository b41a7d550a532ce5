"""One sampler of each kind that the hosts have, by the hosts' function names: what differs is when they evaluate the
model, which tensor is their state, and what they remember."""

from __future__ import annotations

import torch


def sample_euler(model, x, sigmas, extra_args=None, callback=None, disable=None):
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        x = x + (x - denoised) / sigma * (following - sigma)
    return x


def sample_euler_ancestral(model, x, sigmas, extra_args=None, callback=None, disable=None, eta=1.0, noise_sampler=None):
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        up = min(following, (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
        x = x + (x - denoised) / sigma * ((following**2 - up**2) ** 0.5 - sigma)
        if following > 0:
            x = x + noise_sampler() * up
    return x


def sample_heun(model, x, sigmas, extra_args=None, callback=None, disable=None):
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        slope = (x - denoised) / sigma
        if following > 0:
            ahead = x + slope * (following - sigma)
            slope = (slope + (ahead - model(ahead, following * x.new_ones(len(x)))) / following) / 2
        x = x + slope * (following - sigma)
    return x


def sample_dpmpp_2m(model, x, sigmas, extra_args=None, callback=None, disable=None):
    before = None
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        target = denoised
        if before is not None and following > 0:
            ratio = (sigmas[i - 1].log() - sigma.log()) / (sigma.log() - following.log())
            target = denoised + (denoised - before) / (2 * ratio)
        x = following / sigma * x + (1 - following / sigma) * target
        before = denoised
    return x


def sample_lms(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Adams-Bashforth of second order for uneven steps."""
    before = None
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        slope = (x - denoised) / sigma
        used = slope
        if before is not None:
            used = slope + (slope - before) * (following - sigma) / (2 * (sigma - sigmas[i - 1]))
        x = x + used * (following - sigma)
        before = slope
    return x


def sample_lcm(model, x, sigmas, extra_args=None, callback=None, disable=None, noise_sampler=None):
    for i, (sigma, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
        denoised = model(x, sigma * x.new_ones(len(x)))
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
        x = denoised + following * noise_sampler() if following > 0 else denoised
    return x


def sample_dpm_adaptive(model, x, sigma_min, sigma_max, extra_args=None, callback=None, disable=None):
    """Tries each step twice, the first try being rejected; three evaluations a try."""
    levels = torch.logspace(float(torch.log10(sigma_max)), float(torch.log10(sigma_min)), 8)
    accepted = 0
    for i in range(2 * (len(levels) - 1)):
        sigma, following = levels[accepted], levels[accepted + 1]
        ones = x.new_ones(len(x))
        slope = (x - model(x, sigma * ones)) / sigma
        for part in (0.3, 0.6):
            between = sigma + part * (following - sigma)
            model(x + slope * (between - sigma), between * ones)
        if i % 2:
            x = x + slope * (following - sigma)
            accepted += 1
        callback({"x": x, "i": i, "sigma": levels[accepted], "n_accept": accepted, "denoised": x})
    return x


def ddim(model, x, timesteps, extra_args=None, callback=None, disable=None):
    abar = model.inner_model.inner_model.alphas_cumprod
    for i in range(len(timesteps) - 1):
        now, following = timesteps[-1 - i], timesteps[-2 - i]
        eps = model(x, now * x.new_ones(len(x)))
        x = _ddim_step(x, eps, abar[now], abar[following])
        callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": x})
    return x


def plms(model, x, timesteps, extra_args=None, callback=None, disable=None):
    abar = model.inner_model.inner_model.alphas_cumprod
    remembered = []
    for i in range(len(timesteps) - 1):
        now, following = timesteps[-1 - i], timesteps[-2 - i]
        eps = model(x, now * x.new_ones(len(x)))
        if not remembered:
            ahead = _ddim_step(x, eps, abar[now], abar[following])
            used = (eps + model(ahead, following * x.new_ones(len(x)))) / 2
        else:
            used = (3 * eps - remembered[-1]) / 2
        remembered.append(eps)
        x = _ddim_step(x, used, abar[now], abar[following])
        callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": x})
    return x


def unipc(model, x, timesteps, extra_args=None, callback=None, disable=None):
    """Order 1: the state at a level is corrected with the prediction made there, from the state before."""
    abar = model.inner_model.inner_model.alphas_cumprod
    levels = [*reversed(timesteps.tolist()), 0]
    known = _x0(model, x, levels[0], abar)
    for i, (now, following) in enumerate(zip(levels[:-1], levels[1:])):
        a, s = abar[following].sqrt(), (1 - abar[following]).sqrt()
        noise_share = s / (1 - abar[now]).sqrt()
        kept = noise_share * (x - abar[now].sqrt() * known) + a * known
        if following > 0:
            found = _x0(model, kept.clone(), following, abar)
            kept = kept + a * (1 - noise_share / (a / abar[now].sqrt())) * 0.5 * (found - known)
            known = found
        x = kept
        callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": known})
    return x


def _x0(model, x, t, abar):
    eps = model(x, float(t) * x.new_ones(len(x)))
    return (x - (1 - abar[t]).sqrt() * eps) / abar[t].sqrt()


def _ddim_step(x, eps, abar, following):
    x0 = (x - (1 - abar).sqrt() * eps) / abar.sqrt()
    return following.sqrt() * x0 + (1 - following).sqrt() * eps


SAMPLERS = {
    "Euler": sample_euler,
    "Euler a": sample_euler_ancestral,
    "Heun": sample_heun,
    "DPM++ 2M": sample_dpmpp_2m,
    "LMS": sample_lms,
    "LCM": sample_lcm,
    "DPM adaptive": sample_dpm_adaptive,
    "DDIM": ddim,
    "PLMS": plms,
    "UniPC": unipc,
}
