"""Hires fix in phases, from the reference that the settings want, with a seed of its own.

The host's own hires pass is called once for each phase, so that each has all that the host does for one: the hires
prompts and their networks, the hires checkpoint and sampler, always-on scripts, live preview, progress.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import Any

import torch
from torch import Tensor

from itermix.mixing.hires import AS_UPSCALED, AUTOMATIC_REFERENCE, PIXEL
from itermix.mixing.settings import MixingSettings
from itermix.settings import SettingsError
from itermix.upscale.phases import fewest_phases, restored, sizes_to
from itermix.webui import run_state
from itermix.webui.compat import latents, methods, processing, progress, sampling
from itermix.webui.log import log
from itermix.webui.upscale.enlarging import Enlarging, Small

METHOD = "sample_hr_pass"  # the host's hires pass


def is_wanted(p: Any, settings: MixingSettings) -> bool:
    """Whether the hires pass is to be another than the host's own."""
    is_as_upscaled = source_of(p, settings) == AS_UPSCALED
    is_other = not is_as_upscaled or settings.hires_phases != 1 or settings.hires_seed >= 0
    return is_other and settings.passes != "first pass" and processing.has_hires(p) and hasattr(p, METHOD)


def source_of(p: Any, settings: MixingSettings) -> str:
    """What the hires pass's reference is made from. A pixel upscaler's picture is the host's own, as upscaled."""
    if settings.hires_reference != AUTOMATIC_REFERENCE:
        return settings.hires_reference
    return AS_UPSCALED if processing.hires_interpolation(p) is None else PIXEL


def check(p: Any, settings: MixingSettings) -> None:
    """Raises SettingsError where the hires pass of this request is too large for so few phases."""
    if not is_wanted(p, settings) or settings.hires_phases <= 1:
        return
    size, target = processing.first_size(p), processing.asked_hires_size(p)
    fewest = fewest_phases(size, target)
    if settings.hires_phases < fewest:
        raise SettingsError(
            f"hires_phases: {settings.hires_phases} is not allowed for {target[1] / size[1]:.3g}x; it takes 0, 1, or "
            f"{fewest} and more"
        )


def replace(p: Any, settings: MixingSettings) -> None:
    """Before a batch: the hires pass that the settings want, in the place of the host's own where it is another."""
    if not is_wanted(p, settings):
        return
    run = HiresRun(p, settings)
    run_state.change(p, hires=run)
    if p.iteration == 0:
        batches = 1 if run_state.of(p).sequence is not None else p.n_iter  # of a sequence the first frame alone has one
        progress.expect_more(batches * (len(run.sizes) - 1))


class HiresRun:
    """The hires passes of one batch, in the place of the host's."""

    def __init__(self, p: Any, settings: MixingSettings):
        self.p, self.settings = p, settings
        multiple = latents.reduction_of(p.sd_model)
        target = p.hr_upscale_to_y, p.hr_upscale_to_x
        *way, _ = sizes_to(processing.first_size(p), target, multiple, settings.hires_phases)
        self.sizes = [*(processing.rounded(*size) for size in way), target]
        self.latent: Tensor | None = None  # that the phase under way has led to
        self._first: Tensor | None = None
        self._stack = ExitStack()
        self._own = self._stack.enter_context(methods.replaced(p, {METHOD: self.sample}))[METHOD]

    def close(self) -> None:
        """Gives the host its own hires pass back."""
        self._stack.close()

    def sample(self, samples: Tensor | None, decoded_samples: Tensor | None, *args: Any, **kwargs: Any) -> Any:
        """As the host's own: from latents or decoded pictures of the first pass to the decoded larger pictures.

        Interrupted, skipped or failed it gives what the last finished phase has made.
        """
        p, made, size = self.p, None, processing.first_size(self.p)
        is_pixel = processing.hires_interpolation(p) is None
        # With a hires checkpoint the host goes on from the pictures, but from the latent with a latent upscaler.
        is_known = decoded_samples is None or not processing.has_hires_checkpoint(p)
        values = None if decoded_samples is None else latents.decoded_of_hires(p, decoded_samples)
        small = Small(p, samples if is_known else None, values)
        for number, target in enumerate(self.sizes):
            try:
                result = self._phase(number, size, small, samples, decoded_samples, args, kwargs)
            except Exception as error:  # a larger phase may want more memory than there is
                if made is None:
                    raise
                log.exception(f"hires pass: phase {number + 1} of {len(self.sizes)} failed; phase {number} is kept")
                text = f"stopped in phase {number + 1} of {len(self.sizes)} by {type(error).__name__}: {error}"
                p.comment(f"{MixingSettings.title}: the hires pass {text}; phase {number} is kept")
                return made
            if len(self.sizes) == 1:
                return result
            if progress.is_interrupted():
                if made is not None:
                    log.info(f"hires pass: stopped in phase {number + 1} of {len(self.sizes)}; phase {number} is kept")
                return result if made is None else made
            made, size, samples = result, target, self.latent
            values = torch.stack(list(made)).float() if is_pixel else None
            decoded_samples = None if values is None else latents.decoded_for_hires(p, values)
            small = Small(p, samples, values)
        return made

    def prepare(self) -> None:
        """A pass of this run is about to be sampled: its result gets back the contrast of the first one's."""
        if run_state.of(self.p).enlarging is not None:
            sampling.after_img2img(self.p.sampler, "phase", self._finished)

    def _phase(
        self, number: int, size: tuple[int, int], small: Small, samples: Tensor | None, decoded: Tensor | None,
        args: tuple, kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        p, settings, target = self.p, self.settings, self.sizes[number]
        name = f"hires pass {number + 1} of {len(self.sizes)}" if len(self.sizes) > 1 else "hires pass"
        scale = tuple(max(new / old, 1.0) for new, old in zip(target, size))
        self._small = small
        run_state.change(p, enlarging=Enlarging(p, name, source_of(p, settings), small, target, scale))
        seeds = processing.seeded(p, settings.hires_seed) if settings.hires_seed >= 0 else nullcontext()
        try:
            with processing.hires_size(p, target, number == len(self.sizes) - 1), seeds:
                return self._own(samples, decoded, *args, **kwargs)
        finally:
            run_state.change(p, enlarging=None)

    def _finished(self, latent: Tensor) -> Tensor:
        if len(self.sizes) > 1:
            try:
                if self._first is None:
                    self._first = self._small.latent(latent)
                latent = restored(latent, self._first)
            except Exception:  # no fault of ours costs the pass
                log.exception("hires pass: the contrast of the first pass could not be given back")
        self.latent = latent
        return latent
