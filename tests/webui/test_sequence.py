"""Latent Sequence on the fake host: what it makes of a request is what is sampled, and what is written is true."""

from __future__ import annotations

import gc
import io
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from tools.real_host import as_base64, largest_difference

QUIET = {"frames": 3, "video_format": "none"}


@pytest.fixture(autouse=True)
def quiet(fake, monkeypatch):
    from modules import shared

    fake.arm()
    monkeypatch.setattr(fake, "others", [])
    shared.prompt_styles.clear()
    shared.prompt_styles["oil"] = {"prompt": "{prompt}, oil on canvas", "negative_prompt": "{prompt} photo"}
    monkeypatch.setattr(shared.state, "job", "")
    yield
    shared.state.stopping_generation = shared.state.interrupted = False


def sequence(fake, settings, tab="txt2img", **body):
    return fake.generate(tab, script_name="latent sequence", script_args=[settings], **body)


def frames_of(made):
    return made.pictures[1:] if len(made.pictures) > 1 else made.pictures


def texts_of(made):
    return made.infotexts[1:] if len(made.infotexts) > 1 else made.infotexts


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b))


class Extension:
    def title(self):
        return type(self).__name__


class Comments(Extension):
    """The host's own script that takes comments out of prompts."""

    def process(self, p):
        p.all_prompts = [text.partition("#")[0].strip() for text in p.all_prompts]


class Wildcards(Extension):
    """An extension's: each prompt gets another word by its seed."""

    def process(self, p):
        words = ("red", "green", "blue", "black", "white")
        p.all_prompts = [
            text.replace("__colour__", words[seed % len(words)]) for text, seed in zip(p.all_prompts, p.all_seeds)
        ]


class Additions(Extension):
    """An extension's, for each batch."""

    def before_process_batch(self, p, batch_number, prompts, **more):
        prompts[:] = [f"{text}, detailed" for text in prompts]


class LateAdditions(Extension):
    """An extension's, when the host has taken the tags of networks out of the prompts already."""

    def process_batch(self, p, batch_number, **more):
        p.prompts[:] = [f"{text}, detailed" for text in p.prompts]
        p.negative_prompts = [f"{text} blurry" for text in p.negative_prompts]


class OtherSeeds(Extension):
    def process(self, p):
        p.all_seeds = [seed + 100 for seed in p.all_seeds]


class OtherSize(Extension):
    def process(self, p):
        p.width, p.height = 96, 48


PREPARED = {
    "plain": ({}, []),
    "styles": ({"styles": ["oil"]}, []),
    "comments": ({"prompt": "a cat # on a mat"}, [Comments()]),
    "wildcards": ({"prompt": "a __colour__ cat"}, [Wildcards()]),
    "by batch": ({}, [Additions()]),
    "late": ({"prompt": "a cat <lora:tiny:1>"}, [LateAdditions()]),
    "seeds": ({}, [OtherSeeds()]),
    "size": ({}, [OtherSize()]),
    "variation": ({"subseed": 7, "subseed_strength": 0.4, "batch_size": 2}, []),
    "seed resize": ({"seed_resize_from_h": 32, "seed_resize_from_w": 48}, []),
    "networks": ({"prompt": "a cat <lora:tiny:1>"}, []),
    "hires": ({"enable_hr": True, "styles": ["oil"], "prompt": "a cat # on a mat"}, [Comments()]),
    "a batch": ({"batch_size": 2, "styles": ["oil"]}, []),
}


@pytest.mark.parametrize("what", PREPARED)
@pytest.mark.parametrize("sampler", ["Euler", "Euler a"])
def test_one_frame_is_the_plain_picture_whatever_is_made_of_the_request(fake, monkeypatch, what, sampler):
    body, others = PREPARED[what]
    monkeypatch.setattr(fake, "others", others)
    plain = fake.generate(sampler_name=sampler, **body)
    made = sequence(fake, {**QUIET, "frames": 1}, sampler_name=sampler, **body)
    assert same(made.pictures[-len(plain.pictures) :], plain.pictures[-len(plain.pictures) :])
    assert [text.partition("\nSteps")[0] for text in made.infotexts[-1:]] == [
        text.partition("\nSteps")[0] for text in plain.infotexts[-1:]
    ]


