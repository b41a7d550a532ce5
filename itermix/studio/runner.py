"""One run in the background: what it has to say as it goes, its pictures as they come, and a way to stop it."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from itermix.mixing.settings import MixingSettings
from itermix.studio import pictures
from itermix.studio.errors import Cancelled
from itermix.studio.jobs import results_of
from itermix.studio.pipeline import OnProgress, Result, Studio
from itermix.studio.previews import Previews
from itermix.studio.request import Resolved
from itermix.studio.sampling import IsCancelled
from itermix.studio.source import Source


@dataclass(frozen=True)
class Step:
    """A step is done: of which pass, of which picture (from 1), and whether it is one to compare with."""

    name: str
    done: int
    steps: int
    picture: int
    is_comparison: bool


@dataclass(frozen=True)
class Finished:
    """A picture is done."""

    result: Result
    infotext: str


@dataclass(frozen=True)
class Compared:
    """What the picture done last is to be compared with. label: what that is, in words."""

    picture: Image.Image
    label: str


@dataclass(frozen=True)
class Preview:
    """What the picture under way looks like so far."""

    picture: Image.Image


class Background:
    """Work in a thread of its own, so that the page stays awake. Iterate over it once for what it says.

    work(say, is_cancelled) calls say(event), and may raise Cancelled. The iteration ends when the work does, raises
    what it raised, and gives it up where it is left early. studio: what previews are decoded by.
    """

    def __init__(self, studio: Studio, work: Callable[[Callable[[Any], None], IsCancelled], None]):
        self.studio, self.work = studio, work
        self._said: queue.Queue = queue.Queue()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stops the work at its next step; what is finished is kept."""
        self._cancelled.set()

    @property
    def was_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def __iter__(self) -> Iterator[Any]:
        worker = threading.Thread(target=self._work, name="itermix run", daemon=True)
        worker.start()
        try:
            while True:
                said = self._said.get()
                if said is None:
                    return
                if isinstance(said, BaseException):
                    raise said
                yield said
        finally:  # the page may be gone
            self.cancel()
            worker.join()

    def _work(self) -> None:
        self.studio.on_denoised = Previews(self.studio, lambda picture: self._said.put(Preview(picture)))
        try:
            self.work(self._said.put, self._cancelled.is_set)
        except Cancelled:
            pass
        except BaseException as error:
            self._said.put(error)
        finally:
            self.studio.on_denoised = None
        self._said.put(None)


class BackgroundRun(Background):
    """The pictures of one request: Step, Preview, Finished and Compared as they come."""

    def __init__(self, studio: Studio, request: Resolved, source: Source, model: str, compares: bool):
        super().__init__(studio, self._make)
        self.source, self.model, self.compares = source, model, compares
        self.request = request
        self.next = 1  # number of the picture under way

    def _make(self, say: Callable[[Any], None], is_cancelled: IsCancelled) -> None:
        results = results_of(self.studio, self.request, self.source, self.model, self._progress_of_next, is_cancelled)
        for number, (result, infotext) in enumerate(results, 1):
            say(Finished(result, infotext))  # before the run to compare with, which takes as long again
            if (other := self._counterpart(result, number)) is not None:
                say(other)
            self.next = number + 1

    def _progress_of_next(self, name: str, done: int, steps: int) -> None:
        self._said.put(Step(name, done, steps, self.next, False))

    def _comparing(self, picture: int) -> OnProgress:
        return lambda name, done, steps: self._said.put(Step(name, done, steps, picture, True))

    def _counterpart(self, result: Result, number: int) -> Compared | None:
        """What the picture is compared with: the same run without mixing, or its own first pass enlarged."""
        if self.compares and self.request.mixing.enabled:
            progress, is_cancelled = self._comparing(number), self._cancelled.is_set
            plain = without_mixing(self.studio, self.request, self.source, result, progress, is_cancelled)
            return Compared(plain, "without mixing")
        if result.native is not None:
            first = pictures.picture_of(self.studio.network.decode(result.native))
            return Compared(first.resize(result.picture.size, Image.Resampling.LANCZOS), "first pass, enlarged")
        return None


def without_mixing(
    studio: Studio,
    request: Resolved,
    source: Source,
    result: Result,
    on_progress: OnProgress,
    is_cancelled: IsCancelled,
) -> Image.Image:
    """The same picture, by the same seed, without mixing; a hires pass at its own denoising strength."""
    plain = dataclasses.replace(request, mixing=MixingSettings(), seed=result.seed, count=1)
    if result.native is not None:
        latent, _ = studio.hires(plain, result.seed, result.native, on_progress, is_cancelled)
        return pictures.picture_of(studio.network.decode(latent))
    if source.image is not None:
        return next(studio.image_to_image(plain, source.image, source.mask, on_progress, is_cancelled)).picture
    return next(studio.text_to_image(plain, on_progress, is_cancelled)).picture
