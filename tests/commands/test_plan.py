import json

import pytest

from itermix.commands.plan import main


def test_one_json_object_for_each_frame(tmp_path, capsys):
    (tmp_path / "s.json").write_text('{"frames": 3, "prompts": "2: b", "travel": "off", "seed_mode": "decrement"}')
    assert main(["--settings", str(tmp_path / "s.json"), "--seed", "1", "--prompt", "a"]) == 0
    out, error = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert error == "keyframes: 0, 2\n"
    assert [(row["frame"], row["seed"], row["prompt"]) for row in rows] == [
        (0, 1, "a"),
        (1, 0, "a"),
        (2, 2**64 - 1, "b"),
    ]


def test_an_example_is_planned_by_its_name(capsys):
    assert main(["--settings", "loop"]) == 0
    out, error = capsys.readouterr()
    assert "The loop is closed" in error
    assert "strawberry" in json.loads(out.splitlines()[0])["prompt"] and len(out.splitlines()) == 18


def test_what_the_film_cannot_be_is_said(tmp_path, capsys):
    (tmp_path / "s.json").write_text('{"frames": 2, "video_format": "gif", "fps": 60}')
    assert main(["--settings", str(tmp_path / "s.json")]) == 0
    out, error = capsys.readouterr()
    assert error.startswith("a gif shows at most 50 frames a second: at 60 ") and len(out.splitlines()) == 2


@pytest.mark.parametrize(
    "content, message",
    [
        (b'{"frames": 0}', "frames: 0 is not allowed; it takes a whole number from 1 to 1024"),
        (b'{"frame": 3}', "'frame' is not a setting"),
        (b"[1", "s.json cannot be used: it is not JSON"),
        (b"\xff\xfe", "it is not UTF-8 text; save it as UTF-8"),
        (b'{"prompts": "0: a\\n0: b"}', "prompts, line 2"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(tmp_path, capsys, content, message):
    (tmp_path / "s.json").write_bytes(content)
    assert main(["--settings", str(tmp_path / "s.json")]) == 2
    out, error = capsys.readouterr()
    assert out == "" and message in error and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--settings", "/nowhere/s.json"], ["--seed", "-1"], ["--seed", str(2**64)]])
def test_missing_files_and_bad_seeds(capsys, arguments):
    assert main(arguments if arguments[0] == "--settings" else [f"{arguments[0]}={arguments[1]}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