@pytest.mark.parametrize("multiplier", [1.0, 0.9])
def test_one_frame_of_img2img_is_the_plain_picture(fake, picture, multiplier):
    body = dict(init_images=[as_base64(picture)], denoising_strength=0.6, initial_noise_multiplier=multiplier)
    torch.manual_seed(1)
    plain = fake.generate("img2img", **body)
    torch.manual_seed(1)
    made = sequence(fake, {**QUIET, "frames": 1, "denoise_start": 0.6}, "img2img", **body)
    assert same(made.pictures, plain.pictures)


def test_a_wildcard_falls_once_for_each_keyframe_and_is_what_the_infotext_says(fake, monkeypatch):
    monkeypatch.setattr(fake, "others", [Wildcards()])
    settings = {**QUIET, "frames": 4, "prompts": "0: a __colour__ cat\n2: a __colour__ dog", "travel": "off"}
    made = sequence(fake, settings, seed=1)
    prompts = [text.partition("\n")[0] for text in texts_of(made)]
    assert prompts == ["a green cat", "a green cat", "a black dog", "a black dog"]
    monkeypatch.setattr(fake, "others", [])
    settings["prompts"] = "0: a green cat\n2: a black dog"
    assert same(frames_of(made), frames_of(sequence(fake, settings, seed=1)))


def test_styles_are_in_the_frames_between_two_keyframes(fake):
    settings = {**QUIET, "prompts": "0: a cat\n2: a dog", "travel": "slerp"}
    styled = sequence(fake, settings, styles=["oil"])
    settings["prompts"] = "0: a cat, oil on canvas\n2: a dog, oil on canvas"
    written = sequence(fake, {**settings, "negative_prompts": "0: \x20photo"}, negative_prompt=" photo")
    assert same(frames_of(styled), frames_of(sequence(fake, settings, negative_prompt=" photo")))
    assert not same(frames_of(styled), frames_of(sequence(fake, settings)))
    assert len(written.pictures) == 4


def test_a_resumed_sequence_has_the_wildcards_of_the_frames_before(fake, monkeypatch):
    monkeypatch.setattr(fake, "others", [Wildcards()])
    settings = {**QUIET, "frames": 4, "prompts": "0: a __colour__ cat\n2: a __colour__ dog", "travel": "slerp"}
    whole = sequence(fake, settings)
    monkeypatch.setattr(fake, "others", [Wildcards(), StopBefore(2)])
    begun = sequence(fake, settings)
    assert same(frames_of(begun), frames_of(whole)[:2])
    restarted()
    monkeypatch.setattr(fake, "others", [Wildcards()])
    rest = sequence(fake, {**settings, "resume": True})
    assert same(frames_of(rest), frames_of(whole)[2:])
    assert texts_of(rest)[-1].partition("\n")[0] == texts_of(whole)[-1].partition("\n")[0]


def test_a_picture_that_a_sequence_begins_from_is_replaced_as_far_as_its_infotext_says(fake):
    """By the sequence's own denoise, which the page's does not change; the console says that it is another."""
    image = {"init_images": [as_base64(Image.new("RGB", (64, 64), (200, 40, 90)))]}
    made = sequence(fake, {**QUIET, "frames": 2, "denoise_seq": 0.3}, tab="img2img", denoising_strength=0.6, **image)
    assert ["Denoising strength: 1" in text for text in texts_of(made)] == [True, False]
    assert "Denoising strength: 0.3" in texts_of(made)[1]
    told = "Latent Sequence: the first frame has denoise 1 and not the page's denoising strength 0.6"
    assert told in made.log
    settings = {**QUIET, "frames": 1, "denoise_start": 0.6}
    torch.manual_seed(0)  # encoding draws from it
    plain = fake.generate("img2img", denoising_strength=0.6, **image)
    torch.manual_seed(0)
    same_strength = sequence(fake, settings, tab="img2img", denoising_strength=0.6, **image)
    assert same(same_strength.pictures[-1:], plain.pictures[-1:]) and told not in same_strength.log


