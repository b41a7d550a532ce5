"""A WebUI of a few hundred lines with the real one's order of calls and its traps, for tests without a WebUI.

It answers the same questions as `Host`, so that the same tests run on both.
"""

from __future__ import annotations

import importlib.util
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.webui import fake_modules
from tests.webui.fake_processing import Processing, process_images
from tests.webui.fake_samplers import OPTIONS, SAMPLERS
from tools.real_host import Generation, as_base64

METHODS = (
    "before_process", "process", "before_process_batch", "process_batch", "process_before_every_sampling",
    "postprocess_batch", "postprocess_image", "postprocess_image_after_composite", "postprocess",
)  # fmt: skip


class FakeHost:
    is_forge = False

    def __init__(self):
        fake_modules.install()
        import gradio as gr

        from itermix.webui.mixing.script import IterativeMixing, register
        from itermix.webui.sequence.script import LatentSequence
        from itermix.webui.upscale.script import IterativeUpscale

        register()
        self.probe = _load_probe()
        self.mixing, self.recorder, self.sequence = IterativeMixing(), self.probe.Probe(), LatentSequence()
        with gr.Blocks():
            self.defaults = [component.value for component in self.mixing.ui(False)]
            self.sequence_defaults = [component.value for component in self.sequence.ui(False)]
            self.upscale = IterativeUpscale()
            self.upscale_defaults = [component.value for component in self.upscale.ui(False)]
        self.others: list[Any] = []  # always-on scripts of other extensions, as far as itermix looks for them
        self.folder = tempfile.TemporaryDirectory(prefix="itermix-fake-outputs-")  # goes with this object
        self.outputs = Path(self.folder.name)
        self.lines: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())
        logging.getLogger("itermix").addHandler(handler)

    def get(self, path: str) -> Any:
        assert path == "/sdapi/v1/samplers"
        return [{"name": name, "options": OPTIONS.get(name, {})} for name in SAMPLERS]

    def arm(self, **probe: Any) -> None:
        self.probe.armed.clear()
        self.probe.armed.update(probe)

    def trace(self) -> dict[str, np.ndarray]:
        return {
            name: np.array(value) if isinstance(value, (str, int)) else self.probe.stacked(value)
            for name, value in self.probe.trace.items()
        }

    def stop(self) -> None:
        pass

    def processing(self, tab: str = "txt2img", mixing: Any = None, **body: Any) -> Processing:
        """The processing object of a request."""
        given = [] if mixing is None else mixing if isinstance(mixing, list) else [mixing]
        args = [*given, *self.defaults[len(given) :]][: len(self.defaults)]
        p = Processing(tab, body)
        p.outpath_samples = p.outpath_samples or str(self.outputs / f"{tab}-images")
        p.outpath_grids = p.outpath_grids or str(self.outputs / f"{tab}-grids")
        self.mixing.args_from, self.mixing.args_to, p.script_args = 0, len(args), args
        p.scripts = ScriptRunner([(self.mixing, args), (self.recorder, []), *((other, []) for other in self.others)])
        return p

    @torch.inference_mode()
    def generate(self, tab: str = "txt2img", mixing: Any = None, **body: Any) -> Generation:
        from modules import shared

        script, script_args = body.pop("script_name", None), body.pop("script_args", ())
        p = self.p = self.processing(tab, mixing, **body)
        shared.state.job_no, shared.state.job_count = 0, -1
        mark = len(self.lines)
        processed = self._selected(p, script, script_args) if script else process_images(p)
        answer = {"images": [as_base64(picture) for picture in processed.images], "info": processed.js()}
        return Generation(answer, self.lines[mark:])

    def _selected(self, p: Processing, title: str, given: Any) -> Any:
        """As the API does it: what is given takes the place of the page's values, whatever its length."""
        args = list(p.script_args)
        for other, defaults in ((self.sequence, self.sequence_defaults), (self.upscale, self.upscale_defaults)):
            other.args_from, other.args_to = len(args), len(args) + len(defaults)
            args += defaults
        script = {one.title().lower(): one for one in (self.sequence, self.upscale)}[title.lower()]
        args += ["another script's", True]
        p.scripts.inputs = list(args)
        args[script.args_from : script.args_to] = given
        p.script_args = args
        return script.run(p, *args[script.args_from : script.args_to])


class ScriptRunner:
    """Calls the scripts as the host does: what a script's method raises is logged, and the generation goes on."""

    def __init__(self, scripts: list[tuple[Any, list[Any]]]):
        self.scripts = scripts
        self.alwayson_scripts = [script for script, _ in scripts]
        for method in METHODS:
            setattr(self, method, self._caller(method))

    def _caller(self, method: str) -> Any:
        def call(p: Any, *positional: Any, **named: Any) -> None:
            for script, args in self.scripts:
                try:
                    if hasattr(script, method):
                        getattr(script, method)(p, *positional, *args, **named)
                except Exception:
                    logging.getLogger("itermix").exception(f"Error running {method}")

        return call


def _load_probe():
    path = Path(__file__).parents[2] / "tools" / "probe" / "scripts" / "itermix_probe.py"
    spec = importlib.util.spec_from_file_location("itermix_probe", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
