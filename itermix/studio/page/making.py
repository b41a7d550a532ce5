"""The runs that the page's buttons start: pictures, a sequence, a grid. One at a time; the others wait."""

from __future__ import annotations

import dataclasses
import html
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from itermix.settings import SettingsError
from itermix.studio.errors import StudioError, is_out_of_memory, one_line
from itermix.studio.page import words, works
from itermix.studio.page.asked import Asked
from itermix.studio.page.folder import keep, keep_beside, new_folder
from itermix.studio.page.layout import Form
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


@dataclass(eq=False)
class Turn:
    """A press of a button: it waits for its run, which may be another page's turn first, and has it. number: from 1."""

    number: int
    run: Background | None = None
    is_running: bool = False
    is_stopped: bool = False

    def stop(self) -> None:
        """Ends it where it waits, or its run at the next step; what is finished is kept."""
        self.is_stopped = True
        if self.run is not None:
            self.run.cancel()

    def status(self, text: str, share: float | None = None, preview: str = "") -> str:
        """What it is doing, as HTML, with its number for whoever waits for it."""
        bar = "" if share is None else f'<progress value="{share:.3f}" max="1"></progress>'
        return f'<p data-run="{self.number}">{html.escape(text)}</p>{bar}{preview}'


@dataclass
class Tab:
    """A page in a browser: its turns under way, and what it made last. sequence: that one's folder and seed."""

    turns: list[Turn] = field(default_factory=list)
    seed: int | None = None  # of the first picture of the newest run
    sequence: tuple[Path, int] | None = None


class Maker:
    """Makes what is asked for and keeps it in a folder. form: the page's, set when that is built."""

    form: Form

    def __init__(self, studio: Any, model: str, folder: Path):
        self.studio, self.model, self.folder = studio, model, folder
        self.turns = 0  # so far
        self.running = threading.Lock()  # held by the turn that runs
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
        for turn in self.tab(page).turns:
            turn.stop()

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
        said: list[str] = []

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
            said[:] = [words.mixed(event.result, request, source)]
            slider = gr.update(value=(str(path),) * 2, label="The picture")
            return updates(turn.status("Decoded", 1.0), list(made), slider, "", event.infotext)

        yield from self._followed(turn, run, event, request.count)
        count = len(paths)
        ended = "Interrupted" if run.was_cancelled and count < request.count else "Done"
        yield updates(turn.status(". ".join([f"{ended}: {count} of {request.count} pictures", *filter(None, said)])))

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
        self.turns += 1
        turn = Turn(self.turns)
        tab.turns.append(turn)
        try:
            yield from self._waited(turn)
            if not turn.is_stopped:
                self.newest = tab
                yield updates(turn.status("Starting"))
                yield from make(tab, turn, asked)
        except (StudioError, SettingsError) as error:
            yield updates(turn.status(words.here(str(error), self.form.labels)))
            raise message(words.here(one_line(error, 400), self.form.labels)) from None
        except Exception as error:
            if is_out_of_memory(error):
                text = "Out of memory; take a smaller size"
                yield updates(turn.status(text))
                raise message(text) from None
            traceback.print_exc()  # for the terminal; the page gets one line
            yield updates(turn.status(f"That failed: {one_line(error)}"))
            raise message(f"That failed: {one_line(error)}") from None
        finally:  # the page may be gone
            tab.turns.remove(turn)
            if turn.is_running:
                self.running.release()

    def _waited(self, turn: Turn) -> Iterator[Updates]:
        """Until no other turn runs, or this one is stopped."""
        while not turn.is_stopped:
            turn.is_running = self.running.acquire(timeout=PAUSE)
            if turn.is_running:
                return
            yield updates(turn.status("Waiting for another run to end"))
        yield updates(turn.status("Interrupted while it waited"))


def message(text: str) -> gr.Error:
    """For the page alone: wrong input is no fault that belongs on the terminal."""
    return gr.Error(html.escape(text), duration=12, print_exception=False)