class StopBefore(Extension):
    """The page's Interrupt, when the frame before this one is finished."""

    def __init__(self, frame):
        self.frame = frame

    def process_batch(self, p, batch_number, **more):
        from modules import shared

        shared.state.stopping_generation = batch_number == self.frame


class StopAtOnce(Extension):
    """The page's Interrupt, before the first batch."""

    def process(self, p):
        from modules import shared

        shared.state.stopping_generation = True


@pytest.mark.parametrize("stop, pictures", [(StopBefore(0), 1), (StopAtOnce(), 0), (None, 0)])
@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_an_interrupt_before_the_first_frame_is_an_answer(fake, monkeypatch, picture, tab, stop, pictures):
    """With what the host gives of a plain picture then, and a message."""
    from modules import shared

    monkeypatch.setattr(fake, "others", [stop] if stop else [])
    shared.state.stopping_generation = stop is None  # pressed while the request was read
    body = {"init_images": [as_base64(picture)]} if tab == "img2img" else {}
    made = sequence(fake, {**QUIET, "frames": 3}, tab, **body)
    info = made.info
    assert len(made.pictures) == pictures and len(info["all_prompts"]) >= 1 and len(info["all_seeds"]) >= 1
    assert info["extra_generation_params"]["Latent Sequence messages"] == [
        "stopped before its first frame was finished"
    ]


def restarted():
    from modules import shared

    shared.state.stopping_generation = shared.state.interrupted = False


class Noises(Extension):
    """The noise that each pass starts from."""

    def __init__(self):
        self.seen = []

    def process_before_every_sampling(self, p, x, noise, **more):
        self.seen.append((noise.clone(), list(p.seeds), list(p.subseeds)))


@pytest.mark.parametrize("body", [
    {"subseed": 7, "subseed_strength": 0.4}, {"seed_resize_from_h": 32, "seed_resize_from_w": 48},
    {"subseed": 7, "subseed_strength": 0.4, "batch_size": 2, "n_iter": 2}, {},
])  # fmt: skip
def test_the_noise_of_a_later_frame_is_what_its_infotext_says(fake, monkeypatch, body):
    from tests.webui.fake_sampling import ImageRNG

    noises = Noises()
    monkeypatch.setattr(fake, "others", [noises])
    made = sequence(fake, QUIET, **body)
    strength = body.get("subseed_strength", 0.0)
    resized = body.get("seed_resize_from_h", -1), body.get("seed_resize_from_w", -1)
    assert len(noises.seen) == 3 * body.get("n_iter", 1)
    for noise, seeds, subseeds in noises.seen:
        assert torch.equal(noise, ImageRNG((4, 8, 8), seeds, subseeds, strength, *resized).next())
    told = [value(text, "Seed") for text in made.infotexts if "frame: " in text]
    assert set(told) == {seed for _, seeds, _ in noises.seen for seed in seeds}
    if strength:
        told = [value(text, "Variation seed") for text in made.infotexts]
        assert set(told) == {seed for _, _, subseeds in noises.seen for seed in subseeds}
        assert len(set(told)) == 3 * body.get("batch_size", 1) * body.get("n_iter", 1)


def value(text, key):
    return int(text.split(f"{key}: ")[1].split(",")[0])


def test_the_noise_multiplier_of_img2img_acts_in_every_frame(fake, monkeypatch, picture):
    seen = {}
    for multiplier in (1.0, 0.5):
        noises = Noises()
        monkeypatch.setattr(fake, "others", [noises])
        body = dict(init_images=[as_base64(picture)], initial_noise_multiplier=multiplier)
        sequence(fake, QUIET, "img2img", **body)
        seen[multiplier] = [noise for noise, _, _ in noises.seen]
    assert all(torch.equal(0.5 * a, b) for a, b in zip(seen[1.0], seen[0.5], strict=True))


