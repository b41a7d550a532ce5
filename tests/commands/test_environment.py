"""The commands on a bare Python: what is imported, which environment is made, and what is said in one line."""

import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from itermix import __main__ as commands
from itermix.commands import environment
from itermix.commands import test as checks

ROOT = Path(__file__).resolve().parents[2]
HELPED = ("demo", "test", "render", "sweep")


def bare(*arguments):
    """`python -m itermix` in a Python without any package, not even those beside it; and what it has imported."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from itermix.__main__ import main\n"
        f"try: code = main({list(arguments)!r})\n"
        "except SystemExit as end: code = end.code\n"
        "print(*(name.partition('.')[0] for name in sys.modules), file=sys.stderr); sys.exit(code)"
    )
    return subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in HELPED)], ids=" ".join)
def test_help_has_examples_and_needs_the_standard_library_alone(arguments):
    result = bare(*arguments)
    assert result.returncode == 0, result.stderr
    assert "examples:\n" in result.stdout
    assert set(result.stderr.split()) - set(sys.stdlib_module_names) == {"itermix", "__main__"}


@pytest.mark.parametrize("gpu", [True, False])
def test_the_help_says_which_device_is_taken(monkeypatch, gpu):
    """A Mac's GPU is not taken unasked: nobody has measured what it makes."""
    torch = pytest.importorskip("torch")
    from itermix.commands import render
    from itermix.studio import loading

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    says = " ".join(render.parser().format_help().split())
    assert f"{', '.join(loading.DEVICES)}; without it cuda where there is one, else cpu" in says
    assert loading.device_of(None).type == ("cuda" if gpu else "cpu")


def test_help_names_every_command():
    lines = bare("--help").stdout.splitlines()
    assert {"demo", "test", "studio", "render", "sweep", "plan"} <= {line.split()[0] for line in lines if line.split()}


def test_a_name_for_which_the_output_has_no_letters_is_printed_all_the_same(monkeypatch):
    """Windows gives a pipe its old code page; the file is written by then."""
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="")
    made = SimpleNamespace(main=lambda arguments: print("caf\u00e9 \u56f3\U0001f98a.png") or 0)
    monkeypatch.setitem(sys.modules, "itermix_printing", made)
    monkeypatch.setitem(commands.COMMANDS, "printing", commands.Command("", "itermix_printing"))
    monkeypatch.setattr(sys, "stdout", pipe)
    assert commands.main(["printing"]) == 0
    pipe.flush()
    assert pipe.buffer.getvalue().rstrip() == b"caf\xe9 \\u56f3\\U0001f98a.png"


@pytest.mark.parametrize("arguments", [[], ["rander"]])
def test_no_command_is_exit_code_2(arguments, capsys):
    assert commands.main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out and "usage:" in err


def test_an_older_python_is_refused_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(commands.sys, "version_info", (3, 9, 1))
    assert commands.main(["demo"]) == 2
    assert re.fullmatch(r"itermix needs Python 3.10 or later; this is \S+\n", capsys.readouterr().err)


class Machine:
    """A checkout of its own, where pip is only written down."""

    def __init__(self, root):
        self.root, self.calls, self.code = root, [], 0
        for name in ("studio", "test"):
            (root / f"requirements-{name}.txt").write_text(f"# {name}\n")

    @property
    def folder(self):
        return self.root / ".venv"

    def call(self, *command):
        """Both kinds of call: the quiet one has the environment's folder before the command."""
        self.calls.append(command[-1])
        return self.code

    def pip(self):
        """What pip was asked for since the last time."""
        asked = [command[-1] for command in self.calls if command[1:3] == ["-m", "pip"]]
        self.calls.clear()
        return [Path(name).name for name in asked]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "call", made.call)
    monkeypatch.setattr(environment, "quiet_call", made.call)
    monkeypatch.delenv(environment.VARIABLE, raising=False)
    return made


def test_the_environment_is_made_once(machine, capsys):
    python = environment.provide("studio")
    assert python.is_file() and python.is_relative_to(machine.folder)
    assert machine.calls[0][:3] == [str(python), "-m", "ensurepip"] or machine.calls[0][1:3] == ["-m", "pip"]
    assert machine.pip()[-1] == "requirements-studio.txt"
    assert f"setting up {machine.folder}" in capsys.readouterr().out
    assert environment.provide("studio") == python
    assert not machine.calls and not capsys.readouterr().out


def test_where_the_system_left_out_ensurepip_pip_brings_itself(machine, monkeypatch):
    """As on Debian: the environment gets its pip from the pip of the Python that was called."""
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    environment.provide("studio")
    first, second = machine.calls
    assert first[:5] == [sys.executable, "-m", "pip", "install", "--target"] and first[-1] == "pip"
    assert Path(first[5]).is_relative_to(machine.folder) and Path(first[5]).name == "site-packages"
    assert second[-2:] == ["-r", str(machine.root / "requirements-studio.txt")]


