"""`render --sequence`: the video after an interrupt and a resume, what is refused, what each frame says of itself."""

import json
import signal

import pytest
from PIL import Image

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
pytest.importorskip("transformers", reason="the studio needs transformers, which is not installed")

from itermix.__main__ import main  # noqa: E402
from itermix.commands import frames  # noqa: E402

SETTINGS = {"frames": 4, "prompts": "0: a cat\n2: a dog", "travel": "off", "video_format": "webp", "denoise_seq": 0.6}


@pytest.fixture
def command(folders, tmp_path):
    """Writes the settings of a sequence, and returns the command that makes it in a folder."""

    def of(folder="m", checkpoint=folders / "sd15", settings=SETTINGS):
        file = tmp_path / f"{folder}.json"
        file.write_text(json.dumps(settings))
        (tmp_path / folder).mkdir(exist_ok=True)
        return ["render", "a bird", "--checkpoint", str(checkpoint), "--device", "cpu", "--steps", "2", "--seed", "5",
                "--sequence", str(file), "--out", str(tmp_path / folder / "m.png")]  # fmt: skip

    return of


def interrupt(monkeypatch, frame, times=1):
    """Ctrl+C after the first step of a frame, counted from 1."""

    def show(name, done, steps):
        if name.startswith(f"frame {frame} ") and done == 1:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(frames, "show", show)


def length(path):
    with Image.open(path) as film:
        return film.n_frames


def test_what_the_film_cannot_be_is_said_once_before_the_first_frame(command, tmp_path, capfd):
    long = "b" * 40_000  # parameters that a JPEG has no room for
    settings = {**SETTINGS, "frames": 2, "video_format": "gif", "fps": 100, "prompts": f"0: {long}"}
    assert main([text.replace("m.png", "m.jpg") for text in command(settings=settings)]) == 0
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if "at most 50" in line or "no parameters" in line]
    assert lines[0].startswith("a gif shows at most 50 frames a second: at 100 ") and len(lines) == 2
    assert lines[1].startswith(f"{tmp_path / 'm' / 'm-00000.jpg'} has no parameters in it")
    assert length(tmp_path / "m" / "m.gif") == 1  # 0.02 s: one picture's time


def test_an_example_is_one_command(folders, tmp_path, capsys):
    command = ["render", "--checkpoint", str(folders / "sd15"), "--device", "cpu", "--steps", "2", "--sequence"]
    assert main([*command, "mixing", "--out", str(tmp_path / "m.png")]) == 0
    assert length(tmp_path / "m.webp") > 1 and len(list(tmp_path.glob("m-*.png"))) == 14
    with Image.open(tmp_path / "m-00005.png") as frame:
        text = frame.text["parameters"]
    assert "Seed: 6," in text and '"alpha_1": 1.0' in text.replace("\\", "")  # the example's own request
    assert main(["render", "--out", str(tmp_path / "m.png")]) == 2
    assert "prompt: it is missing" in capsys.readouterr().err


def test_after_a_resume_the_video_has_all_frames(command, tmp_path, monkeypatch, capsys):
    assert main(command("whole")) == 0
    with monkeypatch.context() as patch:
        interrupt(patch, frame=3)
        assert main(command()) == 130
    made, whole = tmp_path / "m", tmp_path / "whole"
    assert length(made / "m.webp") == 2
    said = capsys.readouterr().err
    assert "interrupted after 2 of 4 frames; the same command with --resume goes on from there" in said
    assert f"({made / 'm.state'} holds what it needs)" in said
    assert main([*command(), "--resume"]) == 0
    names = [f"m-0000{number}.png" for number in range(4)]
    assert capsys.readouterr().out.split() == [str(made / name) for name in (*names[2:], "m.webp")]
    assert length(made / "m.webp") == 4
    for name in (*names, "m.webp"):
        assert (made / name).read_bytes() == (whole / name).read_bytes(), name
    assert sorted(path.name for path in made.iterdir()) == [*names, "m.webp"]


def test_a_second_interrupt_ends_at_once_and_says_how_to_go_on(command, tmp_path, monkeypatch, capsys):
    interrupt(monkeypatch, frame=2, times=2)
    assert main(command()) == 130
    assert "interrupted after 1 of 4 frames; the same command with --resume" in capsys.readouterr().err
    assert not (tmp_path / "m" / "m.webp").exists() and (tmp_path / "m" / "m.state").exists()


def test_an_interrupt_in_the_first_frame_leaves_nothing(command, tmp_path, monkeypatch, capsys):
    interrupt(monkeypatch, frame=1)
    assert main(command()) == 130
    assert "interrupted before the first frame was finished" in capsys.readouterr().err
    assert not list((tmp_path / "m").iterdir())