def test_two_pictures_of_the_batch_tab_with_count_2_make_two_sequences_each(fake, monkeypatch, picture):
    from modules import shared

    pictures = [as_base64(picture), as_base64(picture.transpose(0))]
    p = fake.processing("img2img", init_images=[pictures[0]], n_iter=2)
    made = []
    for number, text in enumerate(pictures, start=1):
        monkeypatch.setattr(shared.state, "job", f"{number} out of 2")
        p.init_images = fake.processing("img2img", init_images=[text]).init_images
        made.append(fake.sequence.run(p, QUIET))
    assert [len(processed.images) for processed in made] == [2 * 4, 2 * 4]
    assert p.n_iter == 2 and p.batch_size == 1


def test_the_folder_of_a_picture_of_the_batch_tab_has_its_name(fake, monkeypatch, picture, tmp_path):
    from modules import shared

    monkeypatch.setattr(shared.state, "job", "2 out of 3")
    body = dict(init_images=[as_base64(picture)], outpath_samples=str(tmp_path))
    sequence(fake, QUIET, "img2img", **body)
    named = {"samples_filename_pattern": "beach-[generation_number]"}
    monkeypatch.setattr(shared.state, "job", "3 out of 3")
    sequence(fake, QUIET, "img2img", **body, override_settings=named)
    assert {path.name for path in (tmp_path / "itermix-sequences").iterdir()} == {"picture-2", "beach"}


@pytest.mark.parametrize("cells", [2, 1])
def test_the_cells_of_a_plot_are_no_pictures_of_the_batch_tab(fake, monkeypatch, picture, tmp_path, cells):
    """It counts them in the same words; the last one lay in a folder of its own."""
    from modules import shared

    from itermix.sequence.settings import SequenceSettings
    from itermix.webui.sequence import request

    monkeypatch.setattr(shared.state, "job", f"{3 - cells} out of 2")
    p = fake.processing("img2img", init_images=[as_base64(picture)], outpath_samples=str(tmp_path))
    made = request.run(p, SequenceSettings(frames=3, video_format="gif"), cells=cells)
    assert made.frames == 3
    assert [path.name for path in (tmp_path / "itermix-sequences").iterdir() if path.is_dir()] == ["00000"]


def test_resumed_in_the_batch_tab_finished_pictures_are_left_out_and_new_ones_are_begun(
    fake, monkeypatch, picture, tmp_path
):
    from modules import shared

    def run(number, **more):
        monkeypatch.setattr(shared.state, "job", f"{number} out of 3")
        body = dict(init_images=[as_base64(picture)], outpath_samples=str(tmp_path))
        return sequence(fake, {**QUIET, **more}, "img2img", **body)

    run(1)
    monkeypatch.setattr(fake, "others", [StopBefore(2)])
    run(2)
    monkeypatch.setattr(fake, "others", [])
    shared.state.stopping_generation = False  # as the host begins a run
    made = [run(number, resume=True) for number in (1, 2, 3)]
    whole = sequence(fake, QUIET, "img2img", init_images=[as_base64(picture)])
    assert [len(one.pictures) for one in made] == [0, 1, len(whole.pictures)]
    assert not any("refused" in key for one in made for key in one.info["extra_generation_params"])
    assert "frames of the last sequence are finished already" in str(made[0].info["extra_generation_params"])
    assert all(largest_difference(one.pictures[-1], whole.pictures[-1]) <= 2 for one in made[1:])  # encoded anew


@pytest.mark.parametrize("is_masked", [False, True])
def test_img2img_is_resumed_from_the_latent_that_it_began_with(fake, monkeypatch, picture, tmp_path, is_masked):
    """The encoder draws noise, so that the same picture gives another latent."""
    own, other = as_base64(picture), as_base64(picture.transpose(0))
    mask = {"mask": as_base64(Image.new("L", (32, 64), 255).crop((0, 0, 64, 64)))} if is_masked else {}
    settings = {**QUIET, "mixing_reference": "init image"}

    def run(source=None, fault=None, text=own, **more):
        torch.manual_seed(source)
        monkeypatch.setattr(fake, "others", [fault] if fault else [])
        body = dict(init_images=[text], outpath_samples=str(tmp_path), mixing={"enabled": True}, **mask)
        return sequence(fake, {**settings, **more}, "img2img", **body)

    from modules import shared

    whole = frames_of(run(1))
    run(1, StopBefore(2))
    shared.state.stopping_generation = False  # as the host begins a run
    assert "of another sequence" in str(run(2, text=other, resume=True).info["extra_generation_params"])
    (rest,) = run(2, resume=True).pictures[:1]
    assert np.array_equal(rest, whole[2])


