"""What every command does with a request: the pictures of it, and the parameters that are written into them."""

from __future__ import annotations

from collections.abc import Iterator

from itermix.studio.pipeline import OnProgress, Result, Studio
from itermix.studio.request import Request, Resolved
from itermix.studio.sampling import IsCancelled
from itermix.studio.source import Source


def results_of(
    studio: Studio,
    request: Resolved,
    source: Source,
    model: str,
    on_progress: OnProgress | None = None,
    is_cancelled: IsCancelled | None = None,
) -> Iterator[tuple[Result, str]]:
    """Each picture with its infotext. model: the checkpoint's name. Raises StudioError."""
    if source.image is None:
        results = studio.text_to_image(request, on_progress, is_cancelled)
    else:
        results = studio.image_to_image(request, source.image, source.mask, on_progress, is_cancelled)
    for result in results:
        size = result.picture.height, result.picture.width
        yield result, request.infotext(result.seed, size, model, str(source), is_mixed=result.is_mixed)


def why_unmixed(request: Request, source: Source) -> str:
    """Why a run with mixing switched on has mixed nothing, and what to do."""
    mixing = request.mixing
    if mixing.reference == "uploaded image" and mixing.reference_image is None:
        return "the reference is an uploaded image, and there is none; set reference_image, or another reference"
    if source.image is not None or request.hires == 1.0:
        passes = ["first pass"]
        has_reference = [source.image is not None or mixing.reference_image is not None]
    else:
        passes, has_reference = ["first pass", "hires pass"], [mixing.reference_image is not None, True]
    mixable = [name for name, has in zip(passes, has_reference) if has]
    if not mixable:
        return "there is no second pass and no picture to mix with; add --hires 2, --image, or a reference_image"
    if mixing.passes not in ("all", *mixable):
        return f'passes is "{mixing.passes}", and only the {" and the ".join(mixable)} could be mixed'
    return "the weight is 0 at every step"
