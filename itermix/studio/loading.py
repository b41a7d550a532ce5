"""Opens a checkpoint: a folder in diffusers' layout, or one safetensors file of SD1.5, SDXL or Flux."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itermix.studio.errors import StudioError, one_line
from itermix.studio.request import AUTOMATIC, SAMPLERS

if TYPE_CHECKING:
    import torch

DEVICES = ("cpu", "cuda", "mps", "xpu")
BUNDLED = "itermix small"  # the name of the model that comes with the studio
INDEX = "model_index.json"
DEFAULTS = "studio.json"
NETWORKS = ("unet", "transformer")
TEXT = ("tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2")
# Only these may be named in an index: a folder from anywhere must not choose what is imported.
LIBRARIES = ("diffusers", "transformers")
LARGEST_HEADER = 100 * 2**20  # bytes; safetensors' own limit
# A tensor that only this class of checkpoint has, in the layouts of their authors.
SINGLE_FILES = {
    "double_blocks.0.img_attn.proj.weight": "FluxPipeline",
    "conditioner.embedders.1.model.ln_final.weight": "StableDiffusionXLPipeline",
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": "StableDiffusionPipeline",
}


def load_components(path: str | Path, config: str | Path | None = None) -> dict[str, Any]:
    """Network, VAE, text encoders, tokenizers and scheduler of a checkpoint, in float32 on the CPU, by name.

    config: for a single file, a diffusers folder of the same class, with its tokenizers and configurations.
    Raises StudioError.
    """
    path = Path(path)
    require_checkpoint(path)
    try:
        return _from_folder(path) if path.is_dir() else _from_file(path, config)
    except StudioError:
        raise
    except ImportError as error:
        raise StudioError(f"the studio needs diffusers and transformers: {one_line(error)}") from error
    except Exception as error:  # the libraries raise a dozen kinds for damaged files
        problem = f"cannot be loaded, it is damaged or incomplete: {one_line(error)}"
        raise StudioError(f"checkpoint: {path} {problem}") from error


def require_checkpoint(path: Path) -> None:
    """What can be told of a checkpoint before torch is imported. Raises StudioError."""
    if not path.exists():
        raise StudioError(f"checkpoint: {path} is not there; give a diffusers folder or a .safetensors file")
    if path.is_dir():
        require_folder(path, "checkpoint")
    else:
        class_of_file(path)


def require_folder(folder: Path, name: str) -> None:
    """A folder in diffusers' layout. name: of the option that named it. Raises StudioError."""
    if not folder.exists():
        raise StudioError(f"{name}: {folder} is not there; give the folder that a diffusers pipeline was saved to")
    if not (folder / INDEX).is_file():
        raise StudioError(f"{name}: {folder} holds no {INDEX}; give the folder that a diffusers pipeline was saved to")


def name_of(checkpoint: str | Path | None) -> str:
    """What a checkpoint is called: its folder's or file's name."""
    return BUNDLED if checkpoint is None else Path(checkpoint).resolve().name.removesuffix(".safetensors")


def device_of(name: str | None) -> torch.device:
    """The device of that name, or the best one that there is. Raises StudioError where it cannot be used here."""
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    require_device_name(name)
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise StudioError(f'device: "{name}" cannot be used here ({one_line(error, 80)}); take cpu') from None
    return device


def require_device_name(name: str) -> None:
    """Raises StudioError for what is no device on any machine."""
    kind, colon, number = name.partition(":")
    if kind not in DEVICES or (colon and not number.isdecimal()):
        problem = f"cannot be used here (it is none of {', '.join(DEVICES)}); take cpu"
        raise StudioError(f'device: "{name}" {problem}')


def silence() -> None:
    """Turns off the libraries' own notes and progress bars, which would stand between our lines."""
    try:
        import diffusers
        import transformers
    except ImportError:
        return  # said when a checkpoint is opened
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def _from_folder(folder: Path) -> dict[str, Any]:
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    found = {}
    for name in (*NETWORKS, "vae", *TEXT, "scheduler"):
        library, kind = index.get(name) or (None, None)
        if kind is None:
            continue
        if library not in LIBRARIES:
            raise StudioError(f'checkpoint: {folder} wants {name} from "{library}", which the studio does not use')
        cls = getattr(importlib.import_module(library), kind)
        found[name] = _component(cls, folder, name)
    return {**_complete(found, folder), "defaults": defaults_of(folder)}