class InPlace(Extension):
    """Changes what a pass starts from where it lies; notes what the sequence then takes for its init latent."""

    def __init__(self):
        self.inits = []

    def process_before_every_sampling(self, p, x, **more):
        from itermix.webui import run_state

        x.zero_()
        self.inits.append(run_state.of(p).sequence.host.init.clone())


def test_the_init_latent_is_what_the_encoder_made_whatever_a_script_does_to_a_pass(fake, monkeypatch, picture):
    script = InPlace()
    monkeypatch.setattr(fake, "others", [script])
    sequence(fake, QUIET, "img2img", init_images=[as_base64(picture)])
    assert len(script.inits) == 3 and all(bool(init.any()) for init in script.inits)


def test_a_picture_in_other_colours_of_its_palette_is_another(fake):
    from itermix.webui.sequence.identity import _begins_with

    grey = Image.linear_gradient("L").convert("P")
    other = grey.copy()
    other.putpalette(list(reversed(grey.getpalette())))
    first, second = (_begins_with(SimpleNamespace(init_images=[one])) for one in (grey, other))
    assert first != second and first == _begins_with(SimpleNamespace(init_images=[grey.copy()]))


DECIDING = {
    "noise source": dict(options={"randn_source": "CPU"}),
    "sigma churn": dict(options={"s_churn": 2.0, "s_tmin": 0.0, "s_tmax": 0.0, "s_noise": 1.0}),
    "clip skip": dict(options={"CLIP_stop_at_last_layers": 2}),
    "VAE": dict(options={"sd_vae": "other.safetensors"}),
    "tiling": dict(body={"tiling": True}),
    "eta": dict(body={"eta": 0.5}),
    "styles": dict(body={"styles": ["oil"]}),
    "variation": dict(body={"subseed": 3, "subseed_strength": 0.1}),
    "cfg": dict(body={"cfg_scale": 6.0}),
    "alphas": dict(options={"use_downcasted_alpha_bar": True}),
    "decoder": dict(options={"sd_vae_decode_method": "TAESD"}),
    "steps of img2img": dict(options={"img2img_fix_steps": True}),
    "what only the host knows of": dict(options={"new_in_this_host": 2}),
}


@pytest.mark.parametrize("what", [*DECIDING, "nothing", "upload"])
def test_a_sequence_is_resumed_only_where_all_that_decides_is_the_same(fake, monkeypatch, picture, what, tmp_path):
    from modules import shared

    change = DECIDING.get(what, {})
    upload = {"enabled": True, "reference_image": as_base64(picture)}
    body = dict(outpath_samples=str(tmp_path), mixing=upload)
    labels = {"new_in_this_host": SimpleNamespace(infotext="New"), "the_pages": SimpleNamespace(infotext=None)}
    monkeypatch.setattr(shared.opts, "data_labels", labels, raising=False)
    monkeypatch.setattr(fake, "others", [StopBefore(2)])
    sequence(fake, QUIET, **body)
    restarted()
    monkeypatch.setattr(fake, "others", [])
    for name, chosen in change.get("options", {}).items():
        monkeypatch.setattr(shared.opts, name, chosen, raising=False)
    if what == "upload":
        body["mixing"] = {**upload, "reference_image": as_base64(picture.transpose(0))}
    made = sequence(fake, {**QUIET, "resume": True}, **{**body, **change.get("body", {})})
    refused = made.info["extra_generation_params"].get("Latent Sequence refused", "")
    assert ("of another sequence" in refused) == (what != "nothing")
    assert len(made.pictures) == 1


