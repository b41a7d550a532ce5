"""The runs that the page's buttons start: pictures, a sequence, a grid. One at a time; the others wait."""

from __future__ import annotations

import dataclasses
import html
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from itermix.settings import SettingsError
from itermix.studio.errors import StudioError, is_out_of_memory, one_line
from itermix.studio.page import words, works
from itermix.studio.page.asked import Asked
from itermix.studio.page.folder import keep, keep_beside, new_folder
from itermix.studio.page.layout import Form
from itermix.studio.page.turns import Tab, Turn, Turns
from itermix.studio.runner import Background, BackgroundRun, Compared, Finished, Preview, Step
from itermix.studio.traces import save_trace

PAUSE = 0.2  # seconds between two updates of the status: a page that gets one per quick step answers no click
MOST_SHOWN = 24  # pictures of a long sequence in the gallery, the newest ones

Updates = tuple[Any, ...]  # of status, gallery, slider, film and parameters


def updates(
    status: str, gallery: Any = None, slider: Any = None, film: str | None = None, infotext: Any = None
) -> Updates:
    """What is None stays as it is."""
    return (status, *(gr.skip() if value is None else value for value in (gallery, slider, film, infotext)))


class Maker:
    """Makes what is asked for and keeps it in a folder. form: the page's, set when that is built."""

    form: Form

    def __init__(self, studio: Any, model: str, folder: Path):
        self.studio, self.model, self.folder = studio, model, folder
        self.turns = Turns()
        self.tabs: dict[str, Tab] = {}
        self.newest = Tab()  # that has started a run

    def generate(self, page: gr.Request, *values: Any) -> Iterator[Updates]:
        """Updates of the run of pictures that the form's values ask for."""
        yield from self._guarded(self.tab(page), self._pictures, Asked(self.form, values))

    def sequence(self, page: gr.Request, *values: Any) -> Iterator[Updates]:
        """The same for a sequence and its film."""
        yield from self._guarded(self.tab(page), self._sequence, Asked(self.form, values))

    def grid(self, page: gr.Request, *values: Any) -> Iterator[Updates]:
        """The same for a grid over one or two settings."""
        yield from self._guarded(self.tab(page), self._grid, Asked(self.form, values))

    def interrupt(self, page: gr.Request) -> None:
        """Ends this tab's own runs, those that wait too; what is finished is kept."""
        self.tab(page).stop()

    def tab(self, page: gr.Request) -> Tab:
        """Of a page; a new one, as after a reload, goes on from what was made last."""
        return self.tabs.setdefault(page.session_hash or "", Tab(seed=self.newest.seed, sequence=self.newest.sequence))

    def _pictures(self, tab: Tab, turn: Turn, asked: Asked) -> Iterator[Updates]:
        request, source = asked.request(), asked.source()
        request = self.studio.network.resolved(request)
        self.studio.traced_steps = asked.traced_steps
        run = BackgroundRun(self.studio, request, source, self.model, asked.compares)
        made: list[tuple[str, str]] = []
        paths: list[Path] = []
        mixed: list[str] = []

        def event(event: Finished | Compared) -> Updates:
            if isinstance(event, Compared):
                path = paths[-1]
                slider = gr.update(
                    value=(str(keep_beside(path, event)), str(path)), label=f"Left: {event.label}; right: the picture"
                )
                return updates(turn.status("Compared", 1.0), None, slider)
            path = keep(self.folder, event)
            paths.append(path)
            tab.seed = request.seed
            made.append((str(path), f"seed {event.result.seed}"))
            for name, report in event.result.reports.items():
                if report.trace is not None:
                    made.append((str(save_trace(self.studio, path, name, report)), f"trace, {name}"))
            mixed[:] = [words.mixed(event.result, request, source)]
            slider = gr.update(value=(str(path),) * 2, label="The picture")
            return updates(turn.status("Decoded", 1.0), list(made), slider, "", event.infotext)

        yield from self._followed(turn, run, event, request.count)
        count = len(paths)
        ended = "Interrupted" if run.was_cancelled and count < request.count else "Done"
        yield updates(turn.status(". ".join([f"{ended}: {count} of {request.count} pictures", *filter(None, mixed)])))

    def _sequence(self, tab: Tab, turn: Turn, asked: Asked) -> Iterator[Updates]:
        settings, source = asked.sequence(), asked.source()
        request = dataclasses.replace(asked.request(), hires=1.0, count=1)
        if source.mask is not None:
            raise StudioError("mask: a sequence takes none here; remove it in Picture")
        request, self.studio.traced_steps = self.studio.network.resolved(request), 0
        if not settings.resume:
            folder = new_folder(self.folder, "sequence")
            tab.sequence = folder, request.seed
        elif tab.sequence is None:
            raise StudioError("resume: there is no sequence to resume; switch it off in Video")
        else:
            folder, drawn = tab.sequence
            request = dataclasses.replace(request, seed=drawn) if asked.draws_seed else request
        work = works.sequence(self.studio, request, settings, source, self.model, folder)
        made: list[tuple[str, str]] = []

        def event(event: works.Made | works.Ended) -> Updates:
            if isinstance(event, works.Made):
                made.append((str(event.path), event.caption))
                status = turn.status(f"{event.caption} is done")
                return updates(status, made[-MOST_SHOWN:], None, None, event.infotext)
            return updates(turn.status(words.ended(event, settings)), None, None, words.film(event.film))

        tab.seed = request.seed
        yield from self._followed(turn, Background(self.studio, work), event)

    def _grid(self, tab: Tab, turn: Turn, asked: Asked) -> Iterator[Updates]:
        x, y, requests = asked.cells()
        cells, source = [self.studio.network.resolved(request) for request in requests], asked.source()
        self.studio.traced_steps, tab.seed = 0, cells[0].seed
        work = works.grid(self.studio, (x, y), cells, source, self.model, new_folder(self.folder, "grid"))
        run, made = Background(self.studio, work), []

        def event(event: works.Made) -> Updates:
            if event.caption:
                made.append((str(event.path), event.caption))
                return updates(turn.status(f"{event.caption} is done"), list(made), None, None, event.infotext)
            slider = gr.update(value=(str(event.path),) * 2, label="The grid")
            return updates(turn.status("Drawn"), [(str(event.path), "the grid"), *made], slider)

        yield from self._followed(turn, run, event, len(cells))
        ended = "Interrupted" if len(made) < len(cells) else "Done"
        yield updates(turn.status(f"{ended}: {len(made)} of {len(cells)} pictures"))

    def _followed(
        self, turn: Turn, run: Background, made: Callable[[Any], Updates], count: int = 1
    ) -> Iterator[Updates]:
        """Status and preview as the run goes, and what `made` gives for all else that it says."""
        turn.run = run
        if turn.is_stopped:  # pressed while the settings were read
            run.cancel()
        told, preview, is_cleared = 0.0, "", False
        for event in run:
            if not is_cleared:  # nothing was wrong with what is asked for: the pictures of the run before may go
                is_cleared = True
                yield updates(turn.status("Starting"), [], gr.update(value=None), "", "")
            if isinstance(event, Preview):
                preview = words.preview(event.picture)
            elif not isinstance(event, Step):
                preview = ""
                yield made(event)
            elif time.monotonic() - told >= PAUSE:
                told = time.monotonic()
                yield updates(turn.status(words.step(event, count), event.done / event.steps, preview))

    def _guarded(
        self, tab: Tab, make: Callable[[Tab, Turn, Asked], Iterator[Updates]], asked: Asked
    ) -> Iterator[Updates]:
        """A turn's updates. What is wrong with it is one message."""
        with self.turns.taken(tab) as turn:
            for _ in self.turns.waited(turn):
                yield updates(turn.status("Waiting for another run to end"))
            if not turn.is_running:
                yield updates(turn.status("Interrupted while it waited"))
                return
            self.newest = tab
            yield updates(turn.status("Starting"))
            try:
                yield from make(tab, turn, asked)
            except Exception as error:
                text, shown = said(error, self.form.labels)
                yield updates(turn.status(text))
                raise message(shown) from None


def said(error: Exception, labels: dict[str, str]) -> tuple[str, str]:
    """What a failed run says in the status and, shorter, in the message. labels: of the page's fields."""
    if isinstance(error, (StudioError, SettingsError)):
        return words.here(str(error), labels), words.here(one_line(error, 400), labels)
    text = "Out of memory; take a smaller size"
    if not is_out_of_memory(error):
        traceback.print_exception(error)  # for the terminal; the page gets one line
        text = f"That failed: {one_line(error)}"
    return text, text


def message(text: str) -> gr.Error:
    """For the page alone: wrong input is no fault that belongs on the terminal."""
    return gr.Error(html.escape(text), duration=12, print_exception=False)
