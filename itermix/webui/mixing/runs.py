"""One call of a sampler function with a mixer at its side, for each place where a host's samplers let the state change.

Which sampler wants which is in `samplers.py`. A fault of ours ends the mixing, not the sampling.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from itermix.mixing.mixer import Mixer
from itermix.mixing.trace import DENOISED
from itermix.webui.log import log
from itermix.webui.mixing.samplers import Pattern, SamplerCall

PLMS_HISTORY = 3  # noise predictions that PLMS keeps
END_TOLERANCE = 1e-4  # DPM adaptive works in log sigma and arrives at its last level up to rounding


class MixedRun:
    """One call of a sampler function with a mixer at its side. Subclasses say where the state can be changed.

    first: which step of the pass the call begins with. model_steps: the host's own count of evaluations at the start of
    each step.
    """

    def __init__(
        self, mixer: Mixer, pattern: Pattern, call: SamplerCall, is_interrupted: Callable[[], bool], first: int = 0
    ):
        self.mixer, self.pattern, self.call, self.is_interrupted = mixer, pattern, call, is_interrupted
        self.first = first
        self.model_step: int | None = None
        self.model_steps: dict[int, int | None] = {}
        self.fault: str | None = None
        self.handles: list[Any] = []

    def hook_into(self, model: torch.nn.Module) -> None:
        """Watches every evaluation of the model until `unhook`."""
        self.handles.append(model.register_forward_pre_hook(self._before_evaluation, with_kwargs=True))
        self.handles.append(model.register_forward_hook(self._after_evaluation))

    def unhook(self) -> None:
        while self.handles:
            self.handles.pop().remove()

    def evaluated(self, x: Tensor, level: float) -> None:
        """The model is about to be evaluated at x, the sampler's own tensor."""
        raise NotImplementedError

    def predicted(self, output: Tensor) -> None:
        """The model has given the tensor that the sampler goes on with."""

    def reported(self, d: dict[str, Any]) -> None:
        """The sampler has called back."""
        raise NotImplementedError

    def step_of(self, d: dict[str, Any]) -> int:
        """The step that the sampler reports; -1 where it does not say."""
        return d.get("i", -1)

    def sample(self, function: Callable, model: torch.nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The sampler function's result, mixed."""
        kwargs["callback"] = self._watched(kwargs.get("callback"))
        x = self._sampled(function, model, x, *args, **kwargs)
        self.guarded(lambda: self.write(x, self.mixer.end(x)))
        return x

    def mix_in_place(self, x: Tensor, step: int, level: float) -> None:
        """Makes x, the sampler's own tensor, what the mixer makes of it."""
        self.model_steps.setdefault(step, self.model_step)
        self.write(x, self.mixer.begin(x, self.first + step, level))

    def _sampled(self, function: Callable, *args: Any, **kwargs: Any) -> Tensor:
        return function(*args, **kwargs)

    def _before_evaluation(self, model: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self.model_step = getattr(model, "step", None)
        self.guarded(lambda: self.is_interrupted() or self.evaluated(args[0], float(args[1].flatten()[0])))

    def _after_evaluation(self, model: torch.nn.Module, args: tuple, output: Tensor) -> None:
        self.guarded(lambda: self.predicted(output))

    def _watched(self, callback: Callable | None) -> Callable:
        def watched(d: dict[str, Any]) -> Any:
            self.guarded(lambda: self.is_interrupted() or self.reported(d))
            if self.mixer.trace is not None:
                self.mixer.trace.record(self.step_of(d), DENOISED, d.get("denoised"))
            return callback({**d, "i": d["i"] + self.first} if self.first else d) if callback is not None else None

        return watched

    def guarded(self, action: Callable[[], Any]) -> Any:
        """Runs our part of the work. What goes wrong in it ends the mixing, not the sampling; then None."""
        if self.fault:
            return None
        try:
            return action()
        except Exception as error:
            self.fault = f"{type(error).__name__}: {error}"
            log.exception("mixing stopped in the middle of a pass; the pass goes on without it")
            return None

    @staticmethod
    def write(x: Tensor, mixed: Tensor) -> None:
        if mixed is not x:
            x.copy_(mixed)


class AtEvaluation(MixedRun):
    """The state is changed at the first evaluation of each step; the callback tells which one that was."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.step = 0
        self.reporting = False  # the step's first evaluation is made, its callback has not come
        self.solver_evaluations = 0  # still to come in the step under way
        self.predictions: deque[Tensor] = deque(maxlen=PLMS_HISTORY)

    def evaluated(self, x: Tensor, level: float) -> None:
        if self.solver_evaluations > 0:
            self.solver_evaluations -= 1
        elif not self.reporting:  # else PLMS's second evaluation in step 0, which comes before its callback
            self.reporting = True
            before = x.clone() if self.pattern.history == "shift" else x
            self.mix_in_place(x, self.step, level)
            if self.pattern.history == "shift":
                self._shift_predictions(x - before, level)

    def predicted(self, output: Tensor) -> None:
        if self.pattern.history == "shift" and len(self.predictions) <= self.step:
            self.predictions.append(output)

    def reported(self, d: dict[str, Any]) -> None:
        if not self.reporting:
            raise RuntimeError(f"the sampler reported step {d['i']} at an evaluation that was not its first")
        self.reporting = False
        self.step = d["i"] + 1
        self.solver_evaluations = self.pattern.extra(self.call, d)

    def _shift_predictions(self, change: Tensor, level: float) -> None:
        """Moves PLMS's remembered noise predictions with the state: as if x0 had stayed and the noise had changed."""
        _, sigma = self.mixer.noising.coefficients(level)
        for prediction in self.predictions:
            prediction.add_(change / sigma)


class InSegments(AtEvaluation):
    """For samplers that remember derivatives: each mixed step is a fresh start of the sampler function."""

    def _sampled(self, function: Callable, model: torch.nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        sigmas, callback = kwargs.pop("sigmas"), kwargs.pop("callback")
        segments: list[tuple[int, int]] = []
        self.guarded(lambda: segments.extend(self._segments()))
        segments = segments or [(0, len(sigmas) - 1)]
        if len(segments) > 1:
            kwargs["disable"] = True  # a progress bar per segment would only fill the console
        for start, end in segments:

            def reported(d: dict[str, Any], start: int = start) -> Any:
                return callback({**d, "i": d["i"] + start})

            x = function(model, x, *args, sigmas=sigmas[start : end + 1], callback=reported, **kwargs)
        return x

    def _segments(self) -> list[tuple[int, int]]:
        """Runs of steps (first, one after the last) such that only the first step of each is mixed."""
        steps = len(self.call.levels) - 1
        late = int(self.mixer.late)  # what belongs to step i is mixed at the start of step i + 1
        mixed = [
            i for i in range(1, steps) if self.mixer.weight(self.first + i - late, self.call.levels[i - late]) > 0.0
        ]
        bounds = [0, *mixed, steps]
        return list(zip(bounds, bounds[1:]))


class AtCallback(MixedRun):
    """UniPC: its corrector overwrites a change of x at an evaluation, so the state is changed in the callback after.

    The evaluation is made at the predicted state; that is mixed too, so that the model sees what will be the state.
    """

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.step = 0
        self.level: float | None = None

    def evaluated(self, x: Tensor, level: float) -> None:
        self.level = level
        self.mix_in_place(x, self.step, level)
        self.step += 1

    def reported(self, d: dict[str, Any]) -> None:
        if self.level is not None:  # the last step is made without an evaluation: its x is the result
            self.mix_in_place(d["x"], self.step - 1, self.level)
        self.level = None


class AtAcceptance(MixedRun):
    """DPM adaptive: a step begins when a try is accepted, and a rejected try evaluates the same state again."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.step: int | None = None
        self.accepted = 0

    def step_of(self, d: dict[str, Any]) -> int:
        """The step under way, whether this try of it was accepted or not."""
        under_way, self.accepted = self.accepted, d.get("n_accept", 0)
        return under_way

    def evaluated(self, x: Tensor, level: float) -> None:
        if self.step is None:
            self.step = 0
            self.mix_in_place(x, 0, level)

    def reported(self, d: dict[str, Any]) -> None:
        level = float(d["sigma"])
        if d["n_accept"] > self.step and level > self.call.last_level * (1.0 + END_TOLERANCE):
            self.step = d["n_accept"]
            self.mix_in_place(d["x"], self.step, level)