def test_the_tests_add_to_what_the_studio_has(machine):
    environment.provide("studio")
    (machine.folder / "kept").touch()
    machine.pip()
    environment.provide("test")
    assert machine.pip() == ["requirements-test.txt"] and (machine.folder / "kept").exists()
    for name in ("studio", "test"):
        environment.provide(name)
    assert not machine.calls


def test_the_studio_has_all_it_needs_from_the_tests(machine):
    environment.provide("test")
    machine.pip()
    environment.provide("studio")
    assert not machine.calls


@pytest.mark.parametrize("name", ["studio", "test"])
def test_other_requirements_are_another_environment(name, machine):
    environment.provide("test")
    (machine.folder / "old").touch()
    machine.pip()
    (machine.root / f"requirements-{name}.txt").write_text("another==1\n")
    environment.provide("test")
    assert "requirements-test.txt" in machine.pip() and not (machine.folder / "old").exists()


def test_another_python_is_another_environment(machine, monkeypatch):
    environment.provide("studio")
    (machine.folder / "old").touch()
    monkeypatch.setattr(environment.platform, "machine", lambda: "another")
    environment.provide("studio")
    assert not (machine.folder / "old").exists()


def test_what_failed_is_made_anew(machine):
    machine.code = 1
    with pytest.raises(environment.NotReady, match="run the command again"):
        environment.provide("studio")
    machine.code = 0
    machine.pip()
    environment.provide("studio")
    assert machine.pip()[-1] == "requirements-studio.txt"


def test_an_old_environment_that_a_program_runs_in_stays_whole(machine, monkeypatch):
    """On Windows: neither the folder nor the running Python can be moved or removed."""
    python = environment.provide("studio")
    (machine.folder / "package").touch()
    (machine.root / "requirements-studio.txt").write_text("another==1\n")
    rename, unlink = os.rename, os.unlink

    def of_open(do):
        def done(path, *args, **kwargs):
            if os.path.basename(path) in (machine.folder.name, python.name):
                raise PermissionError(13, "in use", str(path))
            return do(path, *args, **kwargs)

        return done

    monkeypatch.setattr(os, "rename", of_open(rename))
    monkeypatch.setattr(os, "unlink", of_open(unlink))
    for _ in range(2):
        with pytest.raises(environment.NotReady, match="cannot be replaced: in use; end what runs in it"):
            environment.provide("studio")
        assert (machine.folder / "package").exists() and python.exists()
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "unlink", unlink)
    assert environment.provide("studio") == python and not (machine.folder / "package").exists()
    assert not list(machine.root.glob(".venv.*"))


def test_an_old_environment_in_a_mounted_folder_is_made_anew(machine, monkeypatch):
    """A volume of a container: it is neither moved nor removed."""
    environment.provide("studio")
    (machine.folder / "package").touch()
    (machine.root / "requirements-studio.txt").write_text("another==1\n")

    def of_mount(do):
        def done(path, *args, **kwargs):
            if os.path.basename(path) == machine.folder.name:
                raise OSError(errno.EBUSY, "busy", str(path))
            return do(path, *args, **kwargs)

        return done

    monkeypatch.setattr(os, "rename", of_mount(os.rename))
    monkeypatch.setattr(os, "rmdir", of_mount(os.rmdir))
    environment.provide("studio")
    assert not (machine.folder / "package").exists()
    assert machine.pip()[-1] == "requirements-studio.txt"


def test_a_damaged_marker_is_made_anew(machine):
    environment.provide("studio")
    machine.pip()
    (machine.folder / environment.MARKER).write_bytes(b"\x89\xff\x00 studio")
    environment.provide("studio")
    assert machine.pip()[-1] == "requirements-studio.txt"


def test_an_environment_of_somebody_else_is_left_alone(machine):
    machine.folder.mkdir()
    (machine.folder / "theirs").touch()
    with pytest.raises(environment.NotReady, match="was not made by itermix"):
        environment.provide("studio")
    assert (machine.folder / "theirs").exists() and not machine.calls


