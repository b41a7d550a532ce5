"""python -m itermix studio: opens the standalone's page in the browser."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import tempfile
from pathlib import Path

from itermix.commands import arguments as command_line
from itermix.commands.parser import Parser, path, run, whole
from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.studio.errors import StudioError

PORT, PORTS_TRIED = 7870, 20
PRESETS = Path.home() / ".itermix" / "presets.json"
PROMPT = "robot on a pink background"  # the first of the small model's own
EXAMPLES = """examples:
  python3 -m itermix studio
  python3 -m itermix studio --checkpoint sd15.safetensors --config sd15-folder
  python3 -m itermix studio --host 0.0.0.0 --port 7870 --no-browser
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0, 2 for bad input, 130 where it was stopped on the terminal."""
    return run("studio", parser(), arguments, serve)


def parser() -> Parser:
    made = Parser("studio", "Opens a page to make pictures on, in the browser.", EXAMPLES)
    command_line.add_model(made)
    made.add_argument("--host", default="127.0.0.1", help="address to serve on (default 127.0.0.1: this machine alone)")
    made.add_argument("--port", type=whole, help=f"port to serve on; without it the first free one from {PORT}")
    made.add_argument("--no-browser", action="store_true", help="do not open a browser")
    made.add_argument("--out", type=path, help="folder to keep the pictures in; without it they go with the page")
    made.add_argument("--presets", type=path, default=PRESETS, help=f"file of your own presets (default {PRESETS})")
    return made


def serve(options: argparse.Namespace) -> None:
    """Loads the model and serves the page until it is stopped. Raises StudioError."""
    port = free_port(options.host, options.port)
    if options.out is not None:
        command_line.require_writable(options.out / "00000-0.png")
    command_line.require_json_writable(options.presets, "presets")
    command_line.require_model(options)
    studio = command_line.open_studio(options)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # nothing is sent anywhere; read when gradio is imported
    from itermix.studio import loading
    from itermix.studio.page.server import Server

    prompt = "" if options.checkpoint else PROMPT
    presets = Presets(options.presets, MixingSettings, "mixing")
    with tempfile.TemporaryDirectory(prefix="itermix-", ignore_cleanup_errors=True) as folder:
        server = Server(studio, loading.name_of(options.checkpoint), options.out or Path(folder))
        shown = "127.0.0.1" if options.host in ("0.0.0.0", "::", "") else options.host
        print(f"the page is http://{shown}:{port}", flush=True)
        server.launch(prompt, presets, options.host, port, opens_browser=not options.no_browser)


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
                if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                    raise StudioError(f"host: {host} is no address of this machine: {problem}") from None
    raise StudioError(f"port: {asked or PORT} on {host} cannot be used: {problem}; name another one")