def test_what_went_wrong_is_in_the_answer(fake, monkeypatch):
    from itermix.webui.sequence.host import WebUIHost

    kept = WebUIHost._later

    def broken(host, job, *args):
        if job.frame.index == 2:
            raise RuntimeError("CUDA out of memory")
        return kept(host, job, *args)

    monkeypatch.setattr(WebUIHost, "_later", broken)
    made = sequence(fake, {**QUIET, "frames": 4})
    assert len(frames_of(made)) == 2
    messages = made.info["extra_generation_params"]["Latent Sequence messages"]
    assert messages == ["stopped by RuntimeError: CUDA out of memory"]
    monkeypatch.undo()
    assert "Latent Sequence messages" not in sequence(fake, QUIET).info["extra_generation_params"]


def test_a_folder_that_cannot_be_made_is_in_the_answer(fake, tmp_path):
    (tmp_path / "itermix-sequences").write_text("a file in its place")
    made = sequence(
        fake, QUIET, outpath_samples=str(tmp_path), save_images=True, override_settings={"samples_save": True}
    )
    message = made.info["extra_generation_params"]["Latent Sequence messages"][0]
    assert "not kept on the disk" in message and str(tmp_path) in message and len(frames_of(made)) == 3


REFUSED = "Latent Sequence refused"


@pytest.mark.parametrize("args, message", [
    ([{"frames": 0}], "frames: 0 is not allowed"),
    ([{"loops": 4}], "'loops' is not a setting"),
    ([{**QUIET, "return_video": "maybe"}], "return_video: 'maybe' is not allowed"),
    ([QUIET, 5, 6], "5 is not allowed behind the object of settings"),
    ([3, *["x"] * 60], "61 values are not allowed, up to 'x'"),
    ([{"frames": 2, "prompts": "0: a\n9: b"}], "the last of 2 frames is 1"),
])  # fmt: skip
def test_bad_settings_are_answered_as_those_of_iterative_mixing_are(fake, args, message):
    plain = fake.generate()
    made = fake.generate(script_name="latent sequence", script_args=args)
    assert made.same_as(plain)
    assert message in made.info["extra_generation_params"][REFUSED]
    assert any(message in line for line in made.log)
    assert any(message in comment for comment in fake.p.comments)
    assert f"{REFUSED}: " in made.infotexts[0] and "Latent Sequence: " not in made.infotexts[0]
    assert REFUSED not in fake.generate().infotexts[0]


SAVED = dict(save_images=True, override_settings={"samples_save": True})


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def saved(fake, tmp_path, settings=None, **body):
    """What a sequence leaves in the folder of pictures, without the state that it could be resumed from."""
    body = {"outpath_samples": str(tmp_path), **SAVED, **body}
    made = sequence(fake, {**QUIET, **(settings or {})}, **body)
    return made, [name for name in files_in(tmp_path) if not name.endswith(".state")]


FRAMES = [f"itermix-sequences/00000/0000{index}" for index in range(3)]


def test_frames_are_saved_with_their_infotext_where_the_host_saves_pictures(fake, tmp_path):
    made, names = saved(fake, tmp_path)
    assert names == [f"{frame}.png" for frame in FRAMES]
    opened = [Image.open(tmp_path / name) for name in names]
    assert same([np.array(picture) for picture in opened], frames_of(made))
    assert [picture.info["parameters"] for picture in opened] == texts_of(made)


@pytest.mark.parametrize("body", [
    {"override_settings": {"samples_save": False}}, {"save_images": False},
])  # fmt: skip
def test_no_frame_is_saved_where_the_host_saves_no_picture(fake, tmp_path, body):
    wanted, _ = saved(fake, tmp_path / "saved")
    made, names = saved(fake, tmp_path / "unsaved", **body)
    assert names == [] and same(made.pictures, wanted.pictures)
    _, names = saved(fake, tmp_path / "film", {"video_format": "webp"}, **body)
    assert names == ["itermix-sequences/00000/sequence-0.webp"]  # it is asked for by the sequence itself
    with Image.open(tmp_path / "film" / names[0]) as film:
        assert film.n_frames == 3


