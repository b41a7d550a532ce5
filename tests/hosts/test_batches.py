"""Batches on the models that a host loads, and films, which the host counts as a batch though they are one latent."""

from __future__ import annotations

import shutil

import pytest

from tests.hosts.of_models import load, model, models  # noqa: F401
from tests.hosts.test_models import HIRES
from tests.hosts.test_sequence import frames_of
from tools.real_host import largest_difference

pytestmark = pytest.mark.real_host

PLAN = {"frames": 3, "prompts": "0: a cat\n2: a dog", "mixing_reference": "previous frame", "video_format": "none"}
BODY = dict(mixing={"enabled": True}, script_name="latent sequence", steps=3, cfg_scale=1, seed=5)
OF_A_BATCHES_ARITHMETIC = 4  # of 255, after three frames


def frames(host, plan=PLAN, **body):
    made = host.generate(script_args=[plan], **{**BODY, **body})
    assert made.log[-1].startswith(f"Latent Sequence: {plan['frames']} of {plan['frames']} frames"), made.log
    return made


def seed_of(text):
    return int(text.split("Seed: ")[1].split(",")[0])


def test_a_picture_of_a_batch_travels_as_it_does_alone(host, model):  # noqa: F811
    if model == "wan":
        pytest.skip("the batch size of Wan is its number of frames")
    both, alone = frames(host, batch_size=2), frames(host, seed=6)
    assert [seed_of(text) for text in both.infotexts[-6:]] == [5, 6, 6, 7, 7, 8]
    for one, other in zip(frames_of(both)[1::2], frames_of(alone)):
        assert largest_difference(one, other) <= OF_A_BATCHES_ARITHMETIC


@pytest.mark.parametrize("asked, made", [(3, 1), (6, 5)])
def test_of_a_film_the_host_makes_fewer_pictures_than_are_asked_for(host, models, asked, made):  # noqa: F811
    """Wan makes 4 n + 1: every frame of the sequence has its own seed and prompt all the same."""
    if "wan" not in models:
        pytest.skip("the host has no Wan")
    if made > 1 and shutil.which("ffmpeg") is None:
        pytest.skip("Forge Neo writes videos with ffmpeg")
    load(host, models, "wan")
    plan = {**PLAN, "travel": "off"}
    one, other = frames(host, plan, batch_size=asked), frames(host, plan, batch_size=made)
    pictures = plan["frames"] * made
    assert len(frames_of(one)) == pictures and one.same_as(other)
    first = [seed_of(text) for text in one.infotexts[-pictures::made]]
    assert first == [5, 6, 7] and one.infotexts[-1].startswith("a dog")


@pytest.mark.parametrize("source", ["latent", "pixel", "both"])
def test_each_picture_of_a_batch_is_enlarged_where_the_encoder_takes_the_first_alone(host, models, source):  # noqa: F811
    """Qwen-Image, whose hires pass by the host alone makes all pictures of a batch from the first."""
    if "qwen" not in models:
        pytest.skip("the host has no Qwen-Image")
    load(host, models, "qwen")
    mixing = {"enabled": True, "hires_reference": source}
    both = host.generate(mixing=mixing, seed=7, batch_size=2, **HIRES)
    assert f"upscaled first pass, {source}, mixed" in both.log[-1], both.log
    for seed, picture in zip((7, 8), both.pictures[-2:]):
        alone = host.generate(mixing=mixing, seed=seed, **HIRES)
        assert largest_difference(picture, alone.pictures[0]) <= OF_A_BATCHES_ARITHMETIC, seed


CHANGES = {
    "inject_noise": True, "close_loop": True, "colour_anchor": 0.5, "latent_interpolation": "slerp", "unsample": True,
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_the_frames_of_a_sequence_changes_films_too(host, models, name):  # noqa: F811
    if "wan" not in models or shutil.which("ffmpeg") is None:
        pytest.skip("the host makes no films")
    load(host, models, "wan")
    plan = {**PLAN, "frames": 4}
    plain, changed = frames(host, plan, batch_size=5), frames(host, {**plan, name: CHANGES[name]}, batch_size=5)
    assert len(frames_of(changed)) == 4 * 5 and not changed.same_as(plain)
