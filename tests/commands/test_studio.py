"""`studio` around its page: the folder of pictures that go with it."""

import os
import sys
from types import SimpleNamespace

from itermix.commands import studio


def test_a_picture_that_another_program_holds_open_is_no_error_at_the_end(monkeypatch, tmp_path):
    """On Windows no open file can be removed, such as a film that a browser is playing."""
    unlink, served = os.unlink, []

    def unlinked(path, *args, **kwargs):
        if os.path.basename(path) == "film.mp4":
            raise PermissionError(13, "in use")
        unlink(path, *args, **kwargs)

    class Server:
        def __init__(self, opened, name, folder):
            served.append(folder)

        def launch(self, *args, **kwargs):
            (served[0] / "film.mp4").write_bytes(b"")
            (served[0] / "picture.png").write_bytes(b"")

    monkeypatch.setitem(sys.modules, "itermix.studio.page.server", SimpleNamespace(Server=Server))
    monkeypatch.setattr(studio.command_line, "open_studio", lambda options: None)
    monkeypatch.setattr(os, "unlink", unlinked)
    assert studio.main(["--presets", str(tmp_path / "presets.json"), "--no-browser"]) == 0
    monkeypatch.undo()
    assert os.listdir(served[0]) == ["film.mp4"]
    (served[0] / "film.mp4").unlink()
    served[0].rmdir()
