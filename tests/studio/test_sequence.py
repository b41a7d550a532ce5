"""Latent Sequence on the studio: the same frames as passes done by hand, unsampling that comes back, resume."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")

from itermix.mixing.settings import MixingSettings  # noqa: E402
from itermix.sequence.settings import SequenceSettings  # noqa: E402
from itermix.studio import passes  # noqa: E402
from itermix.studio.errors import StudioError  # noqa: E402
from itermix.studio.passes import Pass  # noqa: E402
from itermix.studio.pipeline import Studio  # noqa: E402
from itermix.studio.request import Request  # noqa: E402
from itermix.studio.sequence import make_sequence  # noqa: E402

REQUEST = Request(prompt="a cat", seed=3, steps=4, width=64, height=64)


@pytest.fixture(scope="module", params=["sd15", "sdxl"])
def studio(folders, request):
    return Studio.open(folders / request.param, "cpu")


def frames_of(studio, settings, request=REQUEST, **options):
    made = []
    report = make_sequence(
        studio, studio.network.resolved(request), settings, lambda frame, result: made.append(result), **options
    )
    return made, report


def test_with_nothing_on_it_is_repeated_image_to_image_in_latent_space(studio):
    made, report = frames_of(studio, SequenceSettings(frames=3, denoise_seq=0.5))
    assert report.emitted == [0, 1, 2] and [result.seed for result in made] == [3, 4, 5]
    request = studio.network.resolved(REQUEST)
    latent = None
    for number in range(3):
        predict = studio.network.predictor("a cat", "", request.guidance, (64, 64))
        task = Pass(predict, request.sampler, "karras", 4, 3 + number, (1, 4, 8, 8), init=latent, strength=0.5)
        latent = passes.run(studio.network, task)[0]
        assert torch.equal(made[number].latent, latent)
        assert np.array_equal(np.array(made[number].picture), np.array(studio.picture(latent)))


def test_constant_schedules_change_no_bit_and_others_do(studio):
    held = dict(frames=3, mixing_reference="previous frame")
    request = dataclasses.replace(REQUEST, guidance=5.0, mixing=MixingSettings(enabled=True, alpha_1=0.5))
    plain, _ = frames_of(studio, SequenceSettings(**held), request)
    constant = dict(cfg_schedule="5", alpha_1_schedule="0:(0.5)", denoise_schedule="0.5", seed_schedule="s + t")
    same, _ = frames_of(studio, SequenceSettings(**held, **constant), request)
    assert all(torch.equal(a.latent, b.latent) for a, b in zip(plain, same, strict=True))
    for moving in ("cfg_schedule", "alpha_1_schedule"):
        other, _ = frames_of(studio, SequenceSettings(**held, **{moving: "1 + t"}), request)
        assert not torch.equal(plain[2].latent, other[2].latent), moving


def test_prompts_travel_and_arrive(studio):
    settings = SequenceSettings(
        frames=5, prompts="0: a cat\n4: a dog", travel="slerp", denoise_seq=1.0, seed_mode="fixed"
    )
    made, _ = frames_of(studio, settings)
    dog, _ = frames_of(studio, SequenceSettings(frames=5, denoise_seq=1.0, seed_mode="fixed"),
                       dataclasses.replace(REQUEST, prompt="a dog"))  # fmt: skip
    cat, _ = frames_of(studio, SequenceSettings(frames=1))
    assert torch.equal(made[0].latent, cat[0].latent)
    assert not torch.equal(made[2].latent, made[1].latent)
    distance = [float((result.latent - dog[-1].latent).norm()) for result in made[1:]]
    assert distance[-1] == min(distance)


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "DPM++ 2M"])
def test_unsampling_comes_back_to_the_latent_it_left(studio, sampler):
    """The ODE up and down again with one conditioning: what is left is the solvers' error, which falls with steps."""
    errors = []
    for steps in (20, 80):
        request = dataclasses.replace(REQUEST, sampler=sampler, steps=steps, guidance=1.0)
        settings = SequenceSettings(frames=2, unsample=True, denoise_seq=0.5)
        made, _ = frames_of(studio, settings, request)
        start, back = (result.latent for result in made)
        errors.append(float((back - start).norm() / start.norm()))
    assert errors[1] < 0.5 * errors[0] and errors[1] < 0.1