def defaults_of(folder: Path) -> dict[str, Any]:
    """What a checkpoint's folder says of itself in studio.json: {"guidance": CFG scale, "sampler": name, "prompts":
    [best first]}; the sampler may be left out.

    Raises StudioError.
    """
    file = folder / DEFAULTS
    if not file.is_file():
        return {}
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        sampler = str(values.get("sampler", AUTOMATIC))
        prompts = [str(prompt) for prompt in values["prompts"]]
        found = {"guidance": float(values["guidance"]), "sampler": sampler, "prompts": prompts}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(f"checkpoint: {file} is damaged: {one_line(error)}") from None
    if sampler not in SAMPLERS:
        raise StudioError(f'checkpoint: {file} is damaged: there is no sampler "{sampler}"')
    return found


def _component(cls: type, folder: Path, name: str) -> Any:
    if not (folder / name).is_dir():
        raise StudioError(f"checkpoint: {folder / name} is not there; the folder is incomplete")
    options: dict[str, Any] = {"subfolder": name, "local_files_only": True}
    if name in (*NETWORKS, "vae"):
        import torch

        # A tensor that the file lacks would be made up from random numbers.
        part, report = cls.from_pretrained(folder, output_loading_info=True, torch_dtype=torch.float32, **options)
        if report["missing_keys"]:
            missing = sorted(report["missing_keys"])
            raise StudioError(f"checkpoint: {folder / name} lacks {len(missing)} tensors, {missing[0]} first")
        return part
    part = cls.from_pretrained(folder, **options)
    return part.float() if name.startswith("text_encoder") else part


def _from_file(path: Path, config: str | Path | None) -> dict[str, Any]:
    import diffusers
    import torch

    cls = getattr(diffusers, class_of_file(path))
    options = {} if config is None else {"config": str(config)}
    try:
        with _lacking() as lacking:
            pipeline = cls.from_single_file(
                str(path), torch_dtype=torch.float32, local_files_only=config is not None, **options
            )
    except (OSError, ValueError) as error:
        raise StudioError(
            f"checkpoint: {path} came without its tokenizer and configurations ({one_line(error)}); "
            "name a diffusers folder of the same class with --config"
        ) from error
    found = {name: part for name, part in pipeline.components.items() if part is not None}
    for part in found.values():
        if isinstance(part, torch.nn.Module):  # where the library leaves them unmade
            lacking.extend(name for name, value in part.state_dict().items() if value.is_meta)
    if lacking:
        raise StudioError(f"checkpoint: {path} lacks {len(lacking)} tensors, {sorted(lacking)[0]} first")
    return _complete(found, path)


@contextmanager
def _lacking() -> Iterator[list[str]]:
    """A list that fills with the names of tensors which modules loaded in the block do not find in their file.

    diffusers does not ask for them when it opens a single file, and would fill them with random numbers.
    """
    import torch

    names, load = [], torch.nn.Module.load_state_dict

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        result = load(self, *arguments, **options)
        names.extend(result.missing_keys)
        return result

    torch.nn.Module.load_state_dict = watched
    try:
        yield names
    finally:
        torch.nn.Module.load_state_dict = load


def class_of_file(path: Path) -> str:
    """The diffusers pipeline of a single file, from the names of its tensors. Raises StudioError."""
    if path.suffix != ".safetensors":
        raise StudioError(f"checkpoint: {path} is no .safetensors file; others can run code when they are opened")
    tensors = _header(path)
    for tensor, name in SINGLE_FILES.items():
        if any(key in tensors for key in (tensor, f"model.diffusion_model.{tensor}")):
            return name
    raise StudioError(f"checkpoint: {path} is of no known class; the studio opens SD1.5, SDXL and Flux")


def _header(path: Path) -> dict[str, Any]:
    """Names and places of a safetensors file's tensors: 8 bytes of length, then JSON."""
    problem = StudioError(f"checkpoint: {path} is damaged: it is no whole safetensors file; copy it again")
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= LARGEST_HEADER:
            raise problem
        try:
            tensors = json.loads(file.read(length))
            last = max(value["data_offsets"][1] for name, value in tensors.items() if name != "__metadata__")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise problem from None
    if path.stat().st_size < 8 + length + last:
        raise problem
    return tensors


def _complete(found: dict[str, Any], path: Path) -> dict[str, Any]:
    wanted = ["vae", "tokenizer", "text_encoder", "scheduler"]
    missing = [name for name in wanted if name not in found]
    if not any(name in found for name in NETWORKS):
        missing.insert(0, "unet or transformer")
    if missing:
        raise StudioError(f"checkpoint: {path} has no {', no '.join(missing)}; it is not a text-to-image pipeline")
    return found
