"""A file is there whole or as it was before; a name that cannot be written is known before anything is made."""

import json
import os
import stat
from pathlib import Path

import pytest

from itermix import files


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    files.write_whole(tmp_path / "a", b"old")
    files.write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_mode_of_any_file_that_the_user_makes(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        files.write_whole(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "a") == mode


@pytest.mark.parametrize("error", [OSError("full"), ValueError("no"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, error):
    files.write_whole(tmp_path / "a", b"old")
    with pytest.raises(type(error)), files.replacing(tmp_path / "a") as part:
        part.write_bytes(b"half")
        raise error
    assert (tmp_path / "a").read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    """With its content: a sync before the writing would be none."""
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: order.append(("sync", os.fstat(fd).st_size)) or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda *names: order.append("replace") or replace(*names))
    files.write_whole(tmp_path / "a", b"12345")
    assert order[:2] == [("sync", 5), "replace"]


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "there").write_bytes(b"old")
    try:
        (tmp_path / "link").symlink_to("there")
    except OSError:
        pytest.skip("this system lets us make no links")
    files.write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_bytes() == b"new"


@pytest.fixture
def held(monkeypatch):
    """held(name): another program stops the function of `os` of this name the first two times; gives what is left."""

    def hold(name):
        left, function = [1, 1], getattr(os, name)

        def busy(*args):
            if left:
                left.pop()
                raise PermissionError(13, "in use")
            return function(*args)

        monkeypatch.setattr(os, name, busy)
        monkeypatch.setattr(files, "PAUSE", 0.0)
        return left

    return hold


def test_on_windows_a_file_that_another_program_holds_for_a_moment_is_waited_for(tmp_path, monkeypatch, held):
    part, path = tmp_path / "part", tmp_path / "a"
    part.write_bytes(b"new")
    held("replace")
    with pytest.raises(PermissionError):  # elsewhere it is the end of it
        files._replace(part, path)
    monkeypatch.setattr(files.os, "name", "nt")
    files._replace(part, path)
    monkeypatch.undo()
    assert path.read_bytes() == b"new"


def test_on_windows_a_new_file_that_is_being_scanned_is_waited_for(tmp_path, monkeypatch, held):
    """It is opened again to be brought to the disk, which the scanner may not allow."""
    part = tmp_path / "part"
    part.write_bytes(b"new")
    left = held("open")
    with pytest.raises(PermissionError):  # elsewhere it is the end of it
        files._to_disk(part)
    with monkeypatch.context() as on_windows:  # which no path may be made in
        on_windows.setattr(files.os, "name", "nt")
        files._to_disk(part)
    assert not left


def test_json_is_readable_and_holds_what_another_program_has_written(tmp_path):
    files.write_json(tmp_path / "a.json", {"名前": "größer", "half": "\ud800"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "名前" in text and text.endswith("}\n")
    assert json.loads(text) == {"名前": "größer", "half": "\ud800"}


@pytest.mark.parametrize(
    "name, addition", [("a" * 245, "-00000.png"), ("a" * 252, ""), ("月" * 80, "-0000000.png")], ids=range(3)
)
def test_the_longest_name_that_is_let_through_can_be_written(tmp_path, name, addition):
    assert files.name_problem(name, addition) is None
    files.write_whole(tmp_path / f"{name}{addition}", b"")


@pytest.mark.parametrize(
    "name, problem",
    [
        ("a" * 257, "2 bytes too long"),
        ("月" * 86, "3 bytes too long"),
        ("a\0b", "null character"),
        ("a\ud800b", "half a character"),
        ("a\udcffb", "half a character"),
    ],
    ids=range(5),
)
def test_a_name_that_no_file_can_have_is_known_before(tmp_path, name, problem):
    assert problem in files.name_problem(name)
    with pytest.raises(OSError, match=problem):
        files.require_writable(tmp_path / "new" / name)
    assert os.listdir(tmp_path) == []
    with pytest.raises(OSError, match=problem):
        files.write_whole(tmp_path / name, b"")


@pytest.mark.parametrize("name, is_allowed", [
    ("a:b.png", False), ("CON.png", False), ("nul", False), ("Com1.tar.gz", False), ("a?.png", False),
    ("a.", False), ("a ", False), ("a\tb", False), ("console.png", True), ("-a.png", True), ("com10.png", True),
])  # fmt: skip
def test_windows_has_rules_of_its_own(name, is_allowed):
    assert (files.name_problem(name, on_windows=True) is None) == is_allowed
    assert files.name_problem(name, on_windows=False) is None


def test_a_folder_in_the_files_place_and_a_file_in_the_folders_are_known_before(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="it is a folder"):
        files.require_writable(tmp_path / "folder")
    with pytest.raises(OSError, match="Not a directory|exists"):
        files.require_writable(tmp_path / "file" / "a")


@pytest.mark.skipif(os.name == "nt", reason="there are no such files")
def test_what_is_no_plain_file_is_not_replaced(tmp_path):
    """A pipe stands for a device such as /dev/null, which root could take away from the whole system."""
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is a device"):
        files.require_writable(pipe)
    with pytest.raises(OSError, match="it is a device"), files.replacing(pipe):
        pass
    assert pipe.is_fifo() and os.listdir(tmp_path) == ["pipe.png"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc here")
def test_a_folder_that_takes_no_files_is_known_before_whatever_its_mode_says():
    with pytest.raises(OSError, match="no file can be made in /proc"):
        files.require_writable("/proc/itermix/picture.png")


@pytest.mark.parametrize("check", [files.require_writable, files.require_replaceable])
def test_a_drive_that_is_not_there_is_known_before(monkeypatch, check):
    """On Windows not even the root of a path need be there."""
    path = Path("/nowhere/picture.png")
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(OSError) as caught:
        check(path)
    assert files.reason_of(caught.value) == f"there is no {path.anchor}"


def test_what_lies_on_the_way_back_is_not_made(tmp_path):
    path = tmp_path / "nowhere" / ".." / "there" / "a.json"
    files.require_writable(path)
    assert not os.listdir(tmp_path)  # and nothing is left of the try
    files.write_json(path, {})
    assert os.listdir(tmp_path) == ["there"] and os.listdir(tmp_path / "there") == ["a.json"]
