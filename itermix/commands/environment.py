"""The standalone's own virtual environment, made on first use with nothing but Python's standard library and pip.

It lies in `.venv` of the checkout, and serves the studio and the tests: what the tests want beyond the studio's
packages is added when they are first run. It is made again when the requirements or the Python change.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from itermix.commands import installing
from itermix.commands.lock import locked

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "ITERMIX_ENVIRONMENT"
NONE = "none"  # value of the variable: run in this very Python, whatever it has
LOG = "itermix-pip.log"  # in the environment: what pip said
MARKER = "itermix.txt"  # in the environment: the sets of packages that are whole, a line each
SETS = {
    "studio": ("requirements-studio.txt",),
    "test": ("requirements-studio.txt", "requirements-test.txt"),
}


# The distribution of a package by its import name, and the oldest version that the standalone works with.
OLDEST = {
    "torch": ("torch", "2.6"),
    "diffusers": ("diffusers", "0.41"),
    "transformers": ("transformers", "5.20"),
    "safetensors": ("safetensors", "0.4"),
    "numpy": ("numpy", "1.26"),
    "PIL": ("pillow", "10.1"),
    "gradio": ("gradio", "6.0"),
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
    if _wanted(name) in _ready_sets(folder):
        return python_of(folder)
    try:
        with locked(
            folder.with_name(f"{folder.name}.lock"), lambda: _say(f"another itermix sets up {folder}; waiting")
        ):
            ready = _ready_sets(folder)  # the other one may have done it
            if _wanted(name) not in ready:
                _set_up(folder, name, not ready)
    except OSError as error:
        raise NotReady(f"{folder} cannot be made: {error}; name another folder in {VARIABLE}") from None
    return python_of(folder)


def _set_up(folder: Path, name: str, is_new: bool) -> None:
    _say(f"setting up {folder} with {SETS[name][-1]}, once; this takes some minutes and gigabytes")
    if is_new:
        _make(folder)
    _install(folder, name)
    whole = [_wanted(other) for other in SETS if set(SETS[other]) <= set(SETS[name])]
    (folder / MARKER).write_text("\n".join(whole) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    print(f"itermix: {text}", flush=True)


def chosen_folder() -> Path | None:
    """Where the environment is or will be; None where this Python is to be used as it is."""
    named = os.environ.get(VARIABLE) or str(ROOT / ".venv")
    return None if named == NONE else Path(named).absolute()


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def has(packages: tuple[str, ...]) -> bool:
    """Whether this Python has the packages, by their import names, and none is too old."""
    if any(importlib.util.find_spec(package) is None for package in packages):
        return False
    old = [text for package in packages if (text := _too_old(package))]
    if old:
        _say(f"this Python has {', '.join(old)}; going on in {chosen_folder()}, which has newer ones")
    return not old


def _too_old(package: str) -> str:
    """What a package is, where it is older than what we work with; "" where it is not."""
    if package not in OLDEST:
        return ""
    distribution, oldest = OLDEST[package]
    try:
        found = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # built by hand: it is taken as it is
        return ""
    is_old = bool(_numbers(found)) and _numbers(found) < _numbers(oldest)
    return f"{distribution} {found}, older than {oldest}" if is_old else ""


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: (2, 13, 0) for "2.13.0+cpu"."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _ready_sets(folder: Path) -> list[str]:
    """What the marker says is installed; nothing where any of it is no longer what we want."""
    if not python_of(folder).is_file() or not (folder / MARKER).is_file():
        return []
    lines = (folder / MARKER).read_text(encoding="utf-8", errors="replace").split()  # a damaged one names no set
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
    _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    venv.create(folder, symlinks=os.name != "nt")
    _require(_provide_pip(folder), "pip")


def _clear(folder: Path) -> None:
    """Removes an environment whole, or leaves it as it is: Windows renames no folder that a program runs in, and would
    keep half of it when it is removed file by file. Raises NotReady."""
    aside = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return
    except PermissionError as error:
        problem = f"{folder} is out of date and cannot be replaced: {error.strerror}"
        raise NotReady(f"{problem}; end what runs in it, such as the studio, and run the command again") from None
    except OSError:  # a folder that something is mounted on is emptied where it is
        aside = folder
    shutil.rmtree(aside, ignore_errors=True)


def _provide_pip(folder: Path) -> int:
    """Puts pip into the environment; by the pip of this Python where the system left out ensurepip (Debian)."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        find = [str(python_of(folder)), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
        return quiet_call(folder, [sys.executable, "-m", "pip", "install", "--target", packages, "pip"])
    return quiet_call(folder, [str(python_of(folder)), "-m", "ensurepip", "--upgrade", "--default-pip"])


def _install(folder: Path, name: str) -> None:
    requirements = str(ROOT / SETS[name][-1])
    install = ["install", "--disable-pip-version-check", "--progress-bar", "off", "-r", requirements]
    _require(quiet_call(folder, [str(python_of(folder)), "-m", "pip", *install]), SETS[name][-1])


def _require(code: int, what: str) -> None:
    if code:
        raise NotReady(f"{what} could not be installed, pip says above why; run the command again to try again")


def call(command: list[str]) -> int:
    """The exit code of a command whose output goes where ours goes. It stays in the Python that it names."""
    return subprocess.run(command, cwd=ROOT, env={**os.environ, VARIABLE: NONE}).returncode


def quiet_call(folder: Path, command: list[str]) -> int:
    """As `call`, of a command that installs: one line of progress, its output in a file of the environment."""
    return installing.run(command, folder / LOG, ROOT, {**os.environ, VARIABLE: NONE})


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
