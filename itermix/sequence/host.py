"""What a host does for a sequence, as `run` asks for it: a protocol of a few calls.

The host holds what is its own (model, sampler, steps, cfg, extra networks, the folder of the pictures); `run` holds
the latents and the conditionings that a later frame still needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from itermix.sequence.conditioning import Conditioning
from itermix.sequence.plan import Frame


@dataclass(frozen=True)
class Job:
    """One call of the sampler.

    frame: of the plan; its prompts are there for extra networks and infotext. seeds: of each image of the batch.
    positive, negative: conditionings in use, the same for all images of the batch.
    reference: clean latent [B, C, H, W] for Iterative Mixing, or None where nothing is mixed. total: frames in all.
    """

    frame: Frame
    seeds: tuple[int, ...]
    positive: Conditioning
    negative: Conditioning
    reference: Tensor | None
    total: int


class Host(Protocol):
    """What a host does for a sequence. All latents are clean ones [B, C, H, W], B being the batch size, of one shape,
    dtype and device over the whole run; tensors that a host is handed are not to be changed in place.

    Order of the calls for one frame: `stopped`, `encode` (only prompts that are new, positive before negative), `noise`
    (where the camera moves), `unsample` and `noise` (only where the frame says so), `sample`, `cut_short`, `skipped`,
    `emit`. An exception of any call ends the run and goes through to the caller; the frames emitted before stay, and
    so does the saved state.
    """

    batch: int
    """How many images are made in parallel."""

    device: torch.device
    """Where latents belong; a resumed one is brought there."""

    identity: str
    """All else that decides a frame, in any form: everything that would give another picture for the same job.

    Model, VAE and other modules, by their hashes; sampler, scheduler and all options of both (eta, s_churn, ...);
    steps, cfg, size; where noise comes from, variation seeds, seed resize; clip skip, emphasis, tiling, styles, extra
    networks; Iterative Mixing's settings and the content of its uploaded reference; hires fix. A sequence is resumed
    only where it is the same. What the plan has (prompts, seeds, denoise), the init latent and the mask count anyway.
    """

    init_is_drawn: bool
    """Whether the host's encoder draws noise, so that equal pictures give latents that differ a little. Then `identity`
    has the pictures, and a resumed sequence goes on with the init latent that it began with."""

    mask: Tensor | None
    """[1 or B, 1, H, W], 1 where a frame may change and 0 where the init image stays; None without a mask."""

    def encode(self, prompt: str, negative: bool) -> Conditioning:
        """The conditioning of a prompt as the user wrote it, with prompt editing, AND, BREAK and extra networks in it.

        Called once for each prompt, as long as it is needed. The host keeps what it needs of extra networks itself.
        """

    def sample(self, job: Job, latent: Tensor | None, noised: bool) -> Tensor:
        """The new clean latent of job.frame, sampled with its denoise from `latent` and noise of job.seeds.

        latent: the init latent in frame 0 (None: there is none, sample from pure noise), the frame before later.
        noised: the latent comes from `unsample` and is at the noise level where sampling begins; add no noise to it.
        After an interrupt or a skip what is returned is thrown away.
        """

    def unsample(self, job: Job, latent: Tensor, steps: int) -> Tensor:
        """The clean latent taken up to the noise level at which `sample` begins for job.frame.denoise.

        The sampler's ODE run backwards in this many steps; 0: in as many as sampling will take. Nothing random.
        Here job has the conditionings of the frame before, whose picture the latent is: with those of the new frame
        an exact way back and forth would give the old picture again.
        """

    def noise(self, seeds: tuple[int, ...], like: Tensor) -> Tensor:
        """Unit Gaussian noise of the shape, dtype and device of `like`; image i depends on seeds[i] alone."""

    def emit(self, job: Job, latent: Tensor) -> None:
        """Takes a finished frame: decodes it, writes it, shows it. The only call that gives a frame away."""

    def stopped(self) -> bool:
        """Whether no further frame is to be begun."""

    def cut_short(self) -> bool:
        """Whether an interrupt has ended the sampling before its end: the frame under way is not finished, and dropped.

        A host may let a frame be finished when the user interrupts; then it is `stopped` only.
        """

    def skipped(self) -> bool:
        """Whether the frame just sampled is to be left out; asked once per frame, and forgotten by that."""
