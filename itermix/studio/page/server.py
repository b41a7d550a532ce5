"""The standalone's page, with the accordion and the live curve of the WebUIs: what its buttons do, and serving it."""

from __future__ import annotations

import html
import json
import random
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.settings import SettingsError, read_json
from itermix.studio.errors import StudioError, one_line
from itermix.studio.page import layout
from itermix.studio.page.folder import keep
from itermix.studio.request import Request
from itermix.studio.runner import BackgroundRun, Step
from itermix.studio.source import Source

SCRIPTS = Path(__file__).parents[3] / "javascript"
WHOLE = ("width", "height", "steps", "seed", "count", "hires_steps")
PAUSE = 0.2  # seconds between two updates of the status: a page that gets one per quick step answers no click
PICTURE_FIELD = "reference_image"
# What the page does with the text of the settings: no file on our side, and one click.
DOWNLOAD = """text => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
    link.download = "itermix-settings.json";
    link.click();
    URL.revokeObjectURL(link.href);
}"""


class Server:
    """What the page's buttons do. One run at a time: the page's queue has one place."""

    def __init__(self, studio: Any, model: str, folder: Path):
        self.studio, self.model, self.folder = studio, model, folder
        self.run: BackgroundRun | None = None
        self.runs, self.is_stopped = 0, False

    def launch(self, prompt: str, presets: Presets, host: str, port: int, opens_browser: bool) -> None:
        """Serves the page until the process is stopped."""
        network = self.studio.network
        with gr.Blocks(title="itermix", analytics_enabled=False) as blocks:
            gr.Markdown("# itermix", elem_id="itermix_title")
            self.connect(layout.build(network.native_size, network.multiple, prompt, presets))
        scripts = "".join(
            f"<script>{file.read_text(encoding='utf-8')}</script>" for file in sorted(SCRIPTS.glob("*.js"))
        )
        # Fonts of the system: a page must not need a network.
        fonts = dict(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
        blocks.queue(default_concurrency_limit=1).launch(
            server_name=host, server_port=port, inbrowser=opens_browser, quiet=True, ssr_mode=False,
            theme=gr.themes.Default(primary_hue="orange", neutral_hue="gray", **fonts),
            css=layout.CSS, head=scripts, footer_links=[], allowed_paths=[str(self.folder)],
        )  # fmt: skip

    def connect(self, page: Any) -> None:
        """Ties the components to what they do."""
        self.page = page
        inputs = [
            *page.request.values(), *page.mixing.values(), page.uses_hires, page.compares, page.image, page.mask,
        ]  # fmt: skip
        shown = [page.status, page.gallery, page.slider, page.infotext]
        page.generate.click(self.generate, inputs, shown, show_progress="hidden", concurrency_id="run")
        page.interrupt.click(self.interrupt, None, None, queue=False, show_progress="hidden")
        page.settings.click(self.save, inputs, page.saved, show_progress="hidden").success(
            None, page.saved, None, js=DOWNLOAD
        )
        loaded = [*page.request.values(), *page.mixing.values(), page.uses_hires]
        page.upload.upload(self.load, page.upload, loaded, show_progress="hidden")

    def generate(self, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Updates of status, gallery, slider and parameters, as the run goes."""
        self.runs, self.run, self.is_stopped = self.runs + 1, None, False
        try:
            request, compares, source = self.read(values)
            request = self.studio.network.resolved(request)
            self.run = BackgroundRun(self.studio, request, Source(*source), self.model, compares)
            if self.is_stopped:  # pressed while the settings were read
                self.run.cancel()
            made: list[tuple[str, str]] = []
            told = 0.0
            yield self.status("Starting"), [], None, ""
            for event in self.run:
                if isinstance(event, Step):
                    if time.monotonic() - told < PAUSE:
                        continue
                    told = time.monotonic()
                    yield (
                        self.status(text_of(event, self.run.request.count), event.done / event.steps),
                        *[gr.skip()] * 3,
                    )
                else:
                    path, other = keep(self.folder, event)
                    made.append((path, f"seed {event.result.seed}"))
                    slider = gr.update(value=(other, path), label=f"Left: {event.label}; right: the picture") if other \
                        else gr.update(value=(path, path), label="The picture")  # fmt: skip
                    yield self.status("Decoded", 1.0), list(made), slider, event.infotext
            ended = "Interrupted" if self.run.was_cancelled and len(made) < request.count else "Done"
            yield self.status(f"{ended}: {len(made)} of {request.count} pictures"), *[gr.skip()] * 3
        except (StudioError, SettingsError) as error:
            yield self.status(str(error)), *[gr.skip()] * 3
            raise gr.Error(html.escape(one_line(error, 400)), duration=12) from None
        except Exception as error:
            traceback.print_exc()  # for the terminal; the page gets one line
            yield self.status(f"That failed: {one_line(error)}"), *[gr.skip()] * 3
            raise gr.Error(html.escape(f"That failed: {one_line(error)}"), duration=12) from None

    def interrupt(self) -> None:
        self.is_stopped = True
        if self.run is not None:
            self.run.cancel()

    def save(self, *values: Any) -> str:
        """The settings as JSON text, as `render --settings` takes it in a file."""
        try:
            request, _, _ = self.read(values)
        except (StudioError, SettingsError) as error:
            raise gr.Error(html.escape(one_line(error, 400))) from None
        return json.dumps(request.to_dict(), indent=2)

    def load(self, file: str) -> list[Any]:
        """Updates of the request's and mixing's fields and of the hires switch."""
        try:
            request = Request.from_dict(read_json(file))
        except (StudioError, SettingsError) as error:
            raise gr.Error(html.escape(one_line(error, 400))) from None
        resolved, values = self.studio.network.resolved(request), request.to_dict()
        values |= {"width": resolved.width, "height": resolved.height}
        if request.hires == 1.0:  # keeps the slider where it is
            values["hires"] = gr.skip()
        values["mixing"][PICTURE_FIELD] = gr.skip()
        return [
            *(values[name] for name in self.page.request), *(values["mixing"][name] for name in self.page.mixing),
            request.hires > 1.0,
        ]  # fmt: skip

    def read(self, values: tuple[Any, ...]) -> tuple[Request, bool, tuple[Any, Any]]:
        """The request, whether to compare, and the pictures to start from. Raises StudioError and SettingsError."""
        names = [*self.page.request, *self.page.mixing]
        asked = dict(zip(names, values))
        uses_hires, compares, image, mask = values[len(names) :]
        request = {name: asked[name] for name in self.page.request}
        for name in WHOLE:
            if request[name] is None or request[name] != int(request[name]):
                raise StudioError(f"{name}: {request[name]} is not allowed; it takes a whole number")
            request[name] = int(request[name])
        if request["seed"] < 0:
            request["seed"] = random.randrange(2**32)
        if not uses_hires or image is not None:
            request["hires"] = 1.0
        if mask is not None and image is None:
            raise StudioError("mask: there is nothing to keep without a picture to start from")
        mixing = {name: asked[name] for name in self.page.mixing}
        if mixing[PICTURE_FIELD] is not None:
            mixing[PICTURE_FIELD] = base64_of(mixing[PICTURE_FIELD])
        return Request(**request, mixing=MixingSettings.from_dict(mixing)), compares, (image, mask)

    def status(self, text: str, share: float | None = None) -> str:
        """What the run is doing, with its number for whoever waits for it."""
        bar = "" if share is None else f'<progress value="{share:.3f}" max="1"></progress>'
        return f'<p data-run="{self.runs}">{html.escape(text)}</p>{bar}'


def text_of(step: Any, count: int) -> str:
    of = f"picture {step.picture} of {count}, " if count > 1 else ""
    what = "to compare, " if step.is_comparison else ""
    return f"{of}{what}{step.name}: step {step.done} of {step.steps}"


def base64_of(picture: Any) -> str:
    import base64
    import io

    from itermix.pictures.uploads import rgb

    buffer = io.BytesIO()
    rgb(picture, PICTURE_FIELD).save(buffer, "PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()
