"""Which files a request can make itermix touch: none but its own output folder, and none by a name of the request's."""

from __future__ import annotations

import ast
import base64
import io
import re
import socket
import struct
import threading
import zlib

import pytest
from PIL import Image

from itermix.sequence import state
from itermix.settings import SettingsError
from tools.real_host import REPOSITORY, as_base64

EXTENSION = ("mixing", "sequence", "ui", "webui", "settings", "presets.py", "pictures")
NOT_FOR_US = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "urllib", "http", "requests", "socket", "ftplib"}
CALLS_NOT_FOR_US = {"eval", "exec", "compile", "__import__", "system", "popen"}


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """A picture on the disk that nobody has any business with."""
    path = tmp_path_factory.mktemp("canary") / "private.png"
    Image.new("RGB", (32, 32), (200, 10, 10)).save(path)
    return path


@pytest.fixture
def server():
    """A port on this machine, and who has connected to it."""
    listening, callers = socket.create_server(("127.0.0.1", 0)), []

    def listen():
        while True:
            try:
                caller, address = listening.accept()
            except OSError:
                return
            callers.append(address)
            caller.close()

    threading.Thread(target=listen, daemon=True).start()
    yield listening.getsockname()[1], callers
    listening.close()


def names(path, port):
    """Ways of naming a file, or an address, where base64 text is wanted."""
    return [
        str(path), path.as_uri(), f"../../../../../../..{path}", f"data:image/png;base64,{path}", f"@{path}",
        f"http://127.0.0.1:{port}/a.png", f"https://127.0.0.1:{port}/a.png", f"ftp://127.0.0.1:{port}/a.png",
        f"\\\\127.0.0.1@{port}\\a.png", f"data:image/svg+xml,<svg><image href='{path.as_uri()}'/></svg>",
    ]  # fmt: skip


def sources():
    for name in EXTENSION:
        path = REPOSITORY / "itermix" / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: path.name)
def test_nothing_of_the_extension_unpickles_evaluates_or_asks_the_network(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert not imported & NOT_FOR_US
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not {call.id for call in calls if isinstance(call, ast.Name)} & CALLS_NOT_FOR_US
    attributes = {ast.unparse(call) for call in calls if isinstance(call, ast.Attribute)}
    assert not attributes & {"torch.load", "torch.save", "os.system", "os.popen", "numpy.load", "np.load"}
    if path.name != "mp4.py":  # the film's encoder
        assert "subprocess" not in imported


def test_a_reference_is_decoded_from_its_text_alone(canary, server, fake_host):
    from itermix.pictures.uploads import Upload

    port, callers = server
    for name in names(canary, port):
        with pytest.raises(SettingsError, match="are no picture; it takes a PNG, JPEG or WebP as base64 text"):
            Upload(name, "reference_image").picture()
    assert not callers
    assert Upload(as_base64(Image.open(canary)), "reference_image").picture().getpixel((0, 0)) == (200, 10, 10)


@pytest.mark.parametrize("kind", [b"gAMA", b"cHRM", b"tRNS"])
def test_a_png_with_a_cut_chunk_behind_its_pixels_is_refused(fake_host, kind):
    """Pillow reads those chunks after the picture and unpacks what is not there."""
    from itermix.pictures.uploads import Upload

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    chunk = kind + b"\x00"
    cut = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = buffer.getvalue()
    end = data.index(b"IEND") - 4
    with pytest.raises(SettingsError, match="are no picture"):
        Upload(base64.b64encode(data[:end] + cut + data[end:]).decode(), "reference_image").picture()


def test_a_picture_for_which_a_program_would_be_started_is_refused(fake_host, monkeypatch):
    """Pillow hands EPS to Ghostscript."""
    from PIL import EpsImagePlugin

    from itermix.pictures.uploads import Upload

    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **kwargs: started.append(args))
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(out) (w) file\nshowpage\n"
    assert Image.open(io.BytesIO(script)).format == "EPS"
    with pytest.raises(SettingsError, match="are no picture"):
        Upload(base64.b64encode(script).decode(), "reference_image").picture()
    assert not started


