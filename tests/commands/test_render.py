"""The command line: pictures with their parameters, settings in and out, one line for bad input."""

import json
import shutil

import pytest
from PIL import Image

from itermix.__main__ import main
from itermix.mixing.settings import MixingSettings
from itermix.studio.request import Request

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
pytest.importorskip("transformers", reason="the studio needs transformers, which is not installed")


def run(capsys, *arguments):
    code = main(["render", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def tiny(folders, out, *more):
    where = ["--out", str(out), "--checkpoint", str(folders / "sd15"), "--device", "cpu"]
    return ["red apple", *where, "--width", "64", "--height", "64", "--steps", "2", *more]


def refused(capsys, match, *arguments, loading=None):
    """loading: the name of the model that is only found to be wrong while it is loaded; that it is loaded is told."""
    code, out, err = run(capsys, *arguments)
    assert code == 2 and not out
    *before, last = err.splitlines()
    assert match in f"{last}\n" and before == ([f"loading {loading}"] if loading else []), err


def test_a_picture_with_its_parameters(folders, tmp_path, capsys):
    out = tmp_path / "deep" / "apple.png"
    code, _, err = run(
        capsys, *tiny(folders, out, "--hires", "2", "--mixing", '{"alpha_1": 0.3, "hires_denoise": 1}', "--seed", "9")
    )
    assert code == 0
    with Image.open(out) as picture:
        assert picture.size == (128, 128)
        text = picture.info["parameters"]
    first = "Steps: 2, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 9, Size: 64x64, Model: sd15"
    assert text.startswith(f"red apple\n{first}, Denoising strength: 1, Hires upscale: 2, ")
    assert "Source" not in text
    written = '{\\"alpha_1\\": 0.3, \\"hires_denoise\\": 1.0, \\"version\\": 3}'
    assert f'Iterative Mixing: "{written}"' in text
    assert "hires pass: mixed 1 step, weight 1.000" in err  # the last begins where the curve ends


def test_saved_settings_make_the_same_picture(folders, tmp_path, capsys):
    first, again, saved = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "run.json"
    run(capsys, *tiny(folders, first, "--seed", "4", "--mixing", "{}", "--hires", "1.5", "--save-settings", str(saved)))
    code, _, _ = run(capsys, "red apple", "--out", str(again), "--checkpoint", str(folders / "sd15"), "--device", "cpu",
                     "--settings", str(saved))  # fmt: skip
    assert code == 0
    assert first.read_bytes() == again.read_bytes()


def test_more_pictures_have_their_seed_in_their_name(folders, tmp_path, capsys):
    code, out, _ = run(capsys, *tiny(folders, tmp_path / "a.png", "--count", "2", "--seed", "3"))
    assert code == 0
    assert out.split() == [str(tmp_path / "a-3.png"), str(tmp_path / "a-4.png")]


def test_a_request_is_resolved_once(folders, tmp_path, capsys, monkeypatch):
    from itermix.studio.networks import Network

    asked, resolved = [], Network.resolved
    monkeypatch.setattr(Network, "resolved", lambda self, request: asked.append(request) or resolved(self, request))
    assert run(capsys, *tiny(folders, tmp_path / "a.png", "--hires", "2", "--count", "2"))[0] == 0
    assert len(asked) == 1


def test_settings_bring_their_own_prompt(folders, tmp_path, capsys):
    """As the page saves them, and --save-settings does."""
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"prompt": "a red apple", "seed": 5}))
    _, *options = tiny(folders, tmp_path / "a.png", "--settings", str(file))
    assert run(capsys, *options)[0] == 0
    assert run(capsys, "an apple", *tiny(folders, tmp_path / "b.png", "--settings", str(file))[1:])[0] == 0
    texts = [Image.open(tmp_path / name).text["parameters"] for name in ("a.png", "b.png")]
    assert [text.split("\n")[0] for text in texts] == ["a red apple", "an apple"]
    assert all("Seed: 5," in text for text in texts)


def test_a_request_is_plain_json():
    request = Request(prompt="a", mixing=MixingSettings(enabled=True, alpha_1=1.0))
    assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request


