"""How each sampler function of the hosts spends its model evaluations: where a step begins, and in what noise.

Measured on A1111 1.10.1, Forge, reForge and Forge Neo. A sampler that is not in the table is refused by name: which of
its evaluations may be touched is not known, and mixing at a wrong one leaks with wrong factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SamplerCall:
    """What a sampler function was called with. levels: the noise level at the start of each step, and 0 (sigmas) or
    the last timestep; empty where only the range is known (DPM fast, DPM adaptive)."""

    levels: tuple[float, ...]
    evaluations: int | None = None  # DPM fast: how many it was given
    last_level: float = 0.0  # DPM fast and adaptive: where they end

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> SamplerCall:
        if arguments.get("sigmas") is not None:
            return cls(tuple(float(sigma) for sigma in arguments["sigmas"]))
        if arguments.get("timesteps") is not None:
            return cls(tuple(float(t) for t in reversed(arguments["timesteps"])))
        return cls((), arguments.get("n"), float(arguments.get("sigma_min", 0.0)))


@dataclass(frozen=True)
class Pattern:
    """steps: of a run, None where nobody knows beforehand. extra: model evaluations that a step makes after the
    one that its callback reports; they belong to the solver and are never touched.

    state: where a change of x becomes the sampler's state. "evaluation": at the first of a step. "segments": there
    too, but the sampler remembers derivatives, which a change makes wrong, so each mixed step is a fresh start
    (and so Euler's). "callback": in the callback that ends the step before. "rescaled": likewise,
    of a state divided by sqrt(1 + sigma^2). "acceptance": likewise, where it reports
    an accepted try.
    history: "shift" where the sampler remembers noise predictions, which then move along with the state.
    has_levels: whether it is called with the level of each step.

    Which of them sample by timestep is for `compat.sampling.noising_of` to know.
    """

    steps: Callable[[SamplerCall], int | None]
    extra: Callable[[SamplerCall, dict[str, Any]], int]
    state: str = "evaluation"
    history: str = ""
    has_levels: bool = True

    @property
    def goes_back(self) -> bool:
        """Whether a call can begin at any of its steps: UniPC divides a range by itself, and holds its own state."""
        return self.has_levels and self.state in ("evaluation", "segments")

    @property
    def counts_steps(self) -> bool:
        """Whether the number of steps is known before the run."""
        return self.state != "acceptance"


def pattern_of(function: Callable) -> Pattern | None:
    """The pattern of a sampler function, None if it is not known."""
    return PATTERNS.get(getattr(function, "__name__", ""))


def _intervals(call: SamplerCall) -> int:
    return len(call.levels) - 1


def _none(call: SamplerCall, d: dict[str, Any]) -> int:
    return 0


def _one_unless_last(call: SamplerCall, d: dict[str, Any]) -> int:
    return 0 if call.levels[d["i"] + 1] == 0 else 1


def _one_unless_to_zero(call: SamplerCall, d: dict[str, Any]) -> int:
    """Restart reports the level that the step goes to, and makes steps that its schedule does not list."""
    return 0 if d["sigma"] == 0 else 1


def _heunpp2(call: SamplerCall, d: dict[str, Any]) -> int:
    """Three evaluations per step, two in the last but one, one in the last."""
    return min(2, _intervals(call) - 1 - d["i"])


def _two_unless_last(call: SamplerCall, d: dict[str, Any]) -> int:
    return 2 * _one_unless_last(call, d)


def _two_in_the_first_half(call: SamplerCall, d: dict[str, Any]) -> int:
    """Kohaku LoNyu Yog also evaluates at -x and at a try, up to the middle of the run."""
    return 2 if d["i"] <= _intervals(call) / 2 else 0


def _fast_orders(call: SamplerCall) -> list[int]:
    """DPM-Solver-fast's groups (Lu et al., arXiv 2206.00927, section 3.4): one group is one step."""
    groups = call.evaluations // 3 + 1
    if call.evaluations % 3 == 0:
        return [3] * (groups - 2) + [2, 1]
    return [3] * (groups - 1) + [call.evaluations % 3]


SINGLE = Pattern(_intervals, _none)
SECOND_ORDER = Pattern(_intervals, _one_unless_last)
DERIVATIVE_HISTORY = Pattern(_intervals, _none, state="segments")

PATTERNS = {
    "sample_euler": SINGLE,
    "sample_euler_ancestral": SINGLE,
    "sample_dpmpp_2m": SINGLE,
    "sample_dpmpp_2m_sde": SINGLE,
    "sample_dpmpp_3m_sde": SINGLE,
    "sample_lcm": SINGLE,
    "sample_ddpm": SINGLE,
    "sample_er_sde": SINGLE,
    "sample_res_multistep": SINGLE,
    "sample_res_multistep_ancestral": SINGLE,
    "sample_euler_cfg_pp": SINGLE,
    "sample_euler_ancestral_cfg_pp": SINGLE,
    "sample_dpmpp_2m_cfg_pp": SINGLE,
    "sample_dpmpp_3m_sde_cfg_pp": SINGLE,
    "sample_res_multistep_cfg_pp": SINGLE,
    "sample_res_multistep_ancestral_cfg_pp": SINGLE,
    "sample_heun": SECOND_ORDER,
    "sample_dpm_2": SECOND_ORDER,
    "sample_dpm_2_ancestral": SECOND_ORDER,
    "sample_dpmpp_sde": SECOND_ORDER,
    "sample_dpmpp_2s_ancestral": SECOND_ORDER,
    "sample_dpmpp_2s_ancestral_RF": SECOND_ORDER,
    "sample_dpmpp_sde_classic": SECOND_ORDER,
    "sample_dpmpp_sde_cfg_pp": SECOND_ORDER,
    "sample_dpmpp_2s_ancestral_cfg_pp": SECOND_ORDER,
    "sample_dpmpp_2s_ancestral_cfg_pp_dyn": SECOND_ORDER,
    "sample_seeds_2": SECOND_ORDER,
    "sample_seeds_3": Pattern(_intervals, _two_unless_last),
    "sample_Kohaku_LoNyu_Yog": Pattern(_intervals, _two_in_the_first_half),
    "restart_sampler": Pattern(_intervals, _one_unless_to_zero),
    "sample_heunpp2": Pattern(_intervals, _heunpp2),
    "sample_lms": DERIVATIVE_HISTORY,
    "sample_ipndm": DERIVATIVE_HISTORY,
    "sample_ipndm_v": DERIVATIVE_HISTORY,
    "sample_deis": DERIVATIVE_HISTORY,
    "sample_gradient_estimation": DERIVATIVE_HISTORY,
    "sample_gradient_estimation_cfg_pp": DERIVATIVE_HISTORY,
    "sample_dpm_fast": Pattern(
        lambda call: len(_fast_orders(call)), lambda call, d: _fast_orders(call)[d["i"]] - 1, has_levels=False
    ),
    "sample_dpm_adaptive": Pattern(lambda call: None, _none, state="acceptance", has_levels=False),
    "ddim": SINGLE,
    "ddim_cfgpp": SINGLE,
    "plms": Pattern(_intervals, _none, history="shift"),
    "unipc": Pattern(lambda call: len(call.levels), _none, state="callback"),
    "sample_unipc": Pattern(_intervals, _none, state="rescaled"),  # Forge Neo's
}
