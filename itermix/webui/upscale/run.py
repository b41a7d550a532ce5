"""Iterative Upscale within the host's `process_images`: of each batch the pictures are enlarged in phases.

So a picture has all that the host does for one: extra networks, always-on scripts, live preview, decoding, saving,
infotext, progress. The processing object's `sample` is replaced by one that goes on from the host's first pass, or from
the latent of img2img's own picture; latents stay latents from phase to phase.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from PIL import Image
from torch import Tensor

from itermix.mixing.hires import LATENT, PIXEL
from itermix.mixing.reference import Reference
from itermix.upscale.phases import restored, sizes_to
from itermix.upscale.reference import enlarged, from_source
from itermix.upscale.settings import PLAIN_UPSCALER, UpscaleSettings
from itermix.webui import run_state
from itermix.webui.compat import latents, methods, networks, pictures, processing, progress, sampling
from itermix.webui.log import log
from itermix.webui.upscale.enlarging import Enlarged, Small, plainly_enlarged
from itermix.webui.upscale.results import Results
from itermix.webui.upscale.windows import wanted

Size = tuple[int, int]
REPLACED = ("setup_prompts", "sample")  # by ours of these names


class Upscaling:
    """The pictures of one request. p: its own copy of the host's processing object, of the size to start from.

    own_size: (height, width) that the factor is of; the start can be a little larger, as the host has sizes of its own.
    """

    def __init__(self, p: Any, settings: UpscaleSettings, messages: list[str], own_size: Size):
        self.p, self.settings = p, settings
        self.start: Size = (p.height, p.width)
        multiple = processing.multiple_of_sizes(latents.reduction_of(p.sd_model))
        wanted = (round(side * settings.factor / multiple) * multiple for side in own_size)
        target = tuple(max(sides) for sides in zip(wanted, self.start))
        sizes = sizes_to(self.start, target, multiple, settings.phases)
        self.sizes = [processing.rounded(width, height)[::-1] for height, width in sizes]
        self.results = Results(p, settings, messages)
        self.of_host: dict[str, Any] = {}

    def run(self) -> Any:
        """Makes the pictures: the host's Processed."""
        p = self.p
        run_state.change(p, upscaling=self)
        try:
            with (
                networks.tiled_vae(self.settings.tiled_vae) as is_tiled,
                methods.replaced(p, {name: getattr(self, name) for name in REPLACED}) as self.of_host,
            ):
                if not is_tiled:
                    self.results.messages.append("tiled_vae: this WebUI has no tiled VAE; the whole picture is decoded")
                processed = processing.process_images(p)
        finally:
            run_state.change(p, upscaling=None, enlarging=None)
            progress.show_nothing()
        self.results.finish(processed)
        return processed

    # --- what the host calls while it makes the pictures

    def setup_prompts(self) -> None:
        """The host has chosen the refiner just before, which would stay for the phases after the one it came in."""
        if processing.has_refiner(self.p):
            self.p.refiner_checkpoint_info = None
            self.results.messages.append("the refiner is left out; all phases have one checkpoint")
        self.of_host["setup_prompts"]()

    def sample(self, **asked: Any) -> Tensor:
        """The latents of the last phase; interrupted or skipped, of the last one that was finished."""
        p, is_image = self.p, processing.is_img2img(self.p)
        if p.iteration == 0:
            passes = len(self.sizes) + (not is_image)
            progress.expect_passes(progress.pictures_left_in_batch_tab(p) * p.n_iter * passes)
        if is_image:
            latent, known = p.init_latent, processing.init_pictures(p)
        else:
            latent, known = self.of_host["sample"](**asked), None
            if progress.is_interrupted():
                return latent
            progress.next_pass()
        first, small, size = latent, Small(p, latent, known=known), self.start
        for number, target in enumerate(self.sizes):
            is_kept = number > 0 or not is_image  # a picture that is finished
            try:
                made = self._phase(number, small, size, asked)
                finished = restored(made, first) if len(self.sizes) > 1 else made
            except Exception as error:  # a larger phase may want more memory than there is
                if not is_kept:
                    raise
                log.exception(f"{name_of(number, self.sizes)} failed; the picture before it is kept")
                self.results.messages.append(f"{self._stopped(number, is_kept)}: {type(error).__name__}: {error}")
                return latent
            if progress.is_interrupted():
                self.results.messages.append(self._stopped(number, is_kept))
                return latent if is_kept else made
            latent = finished
            small, size = Small(p, latent), target
            if number < len(self.sizes) - 1:
                progress.next_pass()
                self.results.keep(small, target)
        return latent

    def _phase(self, number: int, small: Small, size: Size, asked: dict[str, Any]) -> Tensor:
        """The clean latents of a phase."""
        p, settings, target = self.p, self.settings, self.sizes[number]
        name = name_of(number, self.sizes)
        progress.show_phase(name, target)
        seeds = processing.seeded(p, settings.seed) if settings.seed >= 0 else nullcontext()
        with processing.sized(p, target), processing.restored(p, ("rng", "denoising_strength")), seeds:
            p.denoising_strength = settings.denoise
            reference = self._reference(small, target)
            run_state.change(p, enlarging=Enlarged(name, reference))
            try:
                return self._sampled(reference.latent, asked)
            finally:
                run_state.change(p, enlarging=None)

    def _reference(self, small: Small, target: Size) -> Reference:
        p, settings = self.p, self.settings
        like = small.latent_as_known()
        size = tuple(side // latents.reduction_of(p.sd_model) for side in target)

        def encoded() -> Tensor:
            return latents.encode_all(p, self._pictures(small, target), like)

        source = LATENT if latents.is_video(like) else settings.reference
        made = from_source(source, lambda: enlarged(like, size), encoded)
        words = f"upscaled picture, {source}"
        return Reference(made.latent, tuple(max(one, 1.0) for one in made.scale), made.interpolation, words)

    def _pictures(self, small: Small, target: Size) -> list[Image.Image]:
        if self.settings.upscaler == PLAIN_UPSCALER:
            return plainly_enlarged(small.pictures(), target, self.settings.reference == PIXEL)
        return [pictures.enlarged(picture, target, self.settings.upscaler) for picture in small.pictures()]

    def _sampled(self, x: Tensor, asked: dict[str, Any]) -> Tensor:
        p, c, uc = self.p, asked["conditioning"], asked["unconditional_conditioning"]
        p.sampler = sampling.create_sampler(p.sampler_name, p.sd_model)
        p.rng, noise = sampling.noise_of(p, x)
        conditioning = p.txt2img_image_conditioning(x)
        networks.new_pass(p)
        if p.scripts is not None:
            p.scripts.process_before_every_sampling(p=p, x=x, noise=noise, c=c, uc=uc)
        noise = sampling.scripts_noise(p, noise)
        with networks.evaluated(p, wanted(p, self.settings, x)):
            return p.sampler.sample_img2img(
                p, x, noise, c, uc, steps=self.settings.steps or p.steps, image_conditioning=conditioning
            )

    def _stopped(self, number: int, is_kept: bool) -> str:
        where = f"stopped in {name_of(number, self.sizes)}"
        if not is_kept:
            return f"{where}; no phase was finished"
        return f"{where}; {f'phase {number}' if number else 'the first pass'} is kept"


def name_of(number: int, sizes: list[Size]) -> str:
    """In words, of a phase counted from 0."""
    return f"phase {number + 1} of {len(sizes)}"