def test_frames_that_are_not_saved_lie_in_a_temporary_folder_as_long_as_their_pictures(fake, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    p = fake.processing()
    processed = fake.sequence.run(p, QUIET)
    assert len(files_in(tmp_path)) == 3 and not hasattr(processed.images[1], "already_saved_as")
    assert [picture.size for picture in processed.images[1:]] == [(64, 64)] * 3
    del processed
    gc.collect()
    assert files_in(tmp_path) == []


def test_the_hosts_own_folder_of_temporary_pictures_is_taken(fake, monkeypatch, tmp_path):
    from modules import shared

    of_system, of_host, of_request = (tmp_path / name for name in ("system", "host", "request"))
    of_system.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(of_system))
    monkeypatch.setattr(shared.opts, "temp_dir", str(of_host), raising=False)
    p = fake.processing(override_settings={"temp_dir": str(of_request)})
    processed = fake.sequence.run(p, QUIET)
    assert len(files_in(of_host)) == 3 and not files_in(of_system) and not of_request.exists()
    del processed
    gc.collect()
    assert list(of_host.iterdir()) == []


def test_metadata_are_written_only_where_the_host_writes_them(fake, monkeypatch, tmp_path):
    from modules import shared

    options = {"samples_save": True, "enable_pnginfo": False, "grid_save": True}
    for name, chosen in options.items():
        monkeypatch.setattr(shared.opts, name, chosen)
    _, names = saved(fake, tmp_path, {"video_format": "webp"}, override_settings=options,
                     outpath_grids=str(tmp_path / "grids"))  # fmt: skip
    for name in names:
        with Image.open(tmp_path / name) as picture:
            assert "parameters" not in picture.info and not picture.getexif().get_ifd(0x8769)
    assert len(names) == 5


@pytest.mark.parametrize("form, quality", [("jpg", 95), ("jpg", 20), ("webp", 80)])
def test_frames_have_the_hosts_format_and_quality(fake, tmp_path, form, quality):
    options = {"samples_save": True, "samples_format": form, "jpeg_quality": quality}
    made, names = saved(fake, tmp_path, {"video_format": "gif"}, override_settings=options)
    assert names == [*(f"{frame}.{form}" for frame in FRAMES), "itermix-sequences/00000/sequence-0.gif"]
    buffer = io.BytesIO()
    plain = sequence(fake, QUIET)
    Image.fromarray(frames_of(plain)[2]).save(buffer, format={"jpg": "JPEG"}.get(form, form), quality=quality)
    assert np.array_equal(np.array(Image.open(tmp_path / names[2])), np.array(Image.open(buffer)))
    assert np.array_equal(frames_of(made)[2], np.array(Image.open(buffer)))


@pytest.mark.parametrize("save, images", [(True, True), (False, True), (True, False)])
def test_the_grid_is_saved_where_the_host_saves_grids(fake, monkeypatch, tmp_path, save, images):
    from modules import shared

    monkeypatch.setattr(shared.opts, "grid_save", save)
    made, _ = saved(fake, tmp_path / "samples", save_images=images, outpath_grids=str(tmp_path / "grids"))
    grids = files_in(tmp_path / "grids")
    assert grids == (["grid-0000.png"] if save and images else [])
    for name in grids:
        with Image.open(tmp_path / "grids" / name) as grid:
            assert np.array_equal(np.array(grid), made.pictures[0]) and grid.info["parameters"] == made.infotexts[0]


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("script", [{}, {"script": True}], ids=["plain", "sequence"])
def test_the_grid_is_saved_by_the_options_of_the_request_as_the_hosts_own_is(
    fake, monkeypatch, tmp_path, metadata, script
):
    from modules import shared

    monkeypatch.setattr(shared.opts, "enable_pnginfo", not metadata)
    options = {"grid_save": True, "grid_format": "webp", "grid_extended_filename": True, "enable_pnginfo": metadata}
    body = dict(save_images=True, override_settings=options, outpath_grids=str(tmp_path))
    made = sequence(fake, QUIET, **body) if script else fake.generate(n_iter=3, **body)
    (name,) = files_in(tmp_path)
    assert name == "grid-0000-1.webp"
    with Image.open(tmp_path / name) as grid:
        comment = grid.getexif().get_ifd(0x8769).get(0x9286, b"")
    assert comment == (b"UNICODE\0" + made.infotexts[0].encode("utf-16-be") if metadata else b"")


