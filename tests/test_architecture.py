"""Who may import whom: the rooms of the design, read from the source."""

import ast
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import itermix

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "numpy", "gradio", "PIL", "modules"}
PAGE = ROOT / "itermix/studio/page"
STANDARD = set(sys.stdlib_module_names)


def imports(path):
    """Full names of all that a file imports, inside of functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by dots; here imports name the whole path"
            yield node.module


def foreign(path, *allowed):
    """What a file imports beyond the standard library and the allowed packages."""
    return {
        name
        for name in imports(path)
        if name.split(".")[0] not in STANDARD
        and not any(name == package or name.startswith(package + ".") for package in allowed)
    }


def files(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def room(path):
    """The folder or file right below the package: "mixing" for itermix/mixing/blend.py."""
    return path.relative_to(ROOT / "itermix").parts[0]


def named(path):
    return path.relative_to(ROOT).as_posix()


def python(code):
    """Its output. With compiled files kept, as a user has them, wherever the tests are run."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("path", files("itermix/mixing"), ids=named)
def test_mixing_imports_torch_settings_and_itself(path):
    assert not foreign(path, "torch", "itermix.mixing", "itermix.settings")


@pytest.mark.parametrize("path", files("itermix/sequence"), ids=named)
def test_sequence_imports_torch_settings_mixing_and_itself(path):
    assert not foreign(path, "torch", "itermix.mixing", "itermix.sequence", "itermix.settings")


@pytest.mark.parametrize(
    "path",
    [ROOT / f"itermix/{name}.py" for name in ("settings", "__init__", "mixing/settings", "mixing/__init__")],
    ids=named,
)
def test_settings_and_the_package_itself_import_the_standard_library_alone(path):
    assert not foreign(path, "itermix.settings", "itermix.mixing.settings")


@pytest.mark.parametrize("path", files("itermix"), ids=named)
def test_the_webui_is_imported_by_its_own_room_alone(path):
    if room(path) != "webui":
        assert not [name for name in imports(path) if name.split(".")[0] == "modules"]


@pytest.mark.parametrize("path", files("itermix"), ids=named)
def test_gradio_is_imported_by_ui_and_the_page_alone(path):
    if room(path) != "ui" and PAGE not in path.parents:
        assert not [name for name in imports(path) if name.split(".")[0] == "gradio"]


@pytest.mark.parametrize("path", files("itermix/studio"), ids=named)
def test_the_standalone_imports_no_command_and_its_engine_no_page(path):
    above = [
        "itermix.commands",
        "itermix.webui",
        *([] if PAGE in path.parents else ["itermix.studio.page", "itermix.ui"]),
    ]
    assert not [name for name in imports(path) for upper in above if f"{name}.".startswith(f"{upper}.")]


@pytest.mark.parametrize("path", files("itermix"), ids=named)
def test_commands_are_imported_by_commands_alone(path):
    if room(path) not in ("commands", "__main__.py"):
        assert not [name for name in imports(path) if f"{name}.".startswith("itermix.commands.")]


@pytest.mark.parametrize("path", files("itermix/ui"), ids=named)
def test_ui_imports_gradio_and_settings(path):
    assert not foreign(
        path,
        "gradio",
        "itermix.settings",
        "itermix.mixing.settings",
        "itermix.sequence.settings",
        "itermix.presets",
        "itermix.ui",
    )


@pytest.mark.parametrize("path", files("scripts"), ids=named)
def test_a_script_is_one_import_of_the_webui_room(path):
    """The host loads every file of this folder as a script."""
    assert len(list(imports(path))) == 1
    assert not foreign(path, "itermix.webui")


def test_importing_itermix_brings_in_nothing_heavy():
    before, after = (
        set(python(f"{code}import sys; print(*(name.split('.')[0] for name in sys.modules))").split())
        for code in ("", "import itermix; ")
    )
    assert "itermix" in after
    assert not (after - before) & HEAVY


def test_importing_itermix_takes_less_than_50_ms():
    """Of the processor's time: what else the machine is busy with does not count."""
    code = "import time; start = time.process_time(); import itermix; print(time.process_time() - start)"
    assert statistics.median(float(python(code)) for _ in range(7)) < 0.05


LOADED_BY_A_HOST = (
    "import sys, time, torch, numpy, PIL.Image; from tests.webui import fake_modules; fake_modules.install(); "
    "before = set(sys.modules); start = time.process_time(); import scripts.itermix_mixing; "
    "taken = time.process_time() - start; "
)


def test_loading_the_script_brings_a_host_nothing_that_it_has_not():
    new = set(python(LOADED_BY_A_HOST + "print(*set(sys.modules) - before)").split())
    foreign = {name for name in new if name.split(".")[0] not in (*sys.stdlib_module_names, "itermix", "scripts")}
    assert "itermix.webui.mixing.script" in new
    assert not foreign
    assert "itermix.mixing.mixer" not in new  # comes when the first pass is mixed


def test_loading_the_script_takes_less_than_50_ms():
    assert statistics.median(float(python(LOADED_BY_A_HOST + "print(taken)")) for _ in range(5)) < 0.05


def test_the_packages_version_is_that_of_pyproject_and_of_the_changelog():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"$', project, re.MULTILINE).group(1) == itermix.__version__
    assert f"## [{itermix.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
