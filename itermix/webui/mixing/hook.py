"""Attaches a mixer to one run of a host's sampler, and takes it off again whatever happens.

The sampler's function is wrapped for one call. Inside it a forward pre-hook on the model sees the sampler's own
state before every evaluation, and a wrapped callback tells where steps begin. A fault of ours stops the mixing,
is logged once, and never stops the sampling. What happens inside is in `runs.py`, what the hosts do in `samplers.py`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from itermix.mixing.mixer import Mixer
from itermix.webui.log import log
from itermix.webui.mixing import rewinds
from itermix.webui.mixing.rescaled import AtRescaledCallback
from itermix.webui.mixing.runs import AtAcceptance, AtCallback, AtEvaluation, InSegments, MixedRun
from itermix.webui.mixing.samplers import Pattern, SamplerCall, pattern_of

RUNS = {  # by a pattern's state
    "evaluation": AtEvaluation,
    "segments": InSegments,
    "callback": AtCallback,
    "rescaled": AtRescaledCallback,
    "acceptance": AtAcceptance,
}
OURS = "itermix_wrapper"  # on a wrapper: that it is one of ours


class Pass(Protocol):
    """What is to be mixed into a run, as `Attachment` asks for it."""

    def mixer(self, model: torch.nn.Module, x: Tensor, call: SamplerCall, pattern: Pattern) -> Mixer:
        """The mixer, when the run's state x and its schedule are known."""

    def is_interrupted(self) -> bool:
        """Whether the host is about to throw the evaluation away."""

    def done(self, mixer: Mixer, pattern: Pattern, call: SamplerCall, fault: str | None) -> None:
        """The run has ended, however it ended. fault: what went wrong on our side, or None."""

    def failed(self, error: Exception) -> None:
        """The mixing could not be set up; the run goes on without it."""


class Attachment:
    """Mixes the next run of a sampler object, and that run only. sampler: the host's, with the attribute `func`."""

    def __init__(self, sampler: Any, to_mix: Pass):
        self.sampler, self.to_mix, self.original = sampler, to_mix, sampler.func
        self.is_spent = False

        @functools.wraps(self.original)  # the host reads the signature
        def mixed(model: torch.nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            return self._call(model, x, *args, **kwargs)

        setattr(mixed, OURS, True)
        self.wrapper = sampler.func = mixed

    def detach(self) -> None:
        """Takes the wrapper off. Safe to call at any time; one that somebody has wrapped stays, and does nothing."""
        self.is_spent = True
        if self.sampler is not None and self.sampler.func is self.wrapper:
            self.sampler.func = self.original
        self.sampler = self.wrapper = self.to_mix = None  # no circles: they would keep the reference in memory

    def _call(self, model: torch.nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.is_spent:  # and kept by somebody who wrapped it
            return self.original(model, x, *args, **kwargs)
        to_mix = self.to_mix
        self.detach()
        args, kwargs = _by_name(self.original, args, kwargs)
        run = self._set_up(to_mix, model, x, kwargs)
        if run is None:  # not said within an `except`, which would keep what was set up in memory meanwhile
            return self.original(model, x, *args, **kwargs)
        try:
            return rewinds.sample(run, self.original, model, x, *args, **kwargs)
        finally:
            run.unhook()
            try:
                to_mix.done(run.mixer, run.pattern, run.call, run.fault)
            except Exception:
                log.exception("a mixed pass could not be reported")

    def _set_up(self, to_mix: Pass, model: torch.nn.Module, x: Tensor, kwargs: dict[str, Any]) -> MixedRun | None:
        run = None
        try:
            pattern = pattern_of(self.original)
            call = SamplerCall.of(kwargs)
            run = RUNS[pattern.state](to_mix.mixer(model, x, call, pattern), pattern, call, to_mix.is_interrupted)
            run.hook_into(model)
            return run
        except Exception as error:
            log.exception("mixing could not be set up; this pass is made without it")
            if run is not None:
                run.unhook()
            to_mix.failed(error)
            return None


def _by_name(function: Callable, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """The arguments behind model and state by their names, as the host gives them: another extension that has wrapped
    us may hand them on by their places."""
    names = [
        name for name, each in inspect.signature(function).parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD
    ][2:]
    return args[len(names) :], {**dict(zip(names, args)), **kwargs}
