"""Who may import whom: the rooms of the design, read from the source."""

import ast
import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import itermix

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "numpy", "gradio", "PIL", "modules"}
STANDARD = set(sys.stdlib_module_names)


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path, types=True):
    """Full names of all that a file imports, within functions too. types: also those that only type checkers do."""
    left_out = set()
    for node in ast.walk(tree_of(path)):
        if not types and isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            left_out |= set(ast.walk(node))
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by dots; here imports name the whole path"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@dataclass(frozen=True)
class Room:
    """What a room may import: rooms that stand before it in ROOMS, and packages beyond the standard library."""

    rooms: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


# docs/design.md has the same table in words. From the bottom up: a room imports only what stands above it here.
SETTINGS = ("settings", "mixing.settings", "sequence.settings", "upscale.settings")
ROOMS = {
    "settings": Room(),
    "files": Room(),
    "presets": Room(("settings", "files")),
    "mixing": Room(("settings",), ("torch",)),
    "upscale": Room(("settings", "mixing"), ("torch",)),
    "sequence": Room(("settings", "files", "mixing"), ("torch",)),
    "pictures": Room(("settings", "files", "mixing", "sequence"), ("torch", "numpy", "PIL", "av", "imageio_ffmpeg")),
    "ui": Room((*SETTINGS, "sequence.gallery", "pictures.uploads", "presets"), ("gradio",)),
    "webui": Room(
        ("settings", "files", "presets", "mixing", "upscale", "sequence", "pictures", "ui"),
        ("modules", "torch", "numpy", "PIL", "fastapi"),
    ),
    "studio": Room(
        ("settings", "files", "presets", "mixing", "upscale", "sequence", "pictures"),
        ("torch", "numpy", "PIL", "diffusers", "transformers", "safetensors"),
    ),
    "studio/page": Room(
        ("settings", "files", "presets", "mixing", "upscale", "sequence", "pictures", "ui", "studio"),
        ("gradio", "PIL", "numpy"),
    ),
    "commands": Room(
        ("settings", "files", "presets", "mixing", "upscale", "sequence", "pictures", "studio", "studio/page"),
        ("torch", "numpy", "PIL", "ray"),
    ),
    "__main__": Room(("commands",)),
    "__init__": Room(),
}
LONGEST_FUNCTION, LONGEST_CLASS, LONGEST_FILE = 60, 150, 250  # lines
# Who may import the host: what answers for it, and what it makes itself (its base class, its options). All others are
# handed its objects, and ask `compat/` about them.
IMPORT_THE_HOST = (
    "itermix/webui/compat/",
    "itermix/webui/mixing/script.py",
    "itermix/webui/sequence/script.py",
    "itermix/webui/upscale/script.py",
    "itermix/webui/options.py",
    "tools/probe/",  # extensions for the tests, beside ours
)
# Names that were two things once. Each may be one.
NAMES = ("Request", "Reference", "Schedule", "Report", "Run")


def files(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def named(path):
    return path.relative_to(ROOT).as_posix()


PACKAGE, CODE = files("itermix"), files("itermix", "benchmarks", "tools", "scripts")


def room_of(name):
    """The room of a module's or a file's name without "itermix": "mixing" for "mixing.blend"."""
    return "studio/page" if name.startswith("studio.page") else name.split(".")[0]


def module_of(path):
    """ "mixing.blend" for itermix/mixing/blend.py."""
    return ".".join(path.relative_to(ROOT / "itermix").with_suffix("").parts).removesuffix(".__init__")


def foreign(path, *packages):
    """Of a file's imports those that are neither of the standard library, nor ours, nor of these packages."""
    allowed = {*STANDARD, "itermix", *packages}
    return {name for name in imports(path) if name.split(".")[0] not in allowed}


@pytest.mark.parametrize("path", PACKAGE, ids=named)
def test_a_room_imports_what_stands_above_it_and_its_own_packages(path):
    room = room_of(module_of(path))
    allowed, above = ROOMS[room], list(ROOMS)[: list(ROOMS).index(room)]
    assert all(room_of(name) in above for name in allowed.rooms), "the table itself runs upwards"
    assert not foreign(path, *allowed.packages)
    ours = {name.partition(".")[2] for name in imports(path) if name.split(".")[0] == "itermix"} - {""}
    wrong = {name for name in ours if room_of(name) != room and not is_within(name, allowed.rooms)}
    assert not wrong


def is_within(name, rooms):
    dotted = [room.replace("/", ".") for room in rooms]
    return any(name == room or name.startswith(f"{room}.") for room in dotted)


@pytest.mark.parametrize("path", CODE, ids=named)
def test_the_host_is_imported_where_it_is_answered_for_and_nowhere_else(path):
    imports_it = any(name.split(".")[0] == "modules" for name in imports(path))
    assert not imports_it or named(path).startswith(IMPORT_THE_HOST)


@pytest.mark.parametrize("name", IMPORT_THE_HOST)
def test_who_may_import_the_host_does(name):
    paths = files(name) if name.endswith("/") else [ROOT / name]
    assert any(other.split(".")[0] == "modules" for path in paths for other in imports(path))


def test_every_room_is_in_the_designs_table():
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| `itermix/([\w/]+?)(?:\.py|/)` \|", text, re.MULTILINE))
    assert shown == {room for room in ROOMS if not room.startswith("__")}


def test_no_import_runs_in_a_circle():
    """Of modules, imports within functions included, those for types alone left out."""
    modules = {module_of(path): path for path in PACKAGE}
    waiting = {
        name: {other.partition(".")[2] for other in imports(path, types=False)} & set(modules) - {name}
        for name, path in modules.items()
    }
    while free := {name for name, others in waiting.items() if not others & set(waiting)}:
        waiting = {name: others for name, others in waiting.items() if name not in free}
    assert not waiting


@pytest.mark.parametrize("path", CODE, ids=named)
def test_functions_and_classes_are_short(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            longest = LONGEST_CLASS if isinstance(node, ast.ClassDef) else LONGEST_FUNCTION
            assert node.end_lineno - node.lineno + 1 <= longest, node.name


@pytest.mark.parametrize("path", CODE, ids=named)
def test_a_file_is_a_page_or_two(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_thing(name):
    places = [
        named(path) for path in PACKAGE for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef) and node.name == name
    ]  # fmt: skip
    assert len(places) <= 1


@pytest.mark.parametrize("path", files("benchmarks", "tools", "itermix", "scripts"), ids=named)
def test_nothing_but_a_test_imports_the_tests(path):
    assert not [name for name in imports(path) if name.split(".")[0] == "tests"]


@pytest.mark.parametrize(
    "path",
    [
        *files("itermix/settings"),
        *(ROOT / f"itermix/{name}.py" for name in ("files", "__init__", "mixing/settings", "mixing/__init__")),
    ],
    ids=named,
)
def test_settings_and_the_package_itself_import_the_standard_library_alone(path):
    assert not foreign(path)


@pytest.mark.parametrize("path", files("scripts"), ids=named)
def test_a_script_is_one_import_of_the_webui_room(path):
    """The host loads every file of this folder as a script."""
    assert len([node for node in tree_of(path).body if not is_docstring(node)]) <= 2  # the import, and a call
    assert all(name.startswith("itermix.webui.") for name in imports(path))


def is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def python(code):
    """Its output. With compiled files kept, as a user has them, wherever the tests are run."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


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


LOADED_BY_A_HOST = (  # which has its gradio, of any version
    "import sys, time, types, torch, numpy, PIL.Image; sys.modules['gradio'] = types.ModuleType('gradio'); "
    "from tests.webui import fake_modules; fake_modules.install(); "
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
