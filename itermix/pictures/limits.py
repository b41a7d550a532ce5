"""What a file's format cannot hold, in words that can be said before anything is made: nothing heavy is loaded here."""

from __future__ import annotations

from itermix.pictures import gif, mp4, webp

LARGEST_SIDE = {"JPEG": 65500, "WEBP": webp.LARGEST_SIDE}  # pixels, by Pillow's names; a PNG has room for all
FASTEST = {"gif": gif.FASTEST, "webp": webp.FASTEST}  # frames per second
NO_ENCODER = "mp4 needs one of the packages av and imageio-ffmpeg, or ffmpeg; a webp is made instead"


def of_picture(format: str, size: tuple[int, int]) -> str | None:
    """Why a picture of a size, (width, height), cannot be a file of this format; None where it can."""
    most = LARGEST_SIDE.get(format, max(size))
    if max(size) <= most:
        return None
    return f"a {format} has at most {most} pixels a side, and this picture is {size[0]} x {size[1]}; take a .png"


def of_film(format: str, fps: float) -> list[str]:
    """How a film ("mp4", "webp", "gif" or "none") will differ from what is asked for, in lines."""
    if format == "mp4" and not mp4.has_encoder():
        return [NO_ENCODER, *of_speed("webp", fps)]
    return of_speed(format, fps)


def of_speed(format: str, fps: float) -> list[str]:
    """What a film of this format cannot show at this speed, in a line; none where it can show all."""
    fastest = FASTEST.get(format, fps)
    if fps <= fastest:
        return []
    return [
        f"a {format} shows at most {int(fastest)} frames a second: at {fps:g} some are left out, and the film takes as "
        "long as it should; mp4 shows all of them"
    ]