def test_a_folder_that_cannot_be_made_is_one_line(machine, monkeypatch, capsys):
    (machine.root / "file").touch()
    monkeypatch.setenv(environment.VARIABLE, str(machine.root / "file" / "inside"))
    assert commands.main(["demo"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("itermix demo: ") and "name another folder" in err


def test_the_variable_names_the_folder(machine, monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, str(machine.root / "elsewhere"))
    assert environment.provide("studio").is_relative_to(machine.root / "elsewhere")
    assert not machine.folder.exists()


def test_none_is_this_python_as_it_is(machine, monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, "none")
    assert environment.enter(("no_such_package",), ["demo"]) is None
    assert environment.provide("test") == Path(sys.executable)
    assert not machine.calls


def test_a_python_that_has_the_packages_goes_on_by_itself(machine):
    assert environment.enter(("json", "pytest"), ["demo"]) is None
    assert not machine.calls


@pytest.mark.parametrize("found, oldest, goes_on", [
    ("9.2.0", "9.2", True), ("9.10.0", "9.2", True), ("10", "9.2", True), ("9.2.0+cpu", "9.2", True),
    ("9.1.9", "9.2", False), ("8", "9.2", False), ("9.2rc1", "9.2", True), ("unknown", "9.2", True),
])  # fmt: skip
def test_a_python_whose_packages_are_too_old_does_not(found, oldest, goes_on, machine, monkeypatch, capsys):
    monkeypatch.setattr(environment, "OLDEST", {"pytest": ("pytest", oldest)})
    monkeypatch.setattr(environment.importlib.metadata, "version", lambda name: found)
    monkeypatch.setattr(environment, "_go_on", lambda *call: 7)
    assert environment.enter(("json", "pytest"), ["demo"]) == (None if goes_on else 7)
    told = f"this Python has pytest {found}, older than 9.2; going on in {machine.folder}" in capsys.readouterr().out
    assert told != goes_on


def test_the_oldest_versions_are_no_newer_than_the_requirements():
    """On Python 3.10, which has the older ones."""
    text = (ROOT / "requirements-studio.txt").read_text(encoding="utf-8")
    pinned = {name: version for name, version in reversed(re.findall(r"^([a-z]+)==([\d.]+)", text, re.MULTILINE))}
    assert set(pinned) == {distribution for distribution, _ in environment.OLDEST.values()}
    for distribution, oldest in environment.OLDEST.values():
        assert environment._numbers(oldest) <= environment._numbers(pinned[distribution]), distribution


def test_any_other_goes_on_in_the_environment(machine, monkeypatch):
    went = []
    monkeypatch.setattr(environment, "_go_on", lambda *call: went.append(call) or 7)
    assert environment.enter(("json", "no_such_package"), ["demo", "--seed", "3"]) == 7
    ((command, variables),) = went
    assert command == [str(environment.python_of(machine.folder)), "-m", "itermix", "demo", "--seed", "3"]
    assert variables["PYTHONPATH"].split(os.pathsep)[0] == str(machine.root)
    assert variables[environment.VARIABLE] == "none"  # so that it does not go on once more


def test_it_really_goes_on_in_the_environments_python(machine, monkeypatch):
    """With an environment that is whole by its marker, and empty: the bad axis is found before a package is missed."""
    monkeypatch.setattr(environment, "ROOT", ROOT)
    monkeypatch.setenv(environment.VARIABLE, str(machine.folder))
    environment.provide("studio")
    command = [sys.executable, "-m", "itermix", "sweep", "a", "--out", "a.png", "--x"]
    missing = "the package [a-zA-Z]+ is not installed"
    for axis, said in (("nothing=1", "'nothing' is not a setting"), ("seed=1", missing)):
        result = subprocess.run([*command, axis], cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 2 and not result.stdout
        assert re.match(f"itermix sweep: .*{said}", result.stderr), result.stderr


def test_what_is_run_in_the_environment_does_not_go_on_to_another(monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, "elsewhere")
    ask = "import os, sys; sys.exit(0 if os.environ['ITERMIX_ENVIRONMENT'] == 'none' else 5)"
    assert environment.call([sys.executable, "-c", ask]) == 0


def test_where_a_process_cannot_become_another_it_waits_for_it():
    assert environment._waited_for([sys.executable, "-c", "import sys; sys.exit(3)"], {}) == 3


def test_an_interrupt_while_installing_is_one_line(machine, monkeypatch, capsys):
    def interrupted(folder, command):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "quiet_call", interrupted)
    assert commands.main(["test"]) == 130
    assert capsys.readouterr().err == "\nitermix test: interrupted\n"


def test_a_checkout_without_requirements_says_what_to_do(machine, capsys):
    (machine.root / "requirements-test.txt").unlink()
    assert commands.main(["test"]) == 2
    assert "install the packages yourself, and set ITERMIX_ENVIRONMENT=none" in capsys.readouterr().err


@pytest.mark.parametrize("codes, wanted", [((0, 0, 0), 0), ((1, 0, 0), 1), ((0, 1, 0), 1), ((1, 0, 5), 5)])
def test_the_tests_are_ruff_and_pytest_with_pytests_code_first(codes, wanted, monkeypatch):
    run, left = [], list(codes)
    monkeypatch.setattr(environment, "provide", lambda name: Path("python"))
    monkeypatch.setattr(environment, "call", lambda command: run.append(command[2:]) or left.pop(0))
    assert checks.main(["-k", "slerp"]) == wanted
    assert run == [["ruff", "check", "."], ["ruff", "format", "--check", "--quiet", "."], ["pytest", "-k", "slerp"]]


def test_the_continuous_integration_runs_the_same_command():
    assert 'python3 -m itermix test -q "$@"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["studio", "test"])
def test_requirements_are_exact(name):
    lines = (ROOT / f"requirements-{name}.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted[0] == ("torch==2.13.0" if name == "studio" else "-r requirements-studio.txt")
    for line in wanted[1:]:
        assert re.fullmatch(r'[a-z-]+==[\d.]+(; python_version (<|>=) "3\.11")?', line), line


SETS_UP = """
import sys, time
from pathlib import Path
from itermix.commands import environment
environment.ROOT = Path(sys.argv[1])
def slowly(folder, command):
    log = environment.ROOT / "calls.txt"
    with log.open("a") as file:
        print("begin", file=file, flush=True)
        time.sleep(0.5)
        print("end", file=file, flush=True)
    return 0
environment.quiet_call = slowly
print(environment.provide("studio"))
"""


def test_two_first_runs_at_once_set_up_one_environment(machine):
    command = [sys.executable, "-c", SETS_UP, str(machine.root)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert {text.splitlines()[-1] for text in said} == {str(environment.python_of(machine.folder))}
    assert sum("setting up" in text for text in said) == 1
    assert sum(f"another itermix sets up {machine.folder}; waiting" in text for text in said) == 2
    assert (machine.root / "calls.txt").read_text().split() == ["begin", "end"] * 2  # pip itself, the packages
    assert not machine.folder.with_name(".venv.lock").exists()


def test_what_pip_says_goes_into_a_file_and_is_shown_where_it_fails(tmp_path, capsys):
    from itermix.commands import installing

    code = "import sys; [print('line', n) for n in range(200)]; sys.exit(int(sys.argv[1]))"
    for wanted, shown in (("0", []), ("3", [f"line {n}" for n in range(185, 200)])):
        log = tmp_path / f"{wanted}.log"
        assert installing.run([sys.executable, "-c", code, wanted], log, tmp_path, dict(os.environ)) == int(wanted)
        assert log.read_text().splitlines() == [f"line {n}" for n in range(200)]
        out, err = capsys.readouterr()
        assert not out and err.splitlines() == ([*shown, f"all of it is in {log}"] if shown else [])


PIP = """\
import pathlib, sys, time
packages = pathlib.Path(sys.argv[1], "lib", "python3.11", "site-packages")
(packages / "pip-25.0.dist-info").mkdir(parents=True)
print("Collecting torch==2.13.0 (from -r requirements.txt (line 3))")
print("  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (190.1 MB)", flush=True)
time.sleep(1)
print("Processing /wheels/numpy-2.4.6.whl")
print("Installing collected packages: numpy, torch, sympy", flush=True)
time.sleep(1)
(packages / "numpy-2.4.6.dist-info").mkdir()
time.sleep(1)
"""


def test_the_set_up_tells_what_it_does_while_pip_is_silent_too(tmp_path, capsys, monkeypatch):
    from itermix.commands import installing

    monkeypatch.setattr(installing, "SELDOM", 0.4)
    code = installing.run([sys.executable, "-c", PIP, str(tmp_path)], tmp_path / "log", tmp_path, dict(os.environ))
    out, err = capsys.readouterr()
    told = [re.fullmatch(r"itermix: \d s, (.+)", line)[1] for line in err.splitlines()]
    assert code == 0 and not out
    assert list(dict.fromkeys(told)) == [
        "1 package found, getting torch (190.1 MB)", "0 of 3 packages installed", "1 of 3 packages installed"
    ]  # fmt: skip
    assert len(told) >= 5  # in three seconds


def test_a_set_up_that_is_watched_has_one_line(tmp_path, capsys, monkeypatch):
    from itermix.commands import installing

    monkeypatch.setattr(installing, "OFTEN", 0.4)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    installing.run([sys.executable, "-c", PIP, str(tmp_path)], tmp_path / "log", tmp_path, dict(os.environ))
    err = capsys.readouterr().err
    lines = err.split("\r")[1:]
    assert "\n" not in err and {len(line) for line in lines[:-1]} == {79}
    assert lines[-1] == "" and not lines[-2].strip() and "1 of 3 packages installed" in lines[-3]
