"""Latent Sequence on a real WebUI: morphs, unsampling, interrupt and resume, video, and what is refused."""

from __future__ import annotations

import json
import shutil
import threading
import time

import numpy as np
import pytest
from PIL import Image

from itermix.sequence.settings import SequenceSettings
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

SAVED = {"save_images": True, "override_settings": {"samples_save": True}}  # what the API leaves out else
PROMPTS = "0: a cat\n4: a dog\n8: a red house"


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")


def sequence(host, settings, tab="txt2img", **body):
    body = {"steps": 4, "seed": 5, **SAVED, **body}
    return host.generate(tab, script_name="latent sequence", script_args=[settings], **body)


def frames_of(generation):
    """Without the grid, which comes first where there is more than one."""
    return generation.pictures[1:] if len(generation.pictures) > 1 else generation.pictures


def folder_of(host, tab="txt2img"):
    numbered = "[0-9]" * 5
    return max((host.outputs / f"{tab}-images" / "itermix-sequences").glob(numbered))


def test_twelve_frames_travel_between_three_prompts_and_come_out_as_a_video(host):
    settings = {"frames": 12, "prompts": PROMPTS, "travel": "slerp", "video_format": "webp", "fps": 8}
    made = sequence(host, settings)
    frames = frames_of(made)
    assert len(frames) == 12 and made.pictures[0].shape[1] > 64
    assert all(not np.array_equal(a, b) for a, b in zip(frames, frames[1:]))
    texts = made.infotexts[1:]
    assert [int(text.split("Latent Sequence frame: ")[1].split(",")[0]) for text in texts] == list(range(12))
    assert [int(text.split("Seed: ")[1].split(",")[0]) for text in texts] == list(range(5, 17))
    assert texts[0].startswith("a cat") and texts[4].startswith("a dog") and texts[11].startswith("a red house")
    folder = folder_of(host)
    kept = sorted(folder.glob("*.png"))
    assert [np.array_equal(np.array(Image.open(path)), frame) for path, frame in zip(kept, frames)] == [True] * 12
    assert Image.open(kept[3]).info["parameters"] == texts[3]
    with Image.open(folder / "sequence-0.webp") as film:
        film.seek(film.n_frames - 1)
        film.load()
        assert film.n_frames == 12 and film.info["duration"] == 125
    assert frames_same(frames, frames_of(sequence(host, settings)))


def frames_same(a, b):
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b))


def test_infotext_gives_the_settings_back(host):
    settings = SequenceSettings(frames=2, prompts='0: a "cat", (sat:1.2)\n1: b', denoise_seq=0.3, video_format="none")
    text = sequence(host, settings.to_dict()).infotexts[-1]
    written, _ = json.JSONDecoder().raw_decode(text.split(f"{SequenceSettings.infotext_key}: ")[1])
    assert SequenceSettings.from_infotext(written) == settings


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_img2img_with_unsampling_and_slerp(host, picture, sampler):
    settings = {"frames": 4, "unsample": True, "latent_interpolation": "slerp", "denoise_start": 0.6,
                "video_format": "none"}  # fmt: skip
    body = dict(init_images=[as_base64(picture)], sampler_name=sampler)
    made = sequence(host, settings, "img2img", **body)
    assert len(frames_of(made)) == 4
    assert frames_same(frames_of(made), frames_of(sequence(host, settings, "img2img", **body)))


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ SDE", "DPM++ 2M SDE", "DPM fast", "LCM", "DDIM", "UniPC"])
def test_every_kind_of_sampler_goes_backwards_and_keeps_the_injected_noise(host, sampler):
    """SDE samplers are handed a noise_sampler by the host. UniPC itself takes no fewer steps than its order, 3."""
    settings = {"frames": 3, "unsample": True, "denoise_seq": 0.7, "mixing_reference": "previous frame"}
    settings |= {"travel": "off", "video_format": "none"}
    made = {}
    for strength in (0.0, 1.0):
        asked = {**settings, "inject_noise": bool(strength), "noise_strength": strength}
        made[strength] = frames_of(sequence(host, asked, sampler_name=sampler, steps=8, mixing={"alpha_1": 0.5}))
        assert len(made[strength]) == 3
    assert np.array_equal(made[0.0][0], made[1.0][0])
    assert not np.array_equal(made[0.0][1], made[1.0][1])


def test_a_mask_keeps_the_picture_outside_over_all_frames(host, picture):
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 48, 48))
    made = sequence(
        host, {"frames": 3, "video_format": "none"}, "img2img", init_images=[as_base64(picture)],
        mask=as_base64(mask), inpainting_fill=1, mask_blur=0,
    )  # fmt: skip
    outside = np.array(mask) == 0
    for frame in frames_of(made):
        assert np.abs(frame.astype(int) - np.array(picture).astype(int))[outside].max() <= 1


def test_hires_fix_makes_the_first_frame_and_the_size_of_all(host):
    mark = len(host.log)
    made = sequence(host, {"frames": 3, "video_format": "none"}, enable_hr=True, hr_scale=2, hr_upscaler="Latent",
                    denoising_strength=0.6)  # fmt: skip
    assert [frame.shape for frame in frames_of(made)] == [(128, 128, 3)] * 3
    assert "Error running" not in host.log[mark:]  # of a script of the host, by the lists of prompts


def test_batches_run_in_parallel_and_batch_counts_one_after_the_other(host):
    settings = {"frames": 2, "video_format": "none"}
    made = sequence(host, settings, batch_size=2, n_iter=2)
    assert len(made.pictures) == 2 * (1 + 4)
    alone = frames_of(sequence(host, settings, seed=5))
    for mine, of_batch in zip(alone, (made.pictures[1], made.pictures[3])):
        assert np.abs(mine.astype(int) - of_batch).max() <= 2  # a batch's arithmetic differs in the last bits


