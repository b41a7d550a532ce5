"""The ways to a large picture that the picture benchmark compares, as requests to the studio, and what they made."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from benchmarks.cases import Case
from benchmarks.evaluations import Counted
from benchmarks.network_methods import FIELD, Run, sampled
from itermix.mixing.hires import LATENT
from itermix.mixing.settings import MixingSettings
from itermix.studio.pictures import picture_of, tensor_of
from itermix.studio.pipeline import Result, Studio
from itermix.studio.request import UPSCALERS, Request, Resolved
from itermix.upscale.trajectory import Trajectory
from tools.small_model.artwork import NATIVE

DIRECT, OURS = "direct", "itermix"
HIRES_STRENGTHS = (0.3, 0.5, 0.7)
PRESETS = ("Balanced", "Close", "Faithful", "Creative")  # the first is the default
STEPS = 20


@dataclass(frozen=True)
class Method:
    """A way to the large picture: a hires pass, or none, where the picture is made at the large size directly.

    upscaler: what enlarges for the hires pass, and is mixed in: "latent", "pixel" (decoded, Lanczos, encoded), or
    "both" (low frequencies of the first, high ones of the second). phases: 0 as few as keep each at 2x, 1 is one.
    make: of the clean large latent, in the place of a hires pass.
    """

    name: str
    is_hires: bool = True
    strength: float = 1.0
    upscaler: str = "latent"
    phases: int = 1
    mixing: MixingSettings = MixingSettings()
    make: Callable[[Run], Tensor] | None = None

    def request(self, native: Request, scale: int) -> Request:
        """What is asked for, for a picture scale times as large as the native one."""
        if not self.is_hires:
            return dataclasses.replace(native, width=scale * NATIVE, height=scale * NATIVE)
        return dataclasses.replace(
            native, hires=float(scale), hires_strength=self.strength, hires_upscaler=self.upscaler,
            hires_phases=self.phases, mixing=self.mixing,
        )  # fmt: skip


def mixed(preset: str) -> MixingSettings:
    return MixingSettings.from_dict({"preset": preset, "enabled": True})


def named(name: str, upscaler: str, usual: str = LATENT) -> str:
    """A row's name: the usual upscaler goes without saying."""
    return name if upscaler == usual else f"{name}, {upscaler}"


def ours(preset: str, upscaler: str, **more) -> Method:
    name = named(OURS if preset == PRESETS[0] else f"{OURS} {preset}", upscaler, Request().hires_upscaler)
    return Method(f"{name}, in phases" if more else name, upscaler=upscaler, mixing=mixed(preset), **more)


METHODS = (
    Method(DIRECT, is_hires=False),
    *(Method(named(f"hires {strength}", upscaler), strength=strength, upscaler=upscaler)
      for upscaler in UPSCALERS for strength in HIRES_STRENGTHS),
    Method("DemoFusion", mixing=mixed("DemoFusion paper")),
    *(ours(preset, upscaler) for upscaler in UPSCALERS for preset in PRESETS),
    *(ours(PRESETS[0], upscaler, phases=0) for upscaler in UPSCALERS),
    ours("Close", Request().hires_upscaler, phases=0),
    *(Method(name, make=make) for name, make in FIELD.items()),
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A picture, [1, 3, H, W], and how many latent pixels the network was asked about for it, beyond the native's."""

    picture: Tensor
    pixels: int = 0


class Store:
    """The pictures that are made, as PNG in a folder (or nowhere): a long run goes on where it was stopped.

    A picture is kept with what it was asked for and of which weights, and made again where that has changed. It is
    rounded to 8 bits whether it is kept or not.
    """

    def __init__(self, folder: Path | None, weights: str = ""):
        self.folder, self.weights = folder, weights
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, asked: Request, make_it: Callable[[], Drawn]) -> Drawn:
        """The picture of that name; made if it is not there."""
        mixing = asked.mixing.to_dict() if asked.mixing.enabled else None  # else a new default would make all again
        text = json.dumps({**asked.to_dict(), "mixing": mixing, "weights": self.weights})
        path = self.folder / f"{name}.png" if self.folder else None
        if path and path.exists():
            with Image.open(path) as picture:
                if picture.text.get("asked") == text:
                    return Drawn(tensor_of(picture), int(picture.text["pixels"]))
        drawn = make_it()
        picture = picture_of(drawn.picture)
        if path:
            note = PngInfo()
            note.add_text("asked", text)
            note.add_text("pixels", str(drawn.pixels))
            half = path.with_suffix(f".{os.getpid()}")
            picture.save(half, "PNG", pnginfo=note)
            half.replace(path)
        return Drawn(tensor_of(picture), drawn.pixels)


class Native:
    """A picture at the model's own size, made when it is first asked for, and its larger ones.

    studio: with a `Counted` network.
    """

    def __init__(self, studio: Studio, case: Case, steps: int, kept: Store):
        self.studio, self.case, self.kept = studio, case, kept
        asked = Request(prompt=case.prompt, width=NATIVE, height=NATIVE, seed=case.seed, steps=steps)
        self.request: Resolved = studio.network.resolved(asked)

    @cached_property
    def result(self) -> Result:
        return next(iter(self.studio.text_to_image(self.request)))

    @cached_property
    def first_pass(self) -> Trajectory:
        """The native picture's denoised predictions."""
        found = Trajectory()

        def recording(denoise, x: Tensor, sigma: float, step: int) -> Tensor:
            found.record(sigma, denoise(x, sigma))
            return found.at(sigma, tuple(x.shape[-2:]), x)

        run = self._run(self.request, found)
        size = tuple(self.result.latent.shape[-2:])
        sampled(run, run.task(size, init=torch.zeros_like(self.result.latent)), recording)
        return found

    def picture(self) -> Tensor:
        """[1, 3, 128, 128]"""
        return self.kept.get(f"{self._name} native", self.request, self._drawn_native).picture

    def enlarged(self, method: Method, scale: int) -> Drawn:
        """Made by that method, with a hires pass from the native one, or directly."""
        asked = method.request(self.request, scale)
        return self.kept.get(f"{self._name} {scale}x {method.name}", asked, partial(self._drawn, method, asked))

    def _drawn_native(self) -> Drawn:
        return Drawn(tensor_of(self.result.picture))

    def _drawn(self, method: Method, asked: Resolved) -> Drawn:
        native = self.result.latent if method.is_hires else None
        run = self._run(asked, self.first_pass) if method.make else None
        network: Counted = self.studio.network
        before = network.pixels
        if run is not None:
            latent = method.make(run)
        elif method.is_hires:
            latent, _ = self.studio.hires(asked, asked.seed, native)
        else:
            latent = next(iter(self.studio.text_to_image(asked))).latent
        return Drawn(network.decode(latent), network.pixels - before)

    def _run(self, asked: Resolved, first_pass: Trajectory) -> Run:
        return Run(self.studio.network, asked, asked.seed, self.result.latent, first_pass)

    @property
    def _name(self) -> str:
        return f"{self.case.subject} {self.case.background} {self.case.seed}"
