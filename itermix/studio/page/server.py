"""python -m itermix studio: the standalone's page, with the accordion and the live curve of the WebUIs."""

from __future__ import annotations

import argparse
import html
import json
import os
import random
import socket
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from itermix.commands import arguments as command_line
from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.settings import SettingsError
from itermix.studio.errors import StudioError, one_line
from itermix.studio.request import Request

SCRIPTS = Path(__file__).parents[3] / "javascript"
PORT, PORTS_TRIED = 7870, 20
WHOLE = ("width", "height", "steps", "seed", "count", "hires_steps")
PAUSE = 0.2  # seconds between two updates of the status: a page that gets one per quick step answers no click
PICTURE_FIELD = "reference_image"
PRESETS = Path.home() / ".itermix" / "presets.json"
PROMPT = "red apple on a blue background"
# What the page does with the text of the settings: no file on our side, and one click.
DOWNLOAD = """text => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
    link.download = "itermix-settings.json";
    link.click();
    URL.revokeObjectURL(link.href);
}"""
EXAMPLES = """examples:
  python3 -m itermix studio
  python3 -m itermix studio --checkpoint sd15.safetensors --config sd15-folder
  python3 -m itermix studio --host 0.0.0.0 --port 7870 --no-browser
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0, 2 for bad input, 130 where it was stopped on the terminal."""
    return command_line.run("studio", parser(), arguments, serve)


def parser() -> command_line.Parser:
    made = command_line.Parser("studio", "Opens a page to make pictures on, in the browser.", EXAMPLES)
    command_line.add_model(made)
    made.add_argument("--host", default="127.0.0.1", help="address to serve on (default 127.0.0.1: this machine alone)")
    made.add_argument("--port", type=int, help=f"port to serve on; without it the first free one from {PORT}")
    made.add_argument("--no-browser", action="store_true", help="do not open a browser")
    made.add_argument("--out", type=Path, help="folder to keep the pictures in; without it they go with the page")
    made.add_argument("--presets", type=Path, default=PRESETS, help=f"file of your own presets (default {PRESETS})")
    return made


def serve(options: argparse.Namespace) -> None:
    """Loads the model and serves the page until it is stopped. Raises StudioError."""
    port = free_port(options.host, options.port)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # nothing is sent anywhere
    if options.out is not None:
        command_line.require_writable(options.out / "picture.png")
    studio = command_line.open_studio(options.checkpoint, options.device, options.config)
    import gradio as gr

    from itermix.studio import loading
    from itermix.studio.page.server import layout as page_layout

    with tempfile.TemporaryDirectory(prefix="itermix-") as folder:
        server = Server(studio, loading.name_of(options.checkpoint), options.out or Path(folder))
        with gr.Blocks(title="itermix", analytics_enabled=False) as blocks:
            gr.Markdown("# itermix", elem_id="itermix_title")
            prompt = "" if options.checkpoint else PROMPT
            presets = Presets(options.presets, MixingSettings, "mixing")
            server.connect(page_layout.build(studio.network.native_size, studio.network.multiple, prompt, presets))
        scripts = "".join(
            f"<script>{file.read_text(encoding='utf-8')}</script>" for file in sorted(SCRIPTS.glob("*.js"))
        )
        # Fonts of the system: a page must not need a network.
        fonts = dict(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
        shown = "127.0.0.1" if options.host in ("0.0.0.0", "::", "") else options.host
        print(f"the page is http://{shown}:{port}", flush=True)
        blocks.queue(default_concurrency_limit=1).launch(
            server_name=options.host, server_port=port, inbrowser=not options.no_browser, quiet=True, ssr_mode=False,
            theme=gr.themes.Default(primary_hue="orange", neutral_hue="gray", **fonts),
            css=page_layout.CSS, head=scripts, footer_links=[], allowed_paths=[str(options.out or folder)],
        )  # fmt: skip


def free_port(host: str, asked: int | None) -> int:
    """The asked port, or the first free one from PORT. Raises StudioError."""
    if asked is not None and not 1 <= asked <= 65535:
        raise StudioError(f"port: {asked} is not allowed; it takes a whole number from 1 to 65535")
    for port in [asked] if asked is not None else range(PORT, PORT + PORTS_TRIED):
        with socket.socket() as probe:
            if os.name != "nt":  # there it would let us take a port that is in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except OSError as error:
                problem = error.strerror or str(error)
    raise StudioError(f"port: {asked or PORT} on {host} is not to be had: {problem}; name another one")


class Server:
    """What the page's buttons do. One run at a time: the page's queue has one place."""

    def __init__(self, studio: Any, model: str, folder: Path):
        self.studio, self.model, self.folder = studio, model, folder
        self.run: Any = None
        self.runs, self.is_stopped = 0, False

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
        import gradio as gr

        from itermix.studio.jobs import Source
        from itermix.studio.runner import Run, Step

        self.runs, self.run, self.is_stopped = self.runs + 1, None, False
        try:
            request, compares, source = self.read(values)
            self.run = Run(self.studio, request, Source(*source), self.model, compares)
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
                    path, other = self._kept(event)
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
        import gradio as gr

        try:
            request, _, _ = self.read(values)
        except (StudioError, SettingsError) as error:
            raise gr.Error(html.escape(one_line(error, 400))) from None
        return json.dumps(request.to_dict(), indent=2)

    def load(self, file: str) -> list[Any]:
        """Updates of the request's and mixing's fields and of the hires switch."""
        import gradio as gr

        try:
            request = Request.from_dict(command_line.read_json(file))
        except (StudioError, SettingsError) as error:
            raise gr.Error(html.escape(one_line(error, 400))) from None
        settled, values = self.studio.network.settled(request), request.to_dict()
        values |= {"width": settled.width, "height": settled.height}
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

    def _kept(self, event: Any) -> tuple[str, str | None]:
        """Writes a picture, with its parameters, and what it is compared with; their paths."""
        from itermix.studio import pictures

        taken = (file.name.split("-")[0] for file in self.folder.glob("[0-9]*-*.png"))
        number = 1 + max((int(name) for name in taken if name.isdigit()), default=0)
        path = self.folder / f"{number:05}-{event.result.seed}.png"
        pictures.write_png(path, event.result.picture, event.infotext)
        if event.other is None:
            return str(path), None
        other = self.folder / f"compared-{number:05}.png"
        pictures.write_png(other, event.other, "")
        return str(path), str(other)


def text_of(step: Any, count: int) -> str:
    of = f"picture {step.picture} of {count}, " if count > 1 else ""
    what = "to compare, " if step.is_comparison else ""
    return f"{of}{what}{step.name}: step {step.done} of {step.steps}"


def base64_of(picture: Any) -> str:
    import base64
    import io

    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