@pytest.mark.parametrize("reference", ["previous frame", "first frame"])
def test_iterative_mixing_inside_a_sequence(host, reference):
    plain = sequence(host, {"frames": 3, "video_format": "none"})
    settings = {"frames": 3, "video_format": "none", "mixing_reference": reference}
    mixed = sequence(host, settings, mixing={"enabled": True, "alpha_1": 0.3})
    assert sum("frame: Euler, reference: Latent Sequence, mixed" in line for line in mixed.log) == 2
    assert np.array_equal(frames_of(mixed)[0], frames_of(plain)[0])
    assert not np.array_equal(frames_of(mixed)[1], frames_of(plain)[1])


def test_interrupted_and_resumed_it_gives_the_very_frames_of_an_uninterrupted_run(host):
    settings = {"frames": 8, "video_format": "gif", "prompts": "0: a cat\n7: a dog", "travel": "linear"}
    body = dict(steps=12)
    whole = frames_of(sequence(host, settings, **body))
    done = []
    worker = threading.Thread(target=lambda: done.append(sequence(host, settings, **body)))
    worker.start()
    until = time.monotonic() + 120
    while "frame 5 of" not in str(host.get("/sdapi/v1/progress?skip_current_image=true")["textinfo"]):
        assert time.monotonic() < until and worker.is_alive()
        time.sleep(0.02)
    host.post("/sdapi/v1/interrupt", {})
    worker.join()
    kept = frames_of(done[0])
    assert 4 <= len(kept) < 8 and frames_same(kept, whole[: len(kept)])
    folder = folder_of(host)
    with Image.open(folder / "sequence-0.gif") as film:
        assert film.n_frames == len(kept)
    rest = frames_of(sequence(host, {**settings, "resume": True}, **body))
    assert frames_same(rest, whole[len(kept) :])
    assert folder_of(host) == folder  # goes on in its own folder, to a film of all frames
    assert sorted(path.stem for path in folder.glob("*.png")) == [f"{index:05}" for index in range(8)]
    with Image.open(folder / "sequence-0.gif") as film:
        assert film.n_frames == 8


@pytest.mark.parametrize("settings, message", [
    ({"frames": 0}, "frames: 0 is not allowed"),
    ({"frames": 4, "prompts": "0: a\n9: b"}, "the last of 4 frames is 3"),
    ({"frames": 4, "prompts": "0: a\n0: b"}, "frame 0 has its prompt in line 1"),
    ({"loops": 4}, '"loops"'),
    ({"frames": 3, "resume": True}, "of another sequence"),
    ({"frames": 3, "zoom_schedule": "0:(1), 2:(9)"}, "zoom_schedule: 5 in frame 1 is not allowed"),
    ({"frames": 3, "close_loop": True, "ping_pong": True}, "close_loop: it is not allowed together with ping_pong"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_its_name(host, settings, message):
    sequence(host, {"frames": 2, "video_format": "none"}, seed=77)
    made = sequence(host, settings)
    refused = made.info["extra_generation_params"][f"{SequenceSettings.infotext_key} refused"]
    assert message.replace('"', "") in refused.replace("'", "").replace('"', "")
    assert made.same_as(host.generate(steps=4, seed=5))


def test_a_camera_at_rest_makes_the_same_frames_and_a_pan_moves_them(host):
    quiet = {"frames": 3, "video_format": "none"}
    plain = frames_of(sequence(host, quiet))
    rest = {"zoom_schedule": "0:(1), 2:(1.0)", "pan_x_schedule": "0", "rotation_schedule": "0 * t"}
    assert frames_same(plain, frames_of(sequence(host, {**quiet, **rest})))
    host.arm()  # its own network's latents are rough, and a place is known again; the stand-in's are waves
    made = sequence(host, {**quiet, "pan_x_schedule": "0.25", "border_noise": 0.0, "denoise_seq": 0.0})
    first, _, last = (frame.astype(float) for frame in frames_of(made))
    width = last.shape[1]  # a decoder looks at all of a picture, so what is moved is much like it was, and not the same
    apart = {at: np.abs(last[:, at:] - first[:, : width - at]).mean() for at in range(0, 3 * width // 4 + 1, 8)}
    assert min(apart, key=apart.get) == width // 2  # twice a quarter
    assert '"pan_x_schedule\\": \\"0.25' in made.infotexts[-1]


def test_a_closed_loop_comes_back_nearer_to_its_first_frame(host):
    settings = {"frames": 6, "prompts": "0: a cat\n3: a dog", "video_format": "none", "zoom_schedule": "1.2"}
    opened, closed = (frames_of(sequence(host, {**settings, "close_loop": on})) for on in (False, True))
    assert np.array_equal(opened[0], closed[0])

    def seam(frames):
        return np.abs(frames[-1].astype(float) - frames[0]).mean()

    assert seam(closed) < seam(opened)


def test_afterwards_the_host_is_as_it_was(host):
    before = host.generate()
    sequence(host, {"frames": 2, "unsample": True, "video_format": "none"})
    assert host.generate().same_as(before)


def test_resumed_without_the_folder_of_its_first_frames_it_says_so_and_takes_a_new_one(host):
    settings = {"frames": 3, "video_format": "none"}
    host.post("/itermix-probe/disturb", {"how": "interrupt", "evaluation": 1, "passes": 2})
    sequence(host, settings)
    shutil.rmtree(folder_of(host))
    made = sequence(host, {**settings, "resume": True})
    assert any("are not there any more" in line for line in made.log)
    assert folder_of(host).is_dir() and "00000.png" not in {path.name for path in folder_of(host).iterdir()}