@pytest.mark.parametrize("arguments, match", [
    (["--steps", "0"], "steps: '0' is not allowed; it takes a whole number from 1"),
    (["--steps", "many"], "steps: 'many' is not allowed; it takes a whole number"),
    (["--width", "65"], "width: '65' is not allowed; it takes a multiple of 8"),
    (["--schedule", "odd"], """schedule: 'odd' is not allowed; it takes one of "karras", "uniform"\n"""),
    (["--device", "abacus"], 'device: "abacus" cannot be used here'),
    (["--device", "meta"], 'device: "meta" cannot be used here (it is none of cpu, cuda, mps, xpu); take cpu'),
    (["--mixing", "{"], "mixing"),
    (["--mixing", "[]"], "mixing"),
    (["--mixing", '{"alpha_2": 1}'], "alpha_2"),
    (["--mask", "m.png"], "without --image"),
    (["--image", "nowhere.png"], "image: nowhere.png is not there"),
    (["--settings", "nowhere.json"], "settings"),
    (["--guidance", "nan"], "guidance"),
    (["--strange"], "--strange"),
])  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(arguments, match, folders, tmp_path, capsys):
    refused(capsys, match, *tiny(folders, tmp_path / "a.png", *arguments))


def test_an_unknown_sampler_is_refused_before_anything_is_loaded(tmp_path, capsys):
    """The checkpoint is not there either, which would be said next."""
    wanted = """sampler: 'Nobody' is not allowed; it takes one of "automatic", "Euler", "Euler a", "DPM++ 2M","""
    refused(capsys, wanted, "a", "--out", str(tmp_path / "a.png"), "--checkpoint", "nowhere", "--sampler", "Nobody")


