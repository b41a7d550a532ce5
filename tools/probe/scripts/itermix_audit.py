"""A WebUI extension for tests alone: writes down which files the host's process changes and whom it connects to.

POST /itermix-probe/audit {"on": true} begins again, {"on": false} stops; answers what was seen since it began:
                          {"written": [paths], "read": [paths], "connected": [addresses], "started": [programs]}
"""

import os
import sys
from contextlib import suppress

from modules import script_callbacks

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = {
    "os.mkdir": 1, "os.rmdir": 1, "os.remove": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2, "os.truncate": 1,
    "os.chmod": 1, "os.utime": 1,
}  # fmt: skip
WITHIN = {"os.mkdir": 2, "os.rmdir": 1, "os.remove": 1}  # where these say which open folder a path begins in
NONE = -1  # the working folder
seen = {"written": [], "read": [], "connected": [], "started": []}
on = False


def watch(event, arguments):
    if not on:
        return
    if event == "open":
        path, _, flags = arguments
        if not isinstance(path, int):
            # A folder that is "written" is the place of a temporary file that has no name.
            writes = isinstance(flags, int) and flags & WRITING and not os.path.isdir(path)
            seen["written" if writes else "read"].append(text_of(path))
    elif event in PATHS:
        folder = arguments[WITHIN[event]] if event in WITHIN else NONE
        seen["written"] += [text_of(path, folder) for path in arguments[: PATHS[event]]]
    elif event in ("socket.connect", "socket.getaddrinfo"):
        seen["connected"].append(str(arguments[-1] if event == "socket.connect" else arguments[0]))
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        seen["started"].append(str(arguments[0]))
    elif event in ("pickle.find_class",):
        seen["started"].append(f"unpickled {arguments}")


def text_of(path, folder=NONE):
    """folder: the open one that a relative path begins in, as in shutil.rmtree."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return str(path)
    start = os.getcwd()
    if folder != NONE:
        with suppress(OSError):  # it is Linux that says so
            start = os.readlink(f"/proc/self/fd/{folder}")
    return os.path.abspath(os.path.join(start, os.fsdecode(path)))


def add_routes(demo, app):
    @app.post("/itermix-probe/audit")
    def audit(body: dict):
        global on
        on = False
        answer = {name: sorted(set(values)) for name, values in seen.items()}
        for values in seen.values():
            values.clear()
        on = bool(body.get("on"))
        return answer


sys.addaudithook(watch)
script_callbacks.on_app_started(add_routes)
