"""The studio: a checkpoint and what can be made with it. Image k of a run is the image of its own seed alone.

Images are sampled one after the other, because a network's results for a batch differ in the last bits from those
for one image. The mixer acts on the scheduler's state at the start of each step (`sampling.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from itermix.mixing.mixer import MixingReport
from itermix.mixing.reference import Reference
from itermix.pictures import uploads
from itermix.pictures.fit import enlargement, fitted
from itermix.studio import masks, pictures
from itermix.studio.enlarging import enlarged_by, hires_sizes
from itermix.studio.loading import device_of, load_components, silence
from itermix.studio.networks import Network, network_of
from itermix.studio.passes import Pass, in_pass, run
from itermix.studio.request import Resolved
from itermix.studio.sampling import IsCancelled, OnDenoised
from itermix.upscale.phases import in_phases

MODEL = Path(__file__).parent / "model"
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Result:
    """A finished picture, its seed, its clean latent [1, C, H, W] and what each pass has mixed, by its name.

    native: the first pass's clean latent, where a hires pass followed it."""

    picture: Image.Image
    seed: int
    latent: Tensor
    reports: dict[str, MixingReport]
    native: Tensor | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether any step of any pass was mixed."""
        return any(report.steps for report in self.reports.values())


class Studio:
    """A loaded checkpoint. Its `network.resolved` makes of a Request what the calls take.

    on_progress(pass, done, steps) comes after every step, is_cancelled is asked before each; a cancelled run raises
    Cancelled. traced_steps: of each mixed pass, kept in its report. on_denoised(latent), if set, sees the clean
    latent that each step has in mind. All calls raise StudioError for what cannot be done.
    """

    def __init__(self, network: Network, traced_steps: int = 0):
        self.network, self.traced_steps = network, traced_steps
        self.on_denoised: OnDenoised | None = None
        self._uploads, self.masks = uploads.Uploads("reference_image"), uploads.Uploads("mask_image")

    @classmethod
    def open(cls, checkpoint: str | Path | None = None, device: str | None = None, config: str | None = None) -> Studio:
        """A checkpoint's folder or file, the bundled model where none is named; on a GPU in half precision.

        device: by torch's name; without it a GPU where there is one. config: see `load_components`. The libraries' own
        notes and progress bars are switched off. Raises StudioError.
        """
        chosen = device_of(device)
        silence()
        components = load_components(checkpoint or MODEL, config)
        dtype = torch.float32
        if chosen.type == "cuda":  # Flux overflows in float16
            dtype = torch.bfloat16 if "transformer" in components else torch.float16
        return cls(network_of(components, chosen, dtype))

    def text_to_image(
        self, request: Resolved, on_progress: OnProgress | None = None, is_cancelled: IsCancelled | None = None
    ) -> Iterator[Result]:
        """One picture per seed, from `seed` upwards, with the hires pass where one is asked for."""
        size = request.height, request.width
        uploaded, weight_map = self._uploaded(request, size), self._masked(request, size)
        for seed in range(request.seed, request.seed + request.count):
            task = self._pass(request, seed, size, "first pass", on_progress, is_cancelled)
            latent, report = run(self.network, dataclasses.replace(task, reference=uploaded, weight_map=weight_map))
            reports, native = {"first pass": report}, None
            if request.hires > 1.0:
                native = latent
                latent, hires = self.hires(request, seed, latent, on_progress, is_cancelled)
                reports |= hires
            yield Result(self.picture(latent), seed, latent, reports, native)

    def hires(
        self,
        request: Resolved,
        seed: int,
        latent: Tensor,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> tuple[Tensor, dict[str, MixingReport]]:
        """The clean latent of the larger picture, from that of the first pass, and what each phase has mixed."""
        sizes, reports = hires_sizes(request, self.network.multiple), {}

        def sample(latent: Tensor, size: tuple[int, int], phase: int) -> Tensor:
            name = f"hires pass {phase + 1} of {len(sizes)}" if len(sizes) > 1 else "hires pass"
            reference = enlarged_by(request.effective_upscaler(), self.network, latent, size)
            task = self._pass(request, request.hires_seed(seed), size, name, on_progress, is_cancelled)
            task = dataclasses.replace(
                task, steps=request.hires_steps or request.steps, init=reference.latent,
                strength=request.effective_hires_strength(), reference=self._chosen(request, size, reference),
                weight_map=self._masked(request, size),
            )  # fmt: skip
            latent, reports[name] = run(self.network, task)
            return latent

        if len(sizes) == 1:
            return sample(latent, sizes[0], 0), reports
        *_, latent = in_phases(latent, sizes, sample)
        return latent, reports

    def image_to_image(
        self,
        request: Resolved,
        picture: Image.Image,
        mask: Image.Image | None = None,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Iterator[Result]:
        """The picture sampled at the request's size and strength; with a mask, only where that is white."""
        size = request.height, request.width
        picture = uploads.rgb(picture, "image")
        original = pictures.tensor_of(fitted(picture, size))
        init = self.network.encode(original)
        reference = Reference(init, enlargement((picture.height, picture.width), size, "crop"))
        pixel_mask = latent_mask = None
        if mask is not None:
            pixel_mask = pictures.mask_of(fitted(uploads.mask(mask, "mask"), size))
            # A latent pixel belongs to the hole as far as the hole covers it.
            latent_mask = interpolate(pixel_mask, size=init.shape[-2:], mode="area").to(init.device)
        weight_map = self._masked(request, size, latent_mask)
        for seed in range(request.seed, request.seed + request.count):
            task = self._pass(request, seed, size, "first pass", on_progress, is_cancelled)
            task = dataclasses.replace(
                task, init=init, strength=request.strength, mask=latent_mask, weight_map=weight_map,
                reference=self._chosen(request, size, reference),
            )  # fmt: skip
            latent, report = run(self.network, task)
            values = self.network.decode(latent)
            if pixel_mask is not None:  # the VAE alone would change what was to be kept
                values = torch.where(pixel_mask == 0.0, original, torch.lerp(original, values, pixel_mask))
            yield Result(pictures.picture_of(values), seed, latent, {"first pass": report})

    def inpaint(self, request: Resolved, picture: Image.Image, mask: Image.Image, **callbacks) -> Iterator[Result]:
        """The picture with the white part of the mask sampled; the rest keeps every pixel."""
        return self.image_to_image(request, picture, mask, **callbacks)

    def _pass(
        self,
        request: Resolved,
        seed: int,
        size: tuple[int, int],
        name: str,
        on_progress: OnProgress | None,
        is_cancelled: IsCancelled | None,
    ) -> Pass:
        return Pass(
            self.network.predictor(request.prompt, request.negative, request.guidance, size),
            request.sampler,
            request.schedule,
            request.steps,
            seed,
            (1, self.network.channels, *(side // self.network.reduction for side in size)),
            mixing=in_pass(request.mixing, name),
            on_step=partial(on_progress, name) if on_progress else None,
            is_cancelled=is_cancelled,
            on_denoised=self.on_denoised,
            traced_steps=self.traced_steps,
        )

    def _uploaded(self, request: Resolved, size: tuple[int, int]) -> Reference | None:
        settings = request.mixing
        if not settings.enabled or settings.reference_image is None:
            return None
        picture, fit = self._uploads.of(settings.reference_image).picture(), settings.reference_fit
        latent = self.network.encode(pictures.tensor_of(fitted(picture, size, fit)))
        return Reference(latent, enlargement((picture.height, picture.width), size, fit))

    def _masked(self, request: Resolved, size: tuple[int, int], painted: Tensor | None = None) -> Tensor | None:
        return masks.of_picture(request.mixing, self.masks, size, self.network.reduction, painted)

    def _chosen(self, request: Resolved, size: tuple[int, int], own: Reference) -> Reference | None:
        """The pass's own reference, unless the settings want the uploaded one."""
        return self._uploaded(request, size) if request.mixing.reference == "uploaded image" else own

    def picture(self, latent: Tensor) -> Image.Image:
        """A clean latent [1, C, H, W] decoded."""
        return pictures.picture_of(self.network.decode(latent))
