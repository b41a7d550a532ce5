"""Starts a real WebUI from an installed tree, in a data folder of its own, and talks to its API."""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).parents[1]
PROBE = {"zz_itermix_probe": Path(__file__).parent / "probe"}  # extensions: {name: folder}
MODELS = {"zz_small_models": Path(__file__).parent / "probe" / "models"}  # in every host, to load a light checkpoint
START_TIMEOUT = 300  # seconds
REQUEST_TIMEOUT = 600
READY = "Startup time"  # the host's last line of its start; a request before it can kill A1111

COMMON_FLAGS = (
    "--api --skip-prepare-environment --skip-torch-cuda-test --skip-version-check --skip-python-version-check "
    "--skip-install --no-hashing --no-download-sd-model"
).split()
A1111_FLAGS = "--use-cpu all --no-half --no-half-vae --precision full --disable-nan-check".split()
FORGE_FLAGS = (
    "--always-cpu --all-in-fp32 --attention-pytorch --disable-xformers --do-not-download-clip "
    "--cpu --force-fp32 --use-pytorch-cross-attention"  # Forge Neo's names of them
).split()
BUILT_IN = ("Latent", "Lanczos")  # upscalers of all hosts but Forge Neo
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}


class Host:
    """A running WebUI with itermix and the probe installed, or with other extensions: {name: folder}.

    options: of the host's settings page, from the start on.
    """

    def __init__(
        self,
        tree: Path,
        data: Path,
        extra_flags: tuple[str, ...] = (),
        extensions: dict[str, Path] | None = None,
        options: dict[str, Any] | None = None,
    ):
        self.tree, self.data = tree, data
        self.is_forge = (tree / "modules_forge").is_dir()
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = data / "host.log"
        if extensions is None:
            extensions = {"itermix": REPOSITORY, **PROBE}
        self._prepare({**MODELS, **extensions}, options or {})
        known = _known(tree, [*COMMON_FLAGS, *FORGE_FLAGS]) if self.is_forge else [*COMMON_FLAGS, *A1111_FLAGS]
        flags = [*known, *extra_flags]
        if self.is_forge:  # with a data folder elsewhere gradio 4 would not hand out the host's own scripts
            flags += ["--gradio-allowed-path", str(tree)]
        command = [python_of(tree), "launch.py", "--port", str(self.port), "--data-dir", str(data), *flags]
        environment = {"HF_HOME": str(tree / "hf_home"), "OMP_NUM_THREADS": "1", **os.environ, **OFFLINE}
        environment["PYTHONUNBUFFERED"] = "1"
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's host does not compile us at every start
        self._log = open(self.log_file, "wb")
        self.process = subprocess.Popen(command, cwd=tree, env=environment, stdout=self._log, stderr=subprocess.STDOUT)
        self._wait()

    def _prepare(self, extensions: dict[str, Path], options: dict[str, Any]) -> None:
        models = self.data / "models" / "Stable-diffusion"
        models.mkdir(parents=True, exist_ok=True)
        (self.data / "embeddings").mkdir(exist_ok=True)
        (self.data / "tmp").mkdir(exist_ok=True)  # Forge Neo puts temporary pictures there, and does not make it
        for file in (self.tree / "models" / "Stable-diffusion").iterdir():
            if file.suffix in (".safetensors", ".ckpt", ".yaml") and not (models / file.name).exists():
                (models / file.name).symlink_to(file.resolve())
        for name, folder in extensions.items():
            link = self.data / "extensions" / name
            link.parent.mkdir(exist_ok=True)
            if not link.exists():
                link.symlink_to(folder, target_is_directory=True)
        settings = {"show_progress_type": "Approx cheap", "samples_save": False, "grid_save": False}
        settings["auto_launch_browser"] = "Disable"
        # Forge and reForge write the infotext into the pixels of saved pictures too, zipped with the time of day.
        settings["stealth_pnginfo_option"] = settings["stealth_pnginfo_opt"] = "None"
        source = (self.tree / "modules" / "launch_utils.py").read_text(encoding="utf-8")
        if version := re.search(r'^VERSION_UID.*"(.+)"', source, re.MULTILINE):  # without it Forge Neo waits for a key
            settings["VERSION_UID"] = version[1]
        (self.data / "config.json").write_text(json.dumps({**settings, **options}))

    def _wait(self) -> None:
        until = time.monotonic() + START_TIMEOUT
        while READY not in self.log:
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"{self.tree} did not start; its last lines:\n{self.log[-3000:]}")
            time.sleep(0.5)
        while True:
            try:
                self.get("/sdapi/v1/samplers")
                return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def outputs(self) -> Path:
        """The folder of all pictures: "outputs" in the data folder, in Forge Classic "output"."""
        return self.tree.joinpath(self.get("/sdapi/v1/options")["outdir_txt2img_samples"]).parent

    @property
    def temporary(self) -> Path:
        """The folder of temporary pictures: by its options, else the system's."""
        return self.tree.joinpath(self.get("/sdapi/v1/options")["temp_dir"] or tempfile.gettempdir())

    @functools.cached_property
    def upscalers(self) -> set[str]:
        """What hires fix can enlarge with."""
        return {one["name"] for of in ("latent-upscale-modes", "upscalers") for one in self.get(f"/sdapi/v1/{of}")}

    def lines_since(self, mark: int) -> list[str]:
        """Our log lines after a position in the log."""
        return re.findall(r"\[itermix\] (.*)", self.log[mark:])

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=REQUEST_TIMEOUT) as response:
            return json.load(response)

    def post(self, path: str, body: dict) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT) as response:
            return json.load(response)

    def generate(self, tab: str = "txt2img", mixing: Any = None, **body: Any) -> Generation:
        """One API request at 64 x 64 pixels; mixing: the settings object, or the positional list."""
        request = dict(prompt="a cat", seed=1, steps=6, width=64, height=64, sampler_name="Euler", cfg_scale=7)
        request.update(body)
        self.fit(request)
        if mixing is not None:
            args = mixing if isinstance(mixing, list) else [mixing]
            request.setdefault("alwayson_scripts", {})["Iterative Mixing"] = {"args": args}
        mark = len(self.log)
        answer = self.post(f"/sdapi/v1/{tab}", request)
        return Generation(answer, self.lines_since(mark))

    def fit(self, request: dict[str, Any]) -> None:
        """Fills in what this host wants of a request with hires fix, and takes an upscaler that it has."""
        if self.is_forge and request.get("enable_hr"):
            request.setdefault("hr_additional_modules", ["Use same choices"])
            request.setdefault("hr_cfg", 7)
        if request.get("hr_upscaler") in BUILT_IN and request["hr_upscaler"] not in self.upscalers:
            request["hr_upscaler"] = "None"  # a plain resize; all that Forge Neo has without models

    def arm(self, **probe: Any) -> None:
        self.post("/itermix-probe/arm", probe)

    def trace(self) -> dict[str, np.ndarray]:
        return dict(np.load(io.BytesIO(base64.b64decode(self.get("/itermix-probe/trace")["npz"]))))

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


