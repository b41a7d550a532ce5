"""Files that a run makes beside --out are known before it: what is in their place is refused, not written over."""

import json
import os
import time

import pytest
from PIL import Image

from itermix.__main__ import main
from itermix.commands import arguments
from itermix.files import make_folder_of, require_writable
from itermix.studio.errors import StudioError, is_out_of_memory

ENOUGH = "far enough"
RENDER, SWEEP = ["render", "apple", "--out=a.png"], ["sweep", "apple", "--x=seed=1,2", "--out=a.png"]
SEQUENCE = [*RENDER, "--sequence=s.json"]


@pytest.fixture
def refusal(tmp_path, monkeypatch, capsys):
    """What a command says in its one line, with no model loaded; ENOUGH where it would begin."""

    def loaded(*args):
        raise StudioError(ENOUGH)

    def of(*command):
        before = sorted(os.walk("."))
        started = time.process_time()
        assert main(list(command)) == 2
        assert time.process_time() - started < 3 and sorted(os.walk(".")) == before
        (line,) = capsys.readouterr().err.splitlines()
        return line.partition(": ")[2]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(arguments, "open_studio", loaded)
    (tmp_path / "s.json").write_text(json.dumps({"frames": 3, "prompts": "0: a cat", "video_format": "gif"}))
    return of


@pytest.mark.parametrize("command, made", [
    ([*RENDER, "--count=3", "--seed=5"], "a-7.png"), ([*RENDER, "--trace=1"], "a-trace-hires-pass.png"),
    ([*RENDER, "--count=2", "--trace=1"], "a-1-trace-first-pass.png"), (SEQUENCE, "a-00002.png"), (SEQUENCE, "a.state"),
    (SEQUENCE, "a.gif"), (SWEEP, "a.json"), (SWEEP, "a-cells/1-2.png"), ([*SWEEP, "--y=steps=1,2"], "a-cells/2-2.png"),
])  # fmt: skip
def test_a_folder_in_the_place_of_what_is_made_is_known_before(command, made, tmp_path, refusal):
    (tmp_path / made).mkdir(parents=True)
    assert (
        refusal(*command) == f"out: {made}, which the run makes, cannot be written: it is a folder; take another name"
    )
    (tmp_path / made).rmdir()
    assert refusal(*command) == ENOUGH


def test_a_file_in_the_place_of_a_sweeps_folder_is_known_before(tmp_path, refusal):
    (tmp_path / "a-cells").write_text("mine")
    assert refusal(*SWEEP).startswith("out: a-cells/1-1.png, which the run makes, cannot be written: Not a directory")


@pytest.mark.parametrize("command, name", [
    ([*SEQUENCE, "--image=a-00001.png"], "image"), ([*RENDER, "--count=2", "--image=a-1.png"], "image"),
    ([*RENDER, "--count=2", "--image=b.png", "--mask=a-0.png"], "mask"),
    (["render", "--out=s.png", "--sequence=s.state"], "sequence"), ([*SWEEP, "--settings=a.json"], "settings"),
])  # fmt: skip
def test_what_a_run_reads_it_does_not_write_over(command, name, tmp_path, refusal):
    for file in ("a-00001.png", "a-0.png", "a-1.png", "b.png"):
        Image.new("RGB", (64, 64)).save(tmp_path / file)
    for file in ("s.state", "a.json"):
        (tmp_path / file).write_text("{}")
    assert refusal(*command).endswith(f", which the run makes, is the file of --{name}; take another name")


def test_another_programs_file_of_the_states_name_is_kept(tmp_path, refusal):
    (tmp_path / "a.state").write_text("mine")
    assert refusal(*SEQUENCE).endswith(
        "a.state, which the run makes, is there and no state of a sequence; take another name"
    )
    (tmp_path / "a.state").write_bytes(b"itermix sequence\nof an earlier run")
    assert refusal(*SEQUENCE) == ENOUGH


@pytest.mark.parametrize("name", ["a-00001.png", "a.gif", "run.txt", "run"])
def test_settings_are_saved_to_a_file_of_their_own(name, refusal):
    assert refusal(*SEQUENCE, f"--save-settings={name}").startswith(f"save-settings: '{name}' names no JSON file")


@pytest.mark.parametrize("command", [["render", "apple"], ["sweep", "apple", "--x=seed=1"], ["demo"]])
def test_a_folder_is_no_picture(command, refusal):
    assert refusal(*command, "--out=new/") == "out: 'new/' is a folder; add the name of a file"


def test_a_link_into_a_folder_that_is_not_there_yet(tmp_path):
    link = tmp_path / "a.png"
    try:
        link.symlink_to("new/a.png")
    except OSError:
        pytest.skip("this system lets us make no links")
    require_writable(link)
    make_folder_of(link)
    link.write_bytes(b"1")
    assert (tmp_path / "new" / "a.png").read_bytes() == b"1"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "[::1]:1", "127.0.0.1:99999999"])
def test_a_cluster_that_does_not_answer_is_known_at_once(address, refusal):
    assert refusal(*SWEEP, f"--ray={address}").startswith(f"ray: {address} cannot be reached: ")


@pytest.mark.parametrize("error, is_one", [
    (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you"), True),
    (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True), (MemoryError(), True),
    (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"), True),  # on Windows
    (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
])  # fmt: skip
def test_out_of_memory_is_one_line_on_every_device(error, is_one, tmp_path, monkeypatch, capsys):
    def loaded(*args):
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(arguments, "open_studio", loaded)
    assert is_out_of_memory(error) == is_one
    if is_one:
        assert main(RENDER) == 2
        assert capsys.readouterr().err == "itermix render: out of memory; take a smaller size, or another --device\n"
    else:
        with pytest.raises(RuntimeError):
            main(RENDER)