@pytest.mark.parametrize("out, problem", [("file/inside/a.png", "cannot be written"), ("folder", "it is a folder")])
def test_where_nothing_can_be_written_is_said_before_the_run(out, problem, tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for command in (["render", "a"], ["sweep", "a", "--x", "seed=1"], ["demo", "--no-browser"]):
        code = main([*command, "--out", str(tmp_path / out), "--checkpoint", "nowhere"])
        err = capsys.readouterr().err
        assert code == 2 and err.count("\n") == 1 and f"out: {tmp_path / out} cannot be written" in err
        assert problem in err


def photo(path):
    Image.radial_gradient("L").convert("RGB").resize((64, 64)).save(path)
    return str(path)


@pytest.mark.parametrize("mask, said", [(False, "image"), (True, "image and mask")])
def test_the_infotext_says_what_the_picture_was_made_from(mask, said, folders, tmp_path, capsys):
    more = ["--image", photo(tmp_path / "p.png"), "--strength", "0.6", "--hires", "2"]
    more += ["--mask", photo(tmp_path / "m.png")] if mask else []
    out = tmp_path / "a.png"
    assert run(capsys, *tiny(folders, out, *more))[0] == 0
    with Image.open(out) as picture:
        assert picture.info["parameters"].endswith(f"Model: sd15, Denoising strength: 0.6, Source: {said}")


@pytest.mark.parametrize("name, sampler, guidance", [("sd15", "DPM++ 2M", "7"), ("flux", "Flow Euler", "3.5")])
def test_what_is_left_open_is_the_models_own(name, sampler, guidance, folders, tmp_path, capsys):
    """64 pixels: the tiny model's sample size of 8 latent pixels; Flux has none in its configuration."""
    out, size = tmp_path / "a.png", [] if name == "sd15" else ["--width", "64", "--height", "64"]
    code, _, err = run(
        capsys, "a", "--out", str(out), "--checkpoint", str(folders / name), "--device", "cpu", "--steps", "1", *size
    )
    assert code == 0, err
    with Image.open(out) as picture:
        assert picture.size == (64, 64)
        text = f"Sampler: {sampler}, Schedule type: Karras, CFG scale: {guidance}, Seed: 0, Size: 64x64"
        assert text in picture.info["parameters"]


def damaged(folders, tmp_path, name, change):
    """A copy of the small checkpoint with one file of weights changed."""
    folder = tmp_path / "damaged"
    shutil.copytree(folders / "sd15", folder)
    (file,) = (folder / name).glob("*.safetensors")
    file.write_bytes(change(file.read_bytes()))
    return folder


@pytest.mark.parametrize("name", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("change", [lambda data: data[: len(data) // 2], lambda data: b"x" * 1000], ids=["cut", "junk"])
def test_corrupted_weights_are_one_line(name, change, folders, tmp_path, capsys):
    folder = damaged(folders, tmp_path, name, change)
    refused(capsys, "weights", "a", "--out", str(tmp_path / "a.png"), "--checkpoint", str(folder), loading="damaged")


def test_weights_that_are_not_numbers_are_one_line(folders, tmp_path, capsys):
    from safetensors.torch import load, save

    def spoilt(data):
        return save({name: value * float("nan") for name, value in load(data).items()})

    folder = damaged(folders, tmp_path, "unet", spoilt)
    refused(capsys, "not finite", "a", "--out", str(tmp_path / "a.png"), "--checkpoint", str(folder), "--width", "64",
            "--height", "64", "--steps", "2", "--device", "cpu", loading="damaged")  # fmt: skip


def test_lacking_weights_are_one_line(folders, tmp_path, capsys):
    from safetensors.torch import load, save

    folder = damaged(folders, tmp_path, "unet", lambda data: save(dict(list(load(data).items())[3:])))
    refused(
        capsys, "lacks 3 tensors", "a", "--out", str(tmp_path / "a.png"), "--checkpoint", str(folder), loading="damaged"
    )


def test_wrong_checkpoints_are_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "short.safetensors").write_bytes(b"1234")
    (tmp_path / "old.ckpt").write_bytes(b"1234")
    for name, match in (
        ("nowhere", "is not there"), ("empty", "model_index.json"), ("short.safetensors", "damaged"),
        ("old.ckpt", "no .safetensors file"),
    ):  # fmt: skip
        refused(capsys, match, "a", "--out", str(tmp_path / "a.png"), "--checkpoint", str(tmp_path / name))


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as end:
        main(["render", "--help"])
    assert end.value.code == 0
    assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DDIM", "Heun"])
def test_a_trace_is_a_strip_beside_the_same_picture(folders, tmp_path, capsys, sampler):
    asked = ("--hires", "2", "--mixing", '{"alpha_1": 0.3}', "--sampler", sampler)
    code, out, _ = run(capsys, *tiny(folders, tmp_path / "a.png", *asked, "--trace", "3"))
    strip = tmp_path / "a-trace-hires-pass.png"
    assert code == 0 and out.split() == [str(strip), str(tmp_path / "a.png")]
    with Image.open(strip) as picture:
        assert picture.width > 2 * 200 and picture.height > 4 * 128
    run(capsys, *tiny(folders, tmp_path / "b.png", *asked))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert not list(tmp_path.glob("b-trace*"))


def test_more_looks_than_there_may_be_are_refused(folders, tmp_path, capsys):
    refused(capsys, "trace: 21 is not allowed; it takes", *tiny(folders, tmp_path / "a.png", "--trace", "21"))


@pytest.mark.parametrize("arguments, why", [
    (["--mixing", "{}"], "there is no second pass and no picture to mix with; add --hires 2, --image, or"),
    (["--hires", "2", "--mixing", '{"passes": "first pass"}'], 'passes is "first pass", and only the hires pass could'),
    (["--hires", "2", "--mixing", '{"minimum": 0, "maximum": 0}'], "the weight is 0 at every step"),
    (["--hires", "2", "--mixing", '{"reference": "uploaded image"}'], "the reference is an uploaded image, and there"),
])  # fmt: skip
def test_where_nothing_was_mixed_it_is_said_and_not_claimed(arguments, why, folders, tmp_path, capsys):
    code, _, err = run(capsys, *tiny(folders, tmp_path / "a.png", *arguments))
    assert code == 0 and f"nothing was mixed: {why}" in err
    with Image.open(tmp_path / "a.png") as picture:
        assert "Iterative Mixing" not in picture.info["parameters"]
