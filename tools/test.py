"""Runs all checks on a fresh machine: an environment in .venv, then ruff, then pytest.

    python3 tools/test.py [arguments of pytest]

Needs Python 3.10 or later with pip, and nothing else. The environment is made once, and again when the
requirements or the Python change. Exits with 0 where all is well, else with the code of what failed, pytest's
before ruff's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"
REQUIREMENTS = ROOT / "requirements-test.txt"
ENVIRONMENT = ROOT / ".venv"
MARKER = ENVIRONMENT / "itermix-tests.txt"  # what the environment was made from; empty while it is being made
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 (this file alone may meet an older one)
        print(f"tools/test.py needs Python 3.10 or later; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    failed = 0 if is_ready() else make_environment()
    if failed:
        return failed
    style = run("ruff", "check", ".")
    return run("pytest", *arguments) or style


def wanted() -> str:
    """Names the environment that the requirements and this Python ask for."""
    parts = (sys.version, sys.platform, TORCH, REQUIREMENTS.read_text(encoding="utf-8"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_ready() -> bool:
    return PYTHON.is_file() and MARKER.is_file() and MARKER.read_text(encoding="utf-8") == wanted()


def make_environment() -> int:
    if ENVIRONMENT.exists() and not MARKER.exists():
        print(f"{ENVIRONMENT} was not made by tools/test.py; move it away and try again", file=sys.stderr)
        return 2
    print(f"making {ENVIRONMENT}, this takes some minutes", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    ENVIRONMENT.mkdir()
    MARKER.touch()
    venv.create(ENVIRONMENT, symlinks=os.name != "nt")
    failed = provide_pip() or run("pip", "install", TORCH) or run("pip", "install", "-r", str(REQUIREMENTS))
    if not failed:
        MARKER.write_text(wanted(), encoding="utf-8")
    return failed


def provide_pip() -> int:
    """Puts pip into the environment; by the pip of this Python where the system left out ensurepip (Debian)."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        find = [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
        return call(sys.executable, "-m", "pip", "install", "--target", packages, "pip")
    return run("ensurepip")


def run(module: str, *arguments: str) -> int:
    return call(str(PYTHON), "-m", module, *arguments)


def call(*command: str) -> int:
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