@pytest.mark.parametrize("change, mixing, reason", [
    ({"mixing_reference": "off"}, "{}", 'the sequence\'s mixing_reference is "off"; set it to'),
    ({"mixing_reference": "init image"}, "{}", 'mixing_reference is "init image", and there is no --image; set it to'),
    ({"frames": 1, "prompts": ""}, "{}", "there is no frame after the first"),
    ({"denoise_seq": 0.0}, "{}", "the denoise of every frame after the first is 0"),
    ({}, '{"maximum": 0, "minimum": 0}', "the weight is 0 at every step"),
])  # fmt: skip
def test_a_sequence_that_mixes_nothing_says_the_true_reason(command, change, mixing, reason, capsys):
    settings = {**SETTINGS, "frames": 2, "prompts": "", "mixing_reference": "first frame", **change}
    assert main([*command(settings=settings), "--mixing", mixing]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nothing was mixed: ")]
    assert reason in line


@pytest.mark.parametrize("size, more, said", [
    ((96, 64), [], "note: image is 96x64 and becomes 64x64, of its middle; --width and --height say otherwise"),
    ((32, 32), [], "note: image is 32x32 and becomes 64x64; --width and --height say otherwise"),
    ((64, 64), [], None), ((96, 64), ["--width", "64"], None),
])  # fmt: skip
def test_a_picture_that_gets_another_size_is_told(folders, tmp_path, size, more, said, capsys):
    Image.new("RGB", size, (200, 40, 90)).save(tmp_path / "image.png")
    command = ["render", "a cat", "--checkpoint", str(folders / "sd15"), "--device", "cpu", "--steps", "1", *more]
    assert main([*command, "--image", str(tmp_path / "image.png"), "--out", str(tmp_path / "a.png")]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: image")]
    assert notes == ([said] if said else [])


def test_ctrl_c_is_the_systems_own_again_afterwards(command):
    before = signal.getsignal(signal.SIGINT)
    assert main(command(settings={**SETTINGS, "frames": 1, "prompts": ""})) == 0
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("change, goes_on", [("unet", False), (None, True)])
def test_a_sequence_is_resumed_with_the_same_checkpoint_alone(
    change, goes_on, command, folders, tmp_path, monkeypatch, capsys
):
    """Wherever it lies: its weights decide."""
    import shutil

    from safetensors.torch import load_file, save_file

    with monkeypatch.context() as patch:
        interrupt(patch, frame=2)
        assert main(command()) == 130
    other = tmp_path / "other"
    shutil.copytree(folders / "sd15", other)
    if change:
        (file,) = (other / change).glob("*.safetensors")
        save_file({name: value * 1.001 for name, value in load_file(file).items()}, file)
    capsys.readouterr()
    assert (main([*command(checkpoint=other), "--resume"]) == 0) == goes_on
    assert ("is of another sequence" in capsys.readouterr().err) != goes_on


@pytest.mark.parametrize("arguments, field", [
    (["--hires", "2"], "hires: 2.0"), (["--count", "2"], "count: 2"), (["--trace", "2"], "trace: 2"),
    (["--strength", "0.5"], "strength: 0.5"),
])  # fmt: skip
def test_what_frames_have_no_use_for_is_refused_by_name(arguments, field, command, capsys):
    assert main([*command(), *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith(f"itermix render: {field} is not allowed together with --sequence: ")
    assert err.count("\n") == 1


def test_resume_without_a_beginning_is_said_at_once(command, tmp_path, capsys):
    assert main([*command(checkpoint="nowhere"), "--resume"]) == 2
    assert capsys.readouterr().err == (
        f"itermix render: resume: there is no sequence to resume: {tmp_path / 'm' / 'm.state'} is not there\n"
    )
    assert main(["render", "a", "--out", "a.png", "--resume"]) == 2
    assert "resume: there is nothing to go on with" in capsys.readouterr().err


def parameters(path):
    with Image.open(path) as picture:
        return picture.info["parameters"]


def test_a_frame_says_its_own_prompt_seed_and_denoising_strength(command, tmp_path):
    assert main([*command(), "--negative", "rain"]) == 0
    texts = [parameters(tmp_path / "m" / f"m-0000{number}.png") for number in range(4)]
    assert [text.split("\n")[0] for text in texts] == ["a cat", "a cat", "a dog", "a dog"]
    assert all("\nNegative prompt: rain\n" in text for text in texts)
    assert [f"Seed: {5 + number}," in text for number, text in enumerate(texts)] == [True] * 4
    assert ["Denoising strength: 0.6, Source: previous frame" in text for text in texts] == [False, True, True, True]
    assert "Denoising strength" not in texts[0]


def test_a_frame_claims_mixing_where_it_was_mixed(command, tmp_path, capsys):
    mixed = {**SETTINGS, "frames": 2, "prompts": "", "mixing_reference": "previous frame"}
    assert main([*command(settings=mixed), "--mixing", "{}"]) == 0
    claims = ["Iterative Mixing: " in parameters(tmp_path / "m" / f"m-0000{number}.png") for number in range(2)]
    assert claims == [False, True]
    assert "nothing was mixed" not in capsys.readouterr().err


def test_a_sequence_that_mixed_nothing_says_so(command, tmp_path, capsys):
    assert main([*command(settings={"frames": 2, "video_format": "none"}), "--mixing", "{}"]) == 0
    assert 'nothing was mixed: the sequence\'s mixing_reference is "off"' in capsys.readouterr().err
    assert "Iterative Mixing: " not in parameters(tmp_path / "m" / "m-00001.png")
