"""The standalone's page, with the accordion and the live curve of the WebUIs: what its buttons do, and serving it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from itermix.presets import Presets
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, read_json
from itermix.studio.errors import StudioError, one_line
from itermix.studio.page import layout, levels, words
from itermix.studio.page.asked import PICTURE_FIELDS, Asked, inputs_of, picture_of, shape_of
from itermix.studio.page.example import FOLDER, example
from itermix.studio.page.fields import LARGEST_SIDE, leave_damaged
from itermix.studio.page.making import Maker, message
from itermix.studio.request import Request

SCRIPTS = Path(__file__).parents[3] / "javascript"
# What the page does with the text of the settings: no file on our side, and one click.
DOWNLOAD = """text => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
    link.download = "itermix-settings.json";
    link.click();
    URL.revokeObjectURL(link.href);
}"""


def theme() -> Any:
    """Gradio's own, with the system's fonts, as a page must not need a network, and a grey that is legible on white."""
    fonts = dict(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return gr.themes.Default(primary_hue="orange", neutral_hue="gray", **fonts).set(
        body_text_color_subdued="*neutral_500"
    )


def scripts() -> str:
    """The page's own scripts as HTML, the live curve among them."""
    files = sorted(SCRIPTS.glob("*.js"))
    return "".join(f"<script>{file.read_text(encoding='utf-8')}</script>" for file in files)


class Server(Maker):
    """The page around the runs: what it shows at first, what is saved and loaded."""

    def launch(self, prompt: str, presets: Presets, host: str, port: int, opens_browser: bool) -> None:
        """Serves the page until the process is stopped. An empty prompt: the model is not the bundled one."""
        network = self.studio.network
        with gr.Blocks(title="itermix", analytics_enabled=False) as blocks:
            sequence = Presets(presets.file, SequenceSettings, "sequence")
            shown = example() if prompt else None
            size = network.native_size, network.multiple
            self.connect(layout.build(*size, prompt, presets, sequence, words.shown_plan, shown))
        app, _, _ = blocks.queue(default_concurrency_limit=1).launch(
            server_name=host, server_port=port, inbrowser=opens_browser, quiet=True, ssr_mode=False,
            theme=theme(), css=layout.CSS, head=scripts(), footer_links=[], prevent_thread_lock=True,
            allowed_paths=[str(self.folder), str(FOLDER)],
        )  # fmt: skip
        app.add_api_route(levels.ROUTE, self.levels)
        blocks.block_thread()

    def levels(
        self, sampler: str, scheduler: str, steps: int, strength: float, of: str, width: int, height: int
    ) -> dict[str, Any]:
        """What the live curve asks for."""
        return levels.answer(self.studio.network, sampler, scheduler, steps, strength, of, width, height)

    def connect(self, page: layout.Page) -> None:
        """Ties the components to what they do."""
        self.form = page.form
        for picture in (page.form.image, page.form.mask, *(page.form.mixing[name] for name in PICTURE_FIELDS)):
            leave_damaged(picture)
        inputs, buttons, results = inputs_of(page.form), page.buttons, page.results
        runs = (buttons.generate, self.generate), (buttons.sequence, self.sequence), (buttons.grid, self.grid)
        for button, function in runs:
            button.click(function, inputs, results.shown, show_progress="hidden", concurrency_limit=None)
        buttons.interrupt.click(self.interrupt, None, None, queue=False, show_progress="hidden")
        buttons.settings.click(self.save, inputs, results.saved, show_progress="hidden").success(
            None, results.saved, None, js=DOWNLOAD
        )
        loaded = [*page.form.request.values(), *page.form.mixing.values(), page.form.uses_hires]
        buttons.upload.upload(self.load, buttons.upload, loaded, show_progress="hidden")
        sides = [page.form.request["width"], page.form.request["height"]]
        page.form.image.upload(self.shape, page.form.image, sides, show_progress="hidden")

    def shape(self, image: Any) -> list[int]:
        """Width and height of an uploaded picture's shape."""
        network, image = self.studio.network, self._refused(lambda: picture_of(image, "image"))
        return list(shape_of(image, network.native_size, network.multiple, LARGEST_SIDE))

    def save(self, page: gr.Request, *given: Any) -> str:
        """The settings as JSON text, as `render --settings` takes it in a file, with the seed of the newest run."""
        asked = Asked(self.form, given)
        values = self._refused(lambda: asked.request().to_dict())
        if asked.draws_seed:
            values["seed"] = self.tab(page).seed or 0
        return json.dumps(values, indent=2)

    def load(self, file: str) -> list[Any]:
        """Updates of the request's and mixing's fields and of the hires switch."""
        request = self._refused(lambda: Request.from_dict(read_json(file)))
        resolved, values = self._refused(lambda: self.studio.network.resolved(request)), request.to_dict()
        values |= {"width": resolved.width, "height": resolved.height}
        if request.hires == 1.0:  # keeps the slider where it is
            values["hires"] = gr.skip()
        values["mixing"] |= {name: gr.skip() for name in PICTURE_FIELDS}
        return [
            *(values[name] for name in self.form.request), *(values["mixing"][name] for name in self.form.mixing),
            request.hires > 1.0,
        ]  # fmt: skip

    def _refused(self, read: Callable[[], Any]) -> Any:
        """What is read, or a message of what is wrong with it."""
        try:
            return read()
        except (StudioError, SettingsError) as error:
            raise message(words.here(one_line(error, 400), self.form.labels)) from None
