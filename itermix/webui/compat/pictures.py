"""The host's pictures: how it saves, arranges, names and shows them. Its options are read when they are asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules import shared
from PIL import Image

ADD_NUMBER = "Add number suffix"  # of the option for a file that is there already


def enlarged(picture: Image.Image, size: tuple[int, int], upscaler: str | None) -> Image.Image:
    """A picture at a size (height, width), by one of the host's upscalers; by Lanczos's filter where none is named."""
    from modules import images

    height, width = size
    return images.resize_image(0, picture, width, height, upscaler_name=upscaler)


def upscalers() -> list[str]:
    """The names of the host's upscalers of pictures."""
    return [upscaler.name for upscaler in shared.sd_upscalers]


def parameters_of(picture: Image.Image) -> dict[str, Any]:
    """What was written into a picture when it was made, by the host's names ("Prompt", "Seed"); empty without."""
    from modules import images

    try:
        from modules.infotext_utils import parse_generation_parameters
    except ImportError:  # older hosts
        from modules.generation_parameters_copypaste import parse_generation_parameters
    text, _ = images.read_info_from_image(picture)
    return {} if not text else dict(parse_generation_parameters(text))


def infotext_of(p: Any, index: int) -> str:
    """Of a picture of the batch under way."""
    from modules import processing

    return processing.create_infotext(
        p, p.prompts, p.seeds, p.subseeds, index=index, all_negative_prompts=p.negative_prompts
    )


def save_beside(p: Any, picture: Image.Image, index: int, suffix: str, text: str) -> None:
    """Saves a picture of the batch as the host saves a finished one, with this at the end of its name."""
    from modules import images

    images.save_image(
        picture, p.outpath_samples, "", p.seeds[index], p.prompts[index], shared.opts.samples_format, info=text, p=p,
        suffix=suffix,
    )  # fmt: skip


def saves_pictures(p: Any, of_film: bool = False) -> bool:
    """Whether the options and the request want pictures on the disk, now. of_film: those that a film is made of, for
    which Forge Neo has an option of its own."""
    if hasattr(p, "save_samples"):
        return bool(p.save_samples(is_video=True) if of_film else p.save_samples())
    return bool(shared.opts.samples_save and not p.do_not_save_samples)


@dataclass(frozen=True)
class Grid:
    """What is to become of a grid of the pictures."""

    is_returned: bool = False
    is_saved: bool = False


def grid_wanted(p: Any) -> Grid:
    """By the options and the request, now."""
    return Grid(bool(shared.opts.return_grid), bool(shared.opts.grid_save) and not p.do_not_save_grid)


def masks_returned(p: Any) -> int:
    """How many pictures the host gives behind each picture of inpainting."""
    if getattr(p, "mask_for_overlay", None) is None:
        return 0
    return int(shared.opts.return_mask) + int(shared.opts.return_mask_composite)


def infotext_of_batch(p: Any) -> str:
    """Of the picture that the host is finishing."""
    return infotext_of(p, p.batch_index)


def save_frame(p: Any, picture: Image.Image, folder: Path, name: str, text: str) -> Path:
    """Saves the picture that the host is finishing under this name, in the host's format; gives the path."""
    from modules import images

    extension = shared.opts.samples_format
    picture.load()
    with suppress(OSError):  # of a run that was stopped between this file and its state; the host would add a number
        (folder / f"{name}.{extension}").unlink(missing_ok=True)
    i = p.batch_index
    path, _ = images.save_image(
        picture, str(folder), "", p.seeds[i], p.prompts[i], extension, info=text, p=p, forced_filename=name,
        save_to_dirs=False,
    )  # fmt: skip
    return Path(path)


def saved_file(named: str) -> Path:
    """Where the picture lies that the host has just saved under this name.

    With "Add number suffix", which the batch tab sets itself, A1111 names the file that was there before, not its own.
    """
    path = Path(named)
    if getattr(shared.opts, "save_images_replace_action", "") != ADD_NUMBER:
        return path
    found, number = [path], 1
    while (numbered := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        found, number = [*found, numbered], number + 1
    return max(reversed(found), key=lambda one: one.stat().st_mtime_ns)


def temporary_folder() -> Path | None:
    """Where the host's options want temporary pictures; None where they leave it to the system.

    To be read before the options of a request are set, which is not to say where files go.
    """
    named = getattr(shared.opts, "temp_dir", "")
    return Path(named).absolute() if named else None


def arranged(pictures: list[Image.Image], batch_size: int) -> Image.Image:
    """All on one picture, in the host's own arrangement."""
    from modules import images

    return images.image_grid(pictures, batch_size)


def picture_grid(pictures: list[Image.Image], batch_size: int, text: str) -> Image.Image:
    """The grid that the host gives beside its pictures, with the infotext where its options want that."""
    grid = arranged(pictures, batch_size)
    if shared.opts.enable_pnginfo:
        grid.info["parameters"] = text
    return grid


def save_grid(p: Any, processed: Any, grid: Image.Image, text: str) -> None:
    """Where and as the host saves grids."""
    from modules import images

    images.save_image(
        grid, p.outpath_grids, "grid", processed.all_seeds[0], processed.all_prompts[0], shared.opts.grid_format,
        info=text, short_filename=not shared.opts.grid_extended_filename, p=p, grid=True,
    )  # fmt: skip


def hand_out(file: Path) -> None:
    """Lets the page have this file by the host's own route, wherever it lies."""
    from modules import ui_tempdir

    if getattr(shared, "demo", None) is not None:
        ui_tempdir.register_tmp_file(shared.demo, str(file))


def font(letters: int) -> Any:
    """The host's own font: its Pillow may be too old to have one of any size."""
    from modules import images

    return images.get_font(letters)
