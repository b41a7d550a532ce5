"""The standalone's own virtual environment, made on first use with nothing but Python's standard library and pip.

It lies in `.venv` of the checkout, and serves the studio and the tests: what the tests want beyond the studio's
packages is added when they are first run. It is made anew when the requirements or the Python change.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "ITERMIX_ENVIRONMENT"
NONE = "none"  # value of the variable: run in this very Python, whatever it has
MARKER = "itermix.txt"  # in the environment: the sets of packages that are whole, a line each
SETS = {
    "studio": ("requirements-studio.txt",),
    "test": ("requirements-studio.txt", "requirements-test.txt"),
}


class NotReady(Exception):
    """There is no environment, and none could be made. The message is one line that says what to do."""


def enter(packages: tuple[str, ...], arguments: list[str]) -> int | None:
    """None where this Python has the packages (by their import names) and can go on; else the exit code of
    `python -m itermix` with these arguments in an environment that has them, made here where it is not there yet.
    Raises NotReady.
    """
    if chosen_folder() is None or (not os.environ.get(VARIABLE) and has(packages)):
        return None
    command = [str(provide("studio")), "-m", "itermix", *arguments]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return _go_on(command, {**os.environ, VARIABLE: NONE, "PYTHONPATH": os.pathsep.join(paths)})


def provide(name: str) -> Path:
    """The Python of an environment that has all packages of a set, "studio" or "test". Raises NotReady."""
    folder = chosen_folder()
    if folder is None:
        return Path(sys.executable)
    ready = _ready_sets(folder)
    if _wanted(name) in ready:
        return python_of(folder)
    print(f"itermix: setting up {folder} with {SETS[name][-1]}, once; this takes some minutes", flush=True)
    try:
        if not ready:
            _make(folder)
        _install(folder, name)
        whole = [_wanted(other) for other in SETS if set(SETS[other]) <= set(SETS[name])]
        (folder / MARKER).write_text("\n".join(whole) + "\n", encoding="utf-8")
    except OSError as error:
        raise NotReady(f"{folder} cannot be made: {error}; name another folder in {VARIABLE}") from None
    return python_of(folder)


def chosen_folder() -> Path | None:
    """Where the environment is or will be; None where this Python is to be used as it is."""
    named = os.environ.get(VARIABLE) or str(ROOT / ".venv")
    return None if named == NONE else Path(named).absolute()


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def has(packages: tuple[str, ...]) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in packages)


def _ready_sets(folder: Path) -> list[str]:
    """What the marker says is installed; nothing where any of it is no longer what we want."""
    if not python_of(folder).is_file() or not (folder / MARKER).is_file():
        return []
    lines = (folder / MARKER).read_text(encoding="utf-8").split()
    return lines if set(lines) <= {_wanted(name) for name in SETS} else []


def _wanted(name: str) -> str:
    """Names a set of packages by its requirements and by the Python that it is for."""
    files = [ROOT / file for file in SETS[name]]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise NotReady(f"{missing[0]} is not there; install the packages yourself, and set {VARIABLE}={NONE}")
    version = "{}.{}".format(*sys.version_info)
    parts = [version, sys.platform, platform.machine(), *(file.read_text(encoding="utf-8") for file in files)]
    return f"{name}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()}"


def _make(folder: Path) -> None:
    """An empty environment with pip. Its marker is there from the start: what has none was not made by us."""
    if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
        raise NotReady(f"{folder} was not made by itermix; run its own Python, or name another folder in {VARIABLE}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    venv.create(folder, symlinks=os.name != "nt")
    _require(_provide_pip(folder), "pip")


def _provide_pip(folder: Path) -> int:
    """Puts pip into the environment; by the pip of this Python where the system left out ensurepip (Debian)."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        find = [str(python_of(folder)), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
        return call([sys.executable, "-m", "pip", "install", "--target", packages, "pip"])
    return call([str(python_of(folder)), "-m", "ensurepip", "--upgrade", "--default-pip"])


def _install(folder: Path, name: str) -> None:
    requirements = str(ROOT / SETS[name][-1])
    install = ["install", "--disable-pip-version-check", "-r", requirements]
    _require(call([str(python_of(folder)), "-m", "pip", *install]), SETS[name][-1])


def _require(code: int, what: str) -> None:
    if code:
        raise NotReady(f"{what} could not be installed, pip says above why; run the command again to try again")


def call(command: list[str]) -> int:
    """The exit code of a command whose output goes where ours goes. It stays in the Python that it names."""
    return subprocess.run(command, cwd=ROOT, env={**os.environ, VARIABLE: NONE}).returncode


def _go_on(command: list[str], environment: dict[str, str]) -> int:
    """Becomes the command; where the system has no such thing (Windows), waits for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment)
    return _waited_for(command, environment)


def _waited_for(command: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the command got it too, and ends by itself
