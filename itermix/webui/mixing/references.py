"""What a pass of the host is mixed with: a sequence's own latent, an upload, or the clean latent it starts from."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from itermix.mixing.reference import Reference
from itermix.mixing.settings import INPAINT_MASK, NO_MASK
from itermix.webui import run_state
from itermix.webui.compat import latents, processing
from itermix.webui.mixing.arguments import MixingRequest

UPLOADED, INIT = "uploaded image", "init latent"  # what a reference is, in words
WHY_NONE = {  # why a later frame has no reference of this kind
    "init image": ", and txt2img has none; take previous frame or first frame",
    "first frame": ", and none before this one was finished",
}

Encoded = dict[tuple, Tensor]


class NothingToMix(Exception):
    """Why a pass is made without mixing."""


def frame_of(p: Any) -> Any | None:
    """The later frame of a sequence that is being sampled, with its `reference`; None where there is none."""
    sequence = run_state.of(p).sequence
    return None if sequence is None else sequence.frame


def has_own_reference(p: Any) -> bool:
    """Whether the pass starts from a clean latent."""
    return processing.is_hires_pass(p) or processing.is_img2img(p) or run_state.of(p).enlarging is not None


def find_reference(p: Any, request: MixingRequest, x: Tensor, encoded: Encoded) -> Reference:
    """The reference of the pass that is about to start from x. Raises NothingToMix where there is none."""
    settings, upload = request.settings, request.upload
    frame = frame_of(p)
    if frame is not None:  # which has chosen for itself
        if frame.reference is None:
            chosen = run_state.of(p).sequence.settings.mixing_reference
            raise NothingToMix(f"mixing_reference is {chosen}{WHY_NONE.get(chosen, '')}")
        return Reference(frame.reference, source="Latent Sequence")
    is_noise = processing.masked_content_is_noise(p)
    has_own = has_own_reference(p) and not is_noise
    if upload is not None and (settings.reference == "uploaded image" or not has_own):
        fit = settings.reference_fit
        key = (upload, fit, *x.shape[1:], getattr(p.sd_model, "sd_model_hash", None))
        if key not in encoded:
            encoded[key] = latents.encode(p, upload.picture(), fit, x)
        return Reference(encoded[key], latents.fitting_scale(p, upload.picture(), fit, x), source=UPLOADED)
    if settings.reference == "uploaded image":
        raise NothingToMix("reference is set to uploaded image, but none was uploaded")
    if is_noise:
        raise NothingToMix(
            "the masked content holds no picture; set it to fill or original, or upload a reference image"
        )
    if not has_own:
        raise NothingToMix("txt2img's first pass has no reference; turn on hires fix or upload a reference image")
    enlarging = run_state.of(p).enlarging
    if enlarging is not None:
        return enlarging.reference(x)
    source = "upscaled first pass" if processing.is_hires_pass(p) else INIT
    return Reference(x, processing.enlargement(p), processing.latent_interpolation(p), source)


def require_finite(reference: Reference) -> None:
    """Raises NothingToMix where a latent holds what is no number: an encoder in half precision overflows on some
    pictures."""
    if bool(reference.latent.isfinite().all()):
        return
    is_encoded = reference.source in (UPLOADED, INIT)
    became = "became values that are no numbers when it was encoded"
    why = became if is_encoded else "holds values that are no numbers; so does the pass before it"
    raise NothingToMix(f"the reference ({reference.source}) {why}")


def find_mask(p: Any, request: MixingRequest, x: Tensor, painted: Tensor | None) -> Tensor | None:
    """The user's own weight map, [1, 1, H, W], of the pass that is about to start from x; None without one.

    painted: what inpainting samples. Raises NothingToMix where the settings name a mask that is not there.
    """
    chosen = request.settings.mask
    if chosen == NO_MASK:
        return None
    if chosen == INPAINT_MASK:
        if painted is None:
            raise NothingToMix(
                f"mask is set to {INPAINT_MASK}, and this pass has none; take an uploaded picture, or none"
            )
        return painted
    if request.mask is None:
        raise NothingToMix(f"mask is set to {chosen}, but none was uploaded; set mask_image, or mask to none")
    return latents.mask_of(p, request.mask.mask(), request.settings.reference_fit, x)