def test_mixing_holds_a_frame_to_the_one_before(studio):
    plain, _ = frames_of(studio, SequenceSettings(frames=2, denoise_seq=1.0))
    request = dataclasses.replace(REQUEST, mixing=MixingSettings(enabled=True, alpha_1=0.0))
    mixed, _ = frames_of(
        studio, SequenceSettings(frames=2, denoise_seq=1.0, mixing_reference="previous frame"), request
    )
    assert torch.equal(mixed[0].latent, plain[0].latent)
    away, near = (float((m[1].latent - m[0].latent).norm()) for m in (plain, mixed))
    assert near < 0.7 * away


def test_interrupted_and_resumed_it_gives_the_same_frames(studio, tmp_path):
    settings = SequenceSettings(frames=4, prompts="0: a cat\n3: a dog", travel="linear")
    whole, _ = frames_of(studio, settings)
    first = []
    report = make_sequence(
        studio,
        studio.network.resolved(REQUEST),
        settings,
        lambda frame, result: first.append(result),
        state=tmp_path / "state",
        is_cancelled=lambda: len(first) == 2,
    )
    assert report.interrupted and report.next == 2
    rest, report = frames_of(studio, dataclasses.replace(settings, resume=True), state=tmp_path / "state")
    assert report.first == 2
    for mine, wanted in zip([*first, *rest], whole, strict=True):
        assert torch.equal(mine.latent, wanted.latent)


def test_flux_is_refused(folders):
    with pytest.raises(StudioError, match="take SD1.5 or SDXL"):
        frames_of(Studio.open(folders / "flux", "cpu"), SequenceSettings(frames=1))


def test_the_command_writes_frames_and_video_and_resumes(folders, tmp_path, capsys):
    from PIL import Image

    from itermix.commands.render import main

    file = tmp_path / "morph.json"
    file.write_text(json.dumps({"frames": 3, "prompts": "2: a dog", "video_format": "webp"}))
    command = ["a cat", "--checkpoint", str(folders / "sd15"), "--device", "cpu", "--steps", "2", "--width", "64",
               "--height", "64", "--sequence", str(file), "--out", str(tmp_path / "morph.png")]  # fmt: skip
    assert main(command) == 0
    frames = [tmp_path / f"morph-0000{number}.png" for number in range(3)]
    assert capsys.readouterr().out.split() == [*map(str, frames), str(tmp_path / "morph.webp")]
    assert Image.open(tmp_path / "morph.webp").n_frames == 3
    text = Image.open(frames[2]).info["parameters"]
    assert text.startswith("a dog\n") and "Seed: 2," in text and text.endswith("Latent Sequence frame: 2")
    written, _ = json.JSONDecoder().raw_decode(text.split("Latent Sequence: ")[1])
    assert SequenceSettings.from_infotext(written) == SequenceSettings.from_dict(json.loads(file.read_text()))


@pytest.mark.parametrize("settings, message", [
    ('{"frames": 0}', "frames: 0 is not allowed"), ("[]", "holds no JSON object"),
    ('{"resume": true}', "there is no sequence to resume"),
])  # fmt: skip
def test_a_sequence_that_cannot_be_is_one_line_and_exit_code_2(folders, tmp_path, capsys, settings, message):
    from itermix.commands.render import main

    (tmp_path / "s.json").write_text(settings)
    command = ["a", "--checkpoint", str(folders / "sd15"), "--device", "cpu", "--sequence", str(tmp_path / "s.json")]
    assert main([*command, "--out", str(tmp_path / "a.png")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1] and not list(tmp_path.glob("*.png"))
