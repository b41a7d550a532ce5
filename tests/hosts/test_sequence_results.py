"""What comes out of Latent Sequence beside its frames on a real WebUI: masks, the video, messages, progress."""

from __future__ import annotations

import base64
import io
import shutil
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hosts.plots import plot
from tests.hosts.test_sequence import folder_of, frames_of, frames_same, sequence
from tools.real_host import as_base64

pytestmark = pytest.mark.real_host

VIDEO = "Latent Sequence video"
QUIET = {"frames": 4, "video_format": "none"}


@pytest.fixture(autouse=True)
def quick(host, disarmed):
    host.arm(network="gaussian")
    yield
    host.post("/itermix-probe/break", {})
    host.post("/itermix-probe/disturb", {})


@pytest.mark.parametrize("return_mask, composite", [(True, False), (False, True), (True, True)])
def test_masks_that_the_host_returns_come_behind_the_frames(host, picture, return_mask, composite):
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 48, 48))
    body = dict(init_images=[as_base64(picture)], mask=as_base64(mask), inpainting_fill=1, mask_blur=0)
    plain = sequence(host, {**QUIET, "frames": 3}, "img2img", **body)
    options = {"return_mask": return_mask, "return_mask_composite": composite}
    # Not as override_settings: A1111 does not put back what was at its default before.
    host.post("/sdapi/v1/options", options)
    try:
        made = sequence(host, {**QUIET, "frames": 3}, "img2img", **body)
    finally:
        host.post("/sdapi/v1/options", dict.fromkeys(options, False))
    count, each = len(plain.pictures), return_mask + composite
    assert count == 4 and len(made.pictures) == 4 + 3 * each == len(made.infotexts)
    colours = [[picture[..., :3] for picture in some] for some in (made.pictures[:count], plain.pictures)]
    assert frames_same(*colours)  # Forge's grid has an alpha channel
    beside = made.pictures[count:]
    if return_mask:
        white = np.array(mask)[..., None].repeat(3, 2)
        assert all(np.array_equal(found, white) for found in beside[::each])
    if composite:
        assert all(found.shape == (64, 64, 4) for found in beside[each - 1 :: each])
    assert made.infotexts[count] == made.infotexts[1]


def test_the_video_comes_by_path_and_on_request_as_a_file(host):
    settings = {"frames": 3, "video_format": "webp"}
    made = sequence(host, settings)
    (path,) = made.info["extra_generation_params"][VIDEO]
    assert Path(path) == (folder_of(host) / "sequence-0.webp").resolve() or Path(path).samefile(
        folder_of(host) / "sequence-0.webp"
    )
    assert f"{VIDEO} data" not in made.info["extra_generation_params"]
    asked = sequence(host, {**settings, "return_video": True}, batch_size=2, n_iter=2)
    paths, data = (asked.info["extra_generation_params"][key] for key in (VIDEO, f"{VIDEO} data"))
    assert len(paths) == len(data) == 4
    for path, text in zip(paths, data):
        assert base64.b64decode(text) == Path(path).read_bytes()
        with Image.open(io.BytesIO(base64.b64decode(text))) as film:
            assert film.n_frames == 3


def test_the_host_serves_the_video_to_the_page(host):
    made = sequence(host, {"frames": 2, "video_format": "webp"})
    (path,) = made.info["extra_generation_params"][VIDEO]
    with urllib.request.urlopen(f"{host.url}/file={urllib.parse.quote(path)}") as response:
        assert response.read() == Path(path).read_bytes()


def messages_of(made):
    """What went otherwise than asked, as a client of the API finds it."""
    return made.info["extra_generation_params"]["Latent Sequence messages"]


def test_return_video_that_is_no_switch_is_refused(host):
    made = sequence(host, {**QUIET, "return_video": "maybe"})
    assert "return_video" in made.info["extra_generation_params"]["Latent Sequence refused"]


def test_a_disk_that_is_full_in_the_middle_costs_no_frame(host):
    host.post("/itermix-probe/break", {"point": "PIL.Image.Image.save", "at": 3, "error": "OSError"})
    made = sequence(host, {**QUIET, "frames": 6})
    assert len(frames_of(made)) == 6
    kept = sorted(path.stem for path in folder_of(host).glob("*.png"))
    assert len(kept) == 5 and not list(folder_of(host).glob("*.part"))
    missing = next(f"{index:05}" for index in range(6) if f"{index:05}" not in kept)
    (message,) = [line for line in made.log if "could not be written" in line]
    assert f"{missing}.png" in message and "broken by the test" in message
    assert messages_of(made) == [message.removeprefix("Latent Sequence: ")]