@pytest.fixture
def fake_host():
    from tests.webui import fake_modules

    fake_modules.install()


@pytest.mark.real_host
def test_a_path_or_an_address_is_neither_read_nor_asked(host, canary, server):
    port, callers = server
    host.arm(network="gaussian")
    plain = host.generate(steps=2)
    host.post("/itermix-probe/audit", {"on": True})
    for name in names(canary, port):
        made = host.generate(mixing={"enabled": True, "reference_image": name}, steps=2)
        assert made.same_as(plain)
        assert any("reference_image:" in line and "no picture" in line for line in made.log)
    seen = host.post("/itermix-probe/audit", {})
    assert not callers and not [address for address in seen["connected"] if str(port) in address]
    assert not [path for path in seen["read"] + seen["written"] if canary.name in path]


def sequences(host):
    return host.outputs / "txt2img-images" / "itermix-sequences"


def sequence(host, **settings):
    values = {"frames": 2, "video_format": "webp", **settings}
    return host.generate(script_name="latent sequence", script_args=[values], steps=2, seed=5)


@pytest.mark.real_host
def test_a_sequences_files_have_names_that_no_request_can_choose(host):
    host.arm(network="gaussian")
    host.post("/itermix-probe/audit", {"on": True})
    for prompt in ("../../../escaped", "/tmp/escaped", "a\u0000b", "CON", "x" * 400):
        sequence(host, prompts=f"0: {prompt}")
    seen = host.post("/itermix-probe/audit", {})
    ours = [path for path in seen["written"] if "itermix" in path and ".pyc" not in path]
    # Frames that the request does not want saved lie in a temporary folder of ours as long as the host has them.
    own = re.compile(rf"({re.escape(str(sequences(host)))}|{re.escape(str(host.temporary))}/itermix-\w+)(/|$)")
    assert ours and all(own.match(path) for path in ours)
    part = r"itermix-[0-9a-f]{16}\.part"
    known = rf"(\d{{5}}(/(\d{{5}}\.png|sequence-0\.webp|{part}))?|\d{{5}}\.png|last-sequence\.state|{part})?"
    relative = [own.sub("", path, count=1) for path in ours]
    assert not [path for path in relative if not re.fullmatch(known, path)]
    assert not [path for path in seen["written"] if "escaped" in path]
    assert not list(sequences(host).rglob("*.part"))


@pytest.mark.real_host
@pytest.mark.parametrize("format", ["../../../tmp/x", "mp4; rm -rf /", "exe", "", None, ["mp4"]])
def test_a_film_of_another_format_is_refused(host, format):
    made = sequence(host, video_format=format)
    assert "video_format" in made.info["extra_generation_params"]["Latent Sequence refused"]


WRITTEN = f'"version": {state.VERSION}'.encode()
DAMAGED = {
    "cut short": (lambda whole: whole[: len(whole) // 2], "cut short or damaged"),
    "one byte changed": (lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]), "cut short or damaged"),
    "empty": (lambda whole: b"", "is no saved sequence"),
    "a pickle": (lambda whole: b"\x80\x04cos\nsystem\n(S'touch pickled'\ntR.", "is no saved sequence"),
    "a picture": (lambda whole: b"\x89PNG\r\n\x1a\n" + whole, "is no saved sequence"),
    "of a newer itermix": (lambda whole: whole.replace(WRITTEN, b'"version": 9'), "from a newer itermix"),
    "a header without an end": (lambda whole: whole[:17] + b"\xff" * 64, "cut short or damaged"),
}


@pytest.mark.real_host
@pytest.mark.parametrize("what", DAMAGED)
def test_a_saved_sequence_that_is_not_whole_is_refused_with_a_message(host, what):
    damage, message = DAMAGED[what]
    host.arm(network="gaussian")
    sequence(host, frames=2)
    file = sequences(host) / "last-sequence.state"
    whole = file.read_bytes()
    damaged = damage(whole)
    assert damaged != whole
    file.write_bytes(damaged)
    refused = sequence(host, frames=4, resume=True).info["extra_generation_params"]["Latent Sequence refused"]
    assert message in refused and str(file) in refused
    assert file.read_bytes() == damaged