class Generation:
    """An API answer: pictures as arrays, the infotexts, and what itermix logged meanwhile."""

    def __init__(self, answer: dict, log: list[str]):
        self.pictures = [np.array(Image.open(io.BytesIO(base64.b64decode(text)))) for text in answer["images"]]
        self.info = json.loads(answer["info"])
        self.infotexts = self.info["infotexts"]
        self.log = log

    def same_as(self, other: Generation) -> bool:
        return len(self.pictures) == len(other.pictures) and all(
            np.array_equal(a, b) for a, b in zip(self.pictures, other.pictures)
        )

    def same_as_picture(self, picture: np.ndarray) -> bool:
        """Whether the last picture is this one, up to the last bit of a batch's arithmetic."""
        return largest_difference(self.pictures[-1], picture) <= 1


def largest_difference(a: np.ndarray, b: np.ndarray) -> int:
    """Of two pictures, 0 to 255."""
    return int(np.abs(a.astype(int) - b).max())


def as_base64(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def python_of(tree: Path) -> str:
    """The tree's interpreter: ITERMIX_HOST_PYTHON, or the one of its own environment."""
    named = os.environ.get("ITERMIX_HOST_PYTHON")
    inside = tree / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return named or (str(inside) if inside.exists() else sys.executable)


def _known(tree: Path, flags: list[str]) -> list[str]:
    """Those of the flags that this member of Forge's family takes; it would not start with another."""
    files = ("modules/cmd_args.py", "ldm_patched/modules/args_parser.py", "backend/args.py")
    text = "".join((tree / file).read_text(encoding="utf-8") for file in files if (tree / file).exists())
    return [flag for flag in flags if f'"{flag}"' in text]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