def test_a_folder_that_cannot_be_made_costs_no_frame(host):
    parent = host.outputs / "txt2img-images" / "itermix-sequences"
    kept = parent.with_name("kept")
    parent.mkdir(parents=True, exist_ok=True)
    shutil.move(parent, kept)
    parent.write_text("a file in the place of the folder")
    try:
        made = sequence(host, QUIET)
    finally:
        parent.unlink()
        shutil.move(kept, parent)
    assert len(frames_of(made)) == 4
    assert any("frames are not kept on the disk" in line and str(parent) in line for line in made.log)
    assert any("frames are not kept on the disk" in message for message in messages_of(made))


def test_a_skip_leaves_one_frame_out_and_the_next_goes_on_from_the_one_before(host):
    host.post("/itermix-probe/disturb", {"how": "skip", "evaluation": 1, "passes": 2})
    made = sequence(host, {**QUIET, "frames": 5})
    numbers = [int(text.split("Latent Sequence frame: ")[1].split(",")[0]) for text in made.infotexts[1:]]
    assert numbers == [0, 1, 3, 4]
    whole = sequence(host, {**QUIET, "frames": 5})
    assert frames_same(frames_of(made)[:2], frames_of(whole)[:2])
    assert not np.array_equal(frames_of(made)[2], frames_of(whole)[3])


def test_a_batch_interrupted_in_its_second_sequence_is_resumed_there(host):
    body = dict(batch_size=2, n_iter=3)
    whole = sequence(host, QUIET, **body)
    host.post("/itermix-probe/disturb", {"how": "interrupt", "evaluation": 1, "passes": 6})
    kept = sequence(host, QUIET, **body)
    rest = sequence(host, {**QUIET, "resume": True}, **body)
    frames = [alone(made) for made in (whole, kept, rest)]
    assert [len(found) for found in frames] == [3 * 8, 8 + 4, 4 + 8]
    assert frames_same(frames[0], frames[1] + frames[2])


def progress_of(host, make, *arguments, **body):
    """What the host answers about its progress while make(host, *arguments) is at work, where it names a frame."""
    seen = []
    worker = threading.Thread(target=make, args=(host, *arguments), kwargs={"steps": 12, **body})
    worker.start()
    while worker.is_alive():
        seen.append(host.get("/sdapi/v1/progress?skip_current_image=true"))
        time.sleep(0.01)
    worker.join()
    return [found for found in seen if "frame" in str(found["textinfo"])]


def test_progress_of_a_plot_of_sequences_goes_up_once_over_all_cells(host):
    values = ("[Latent Sequence] Denoise (fraction)", "0.3, 0.5, 0.7")
    seen = [found for found in progress_of(host, plot, values) if found["state"]["job_count"] > 3]
    counts, places = {found["state"]["job_count"] for found in seen}, [found["progress"] for found in seen]
    assert counts == {3 * 12} and max(places) > 0.8
    assert all(after >= before - 1e-6 for before, after in zip(places, places[1:])), places


def alone(made):
    return [picture for picture in made.pictures if picture.shape == (64, 64, 3)]


@pytest.mark.parametrize("settings, body", [
    ({"frames": 6}, {}), ({"frames": 4, "unsample": True}, {"n_iter": 2}),
    ({"frames": 3}, dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.6)),
])  # fmt: skip
def test_progress_goes_up_to_the_end_and_names_the_frame(host, settings, body):
    asked = progress_of(host, sequence, {**QUIET, **settings}, **body)
    seen = [found for found in asked if found["state"]["job_count"] > 0]
    values = [found["progress"] for found in seen]
    assert len(values) > 5 and all(0.0 <= value <= 1.0 for value in values) and max(values) > 0.7
    assert all(after >= before - 1e-6 for before, after in zip(values, values[1:])), values
    assert {found["state"]["job_count"] for found in seen} == {jobs(settings, body)}
    numbers = [int(found["textinfo"].split("frame ")[1].split(" of")[0]) for found in seen]
    assert set(numbers) <= set(range(1, settings["frames"] + 1)) and max(numbers) == settings["frames"]


def jobs(settings, body):
    """Sampling passes in all: unsampling is one for each frame but the first, hires fix one more for the first."""
    frames = settings["frames"]
    return body.get("n_iter", 1) * (frames + (frames - 1) * settings.get("unsample", 0)) + body.get("enable_hr", 0)
