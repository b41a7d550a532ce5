"""Latent Sequence without a WebUI: the studio as the host of `itermix.sequence.run`, for SD1.5, SDXL and their like."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from itermix.mixing.mixer import MixingReport
from itermix.mixing.noising import timesteps_of
from itermix.mixing.reference import Reference
from itermix.pictures.fit import fitted
from itermix.sequence.conditioning import TOKENS, Conditioning
from itermix.sequence.host import Job
from itermix.sequence.infotext import parameters
from itermix.sequence.plan import Frame, plan
from itermix.sequence.run import SequenceReport, run
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import SequenceSettings
from itermix.sequence.unsample import levels_upwards, unsample
from itermix.studio import masks, passes
from itermix.studio.errors import Cancelled, StudioError
from itermix.studio.networks import Cond
from itermix.studio.passes import Pass
from itermix.studio.pictures import tensor_of
from itermix.studio.pipeline import OnProgress, Result, Studio
from itermix.studio.request import Resolved, quoted
from itermix.studio.sampling import IsCancelled
from itermix.studio.source import Source

OnFrame = Callable[[Frame, Result], None]
MOST_SEED = 2**63  # of torch's generator on the CPU


class StudioHost:
    """The Protocol `itermix.sequence.host.Host`. One image at a time; hires fix is not for frames."""

    batch = 1
    mask: Tensor | None = None
    init_is_drawn = False

    def __init__(
        self, studio: Studio, request: Resolved, on_frame: OnFrame, on_progress: OnProgress | None,
        is_cancelled: IsCancelled | None,
    ):  # fmt: skip
        self.network, self.studio = studio.network, studio
        if self.network.is_flow:
            raise StudioError("sequence: Flux has no conditionings that could travel; take SD1.5 or SDXL")
        self.request = request
        self.size = self.request.height, self.request.width
        self.device = self.network.device
        self.weight_map = masks.of_picture(request.mixing, studio.masks, self.size, self.network.reduction)
        self.on_frame, self.on_progress, self.is_cancelled = on_frame, on_progress, is_cancelled
        self.was_cancelled = False
        self.report = MixingReport()  # of the frame that was sampled last

    @property
    def identity(self) -> str:
        request = dataclasses.replace(self.request, prompt="", negative="", seed=0, count=1)
        return repr((self.network.fingerprint, self.network.scheduler_config, request.to_dict()))

    @torch.inference_mode()
    def encode(self, prompt: str, negative: bool) -> Conditioning:
        hidden, added = self.network.conditioning(prompt, self.size)
        return Conditioning.of({TOKENS: hidden[0], **{name: value[0] for name, value in added.items()}})

    def sample(self, job: Job, latent: Tensor | None, noised: bool) -> Tensor:
        self.report = MixingReport()
        if latent is not None and job.frame.denoise == 0.0:
            return latent
        task = self._pass(job, latent)
        if noised:
            task = dataclasses.replace(task, init=self._before, state=latent)
        return self._or_cancelled(task, latent)

    @torch.inference_mode()
    def unsample(self, job: Job, latent: Tensor, steps: int) -> Tensor:
        self._before = latent
        if job.frame.denoise == 0.0:
            return latent
        task = self._pass(job, latent)
        schedule = passes.schedule_for(self.network, task)
        abar = self._alphas_cumprod()

        def noise_in(x: Tensor, level: float) -> Tensor:
            """The network's noise prediction: it takes (x0 + sigma n) / sqrt(1 + sigma^2) at the timestep of sigma."""
            signal, noise = schedule.noising.coefficients(level)
            sigma = noise / signal
            t = timesteps_of(torch.tensor(sigma, dtype=torch.float64), abar).float()
            a = (1.0 + sigma * sigma) ** -0.5
            scaled = x * (a / signal)
            output = task.predict(scaled, t)
            is_v = self.network.scheduler_config.get("prediction_type") == "v_prediction"
            return a * output + sigma * a * scaled if is_v else output

        return unsample(noise_in, latent, levels_upwards(schedule.levels, schedule.noising, steps), schedule.noising)

    def _alphas_cumprod(self) -> Tensor:
        """abar of the model's training steps."""
        import diffusers

        config = self.network.scheduler_config
        known = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas")
        return diffusers.DDIMScheduler(**{key: config[key] for key in known if key in config}).alphas_cumprod

    def noise(self, seeds: tuple[int, ...], like: Tensor) -> Tensor:
        generator = torch.Generator("cpu").manual_seed(seeds[0] % MOST_SEED)
        return torch.randn(like.shape, generator=generator).to(like)

    def emit(self, job: Job, latent: Tensor) -> None:
        reports = {"frame": self.report}
        self.on_frame(job.frame, Result(self.studio.picture(latent), job.seeds[0], latent, reports))

    def stopped(self) -> bool:
        return self.was_cancelled or (self.is_cancelled is not None and self.is_cancelled())

    def cut_short(self) -> bool:
        return self.was_cancelled

    def skipped(self) -> bool:
        return False

    def _pass(self, job: Job, latent: Tensor | None) -> Pass:
        request = self.request
        shape = (1, self.network.channels, *(side // self.network.reduction for side in self.size))
        name = f"frame {job.frame.index + 1} of {job.total}"
        report = self.on_progress
        return Pass(
            self.network.guided(_cond(job.positive), _cond(job.negative), _or(job.frame.cfg, request.guidance)),
            request.sampler, request.schedule, request.steps, job.seeds[0] % MOST_SEED, shape,
            init=latent, strength=job.frame.denoise or 1.0,
            reference=None if job.reference is None else Reference(job.reference), weight_map=self.weight_map,
            mixing=dataclasses.replace(request.mixing, alpha_1=_or(job.frame.alpha_1, request.mixing.alpha_1)),
            on_step=(lambda done, steps: report(name, done, steps)) if report else None,
            is_cancelled=self.is_cancelled,
            on_denoised=self.studio.on_denoised,
        )  # fmt: skip

    def _or_cancelled(self, task: Pass, latent: Tensor | None) -> Tensor:
        """What is sampled; after an interrupt any latent of that shape, which is thrown away."""
        try:
            sampled, self.report = passes.run(self.network, task)
            return sampled
        except Cancelled:
            self.was_cancelled = True
            return torch.zeros(task.shape, device=self.device) if latent is None else latent


def make_sequence(
    studio: Studio, request: Resolved, settings: SequenceSettings, on_frame: OnFrame, init: Tensor | None = None,
    state: str | Path | None = None, on_progress: OnProgress | None = None, is_cancelled: IsCancelled | None = None,
) -> SequenceReport:  # fmt: skip
    """The frames of a sequence, handed to on_frame as they come. init: a clean latent to begin with.

    state: file of what is needed to resume. Raises StudioError, SettingsError and `itermix.sequence.state.StateError`.
    """
    host = StudioHost(studio, request, on_frame, on_progress, is_cancelled)
    frames = plan(settings, request.seed % SEEDS, request.prompt, request.negative)
    return run(host, settings, frames, init, state)


def init_of(studio: Studio, request: Resolved, source: Source) -> Tensor | None:
    """The latent of the picture that the first frame starts from."""
    if source.image is None:
        return None
    return studio.network.encode(tensor_of(fitted(source.image, (request.height, request.width))))


def frame_infotext(
    request: Resolved, settings: SequenceSettings, source: Source, model: str, frame: Frame, result: Result
) -> str:
    """The parameters of a frame: its own prompts, seed, source and denoising strength. model: the checkpoint's name."""
    request = dataclasses.replace(
        request, prompt=frame.positive.prompt, negative=frame.negative.prompt, guidance=_or(frame.cfg, request.guidance)
    )
    before = "previous frame" if frame.index else str(source)
    size = result.picture.height, result.picture.width
    denoise = frame.denoise if before else None
    text = request.infotext(result.seed, size, model, before, denoise=denoise, is_mixed=result.is_mixed)
    return text + "".join(f", {key}: {quoted(str(value))}" for key, value in parameters(settings, frame).items())


def _or(value: float | None, own: float) -> float:
    """A frame's value, or the request's own where the frame has none."""
    return own if value is None else value


def _cond(conditioning: Conditioning) -> Cond:
    value = conditioning.parts[0].schedule[-1][1]
    return value[TOKENS][None], {name: tensor[None] for name, tensor in value.items() if name != TOKENS}