def test_a_fault_while_a_sequence_is_finished_is_the_requests(fake, monkeypatch):
    """The always-on script's own would be logged, and the host go on with pictures that are no frames."""
    from itermix.webui.sequence.results import Results

    def broken(results, processed):
        raise MemoryError("no room")

    monkeypatch.setattr(Results, "_pick", broken)
    with pytest.raises(MemoryError):
        sequence(fake, QUIET)


@pytest.mark.parametrize("form", ["png", "jpg"])
def test_the_hosts_copies_of_large_frames_are_not_in_the_film(fake, monkeypatch, tmp_path, form):
    """By default it saves one as .jpg beside each file of more than 4 MB, smaller where the picture is very large."""
    from modules import images, shared

    own = images.save_image

    def with_copy(picture, *args, **more):
        path, text = own(picture, *args, **more)
        picture.resize((32, 32)).save(Path(path).with_suffix(".jpg")) if form == "png" else None
        return path, text

    monkeypatch.setattr(images, "save_image", with_copy)
    monkeypatch.setattr(shared.opts, "samples_format", form)
    _, names = saved(fake, tmp_path, {"video_format": "webp"})
    assert [name for name in names if name.startswith(FRAMES[1])] == [
        f"{FRAMES[1]}.{end}" for end in sorted({"jpg", form})
    ]
    with Image.open(tmp_path / names[-1]) as film:
        assert film.n_frames == 3 and film.size == (64, 64)


def test_a_resumed_sequence_goes_on_in_its_folder_to_a_film_of_all_frames(fake, monkeypatch, tmp_path):
    monkeypatch.setattr(fake, "others", [StopBefore(2)])
    saved(fake, tmp_path, {"video_format": "webp"})
    restarted()
    monkeypatch.setattr(fake, "others", [])
    _, names = saved(fake, tmp_path, {"video_format": "webp", "resume": True})
    assert names == [*(f"{frame}.png" for frame in FRAMES), "itermix-sequences/00000/sequence-0.webp"]
    with Image.open(tmp_path / names[-1]) as film:
        assert film.n_frames == 3


@pytest.mark.parametrize("form", ["tiff", "bmp"])
def test_frames_of_every_format_that_the_host_saves_become_a_film(fake, tmp_path, form):
    """jxl and heif of Classic and Forge Neo come by a package that is not everywhere."""
    options = {"samples_save": True, "samples_format": form}
    _, names = saved(fake, tmp_path, {"video_format": "webp"}, override_settings=options)
    assert names == [
        *(f"itermix-sequences/00000/{n:05}.{form}" for n in range(3)),
        "itermix-sequences/00000/sequence-0.webp",
    ]
    with Image.open(tmp_path / names[-1]) as film:
        assert film.n_frames == 3


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="nothing here says which files are open")
@pytest.mark.parametrize("form", ["webp", "gif"])
def test_a_film_in_the_gallery_is_no_open_file(fake, tmp_path, form):
    """On Windows a resumed sequence could not write it again."""
    from itermix.webui.sequence.results import Results

    film = tmp_path / f"sequence-0.{form}"
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pictures[0].save(film, save_all=True, append_images=pictures[1:])
    processed = SimpleNamespace(images=[], infotexts=["text"], extra_generation_params={}, comments="")
    Results(SimpleNamespace(), None, 2, None, [])._hand_out(processed, [film])
    opened = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")
              if os.path.islink(f"/proc/self/fd/{number}")]  # fmt: skip
    assert str(film) not in opened
    (shown,) = processed.images
    assert (shown.n_frames, shown.size, shown.already_saved_as) == (2, (8, 8), str(film))
    assert shown.convert("RGB").getpixel((4, 4))[0] > 200
