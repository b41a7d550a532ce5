"""The small model's benchmark measures what it says it does."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

pytest.importorskip("diffusers")
pytest.importorskip("resvg_py")

from benchmarks import recognition, small_model  # noqa: E402
from itermix.studio.pipeline import Studio  # noqa: E402
from itermix.studio.request import AUTOMATIC  # noqa: E402
from tools.small_model.artwork import BACKGROUNDS, SUBJECTS, Artwork  # noqa: E402
from tools.small_model.renders import Renders  # noqa: E402


@pytest.fixture(scope="module")
def artwork(tmp_path_factory):
    """A bar for each subject, as high as its number."""
    folder = tmp_path_factory.mktemp("package")
    icons = {
        name: {"body": f'<rect x="4" y="4" width="20" height="{1 + number}" fill="#40a0ff"/>'}
        for number, name in enumerate(SUBJECTS.values())
    }
    (folder / "icons.json").write_text(json.dumps({"icons": icons}), encoding="utf-8")
    return Artwork(folder)


class Shifted:
    """A VAE that makes everything brighter by so much."""

    def __init__(self, by):
        self.by = by

    def encode(self, picture):
        return picture

    def decode(self, latent):
        return latent + self.by


@pytest.mark.parametrize("by, expected", [(0.1, 20.0), (0.01, 40.0)])
def test_a_brighter_picture_has_its_psnr_and_all_of_its_power(artwork, by, expected):
    found = small_model.vae(Shifted(by), artwork, (64, 128), 3)
    assert list(found) == ["64", "128"]
    for figures in found.values():
        assert figures["psnr"] == pytest.approx(expected, abs=0.01)
        assert figures["power"] == pytest.approx(1.0, abs=1e-4)


def test_prompts_name_every_subject_alike_and_no_pair_twice():
    drawn = small_model.cases(48, 2)
    assert drawn == small_model.cases(48, 2) and len(set(drawn)) == len(drawn) == 96
    subjects = [case.subject for case in drawn]
    assert all(subjects.count(name) == 4 for name in SUBJECTS)


@pytest.mark.parametrize("name", list(BACKGROUNDS))
def test_a_background_is_named_by_its_edge(name):
    picture = (torch.tensor(BACKGROUNDS[name]) / 255.0 + 0.03)[:, None, None].repeat(1, 32, 32)
    picture[:, 8:24, 8:24] = 0.5
    assert small_model.background(picture) == name


def test_real_pictures_are_no_further_from_real_ones_than_the_floor_says(artwork):
    drawn = small_model.cases(6, 1)
    pictures = small_model.real_pictures(artwork, drawn, 1, "others")
    recogniser = lambda given: [case.subject for case in drawn]  # noqa: E731
    found = small_model.judged(pictures, drawn, recogniser, Shifted(0.0), artwork)
    assert found["distance"] == pytest.approx(found["floor"]) and found["recognised"] == found["background"] == 1.0
    worse = small_model.judged(pictures.flip(2) * 0.5, drawn, recogniser, Shifted(0.0), artwork)
    assert worse["distance"] > 1.5 * found["floor"] and worse["background"] < 1.0


def test_direct_pictures_fail_where_they_show_two_things_or_another_thing(artwork, monkeypatch):
    drawn = small_model.cases(4, 1)
    real = {case: small_model.real_pictures(artwork, [case], 1, "others") for case in drawn}
    twice = real[drawn[0]].clone()
    twice[..., -40:, -30:] = 1.0 - twice[..., :1, :1]  # a second thing in the corner
    shown = {**real, drawn[0]: twice}
    monkeypatch.setattr(small_model, "asked", lambda studio, case, side: shown[case])
    monkeypatch.setattr(small_model, "LARGE", 1)
    names = iter([case.subject for case in drawn[:3]] + ["nothing of it"])
    assert small_model.direct_fails(SimpleNamespace(), drawn, lambda picture: [next(names)], artwork) == 0.5


def test_half_of_what_the_classifier_learns_from_is_broken(artwork, tmp_path):
    renders = Renders(artwork, tmp_path, 128, 1)
    pictures, goals = recognition.drawn(renders, random.Random(0), 8)
    assert pictures.shape == (8, 3, 64, 64)
    assert [recognition.NAMES[goal] == recognition.BROKEN for goal in goals] == [False, True] * 4
    assert recognition.build().eval()(pictures).shape == (8, len(SUBJECTS) + 1)


def test_a_broken_picture_has_its_parts_elsewhere():
    picture = torch.arange(64.0).view(1, 8, 8).expand(3, 8, 8)
    for seed in range(20):
        made = recognition.broken(picture, -picture, random.Random(seed))
        assert made.shape == picture.shape and not torch.equal(made, picture)


def test_a_picture_is_asked_for_with_the_models_own_sampler_and_guidance():
    """A guidance of 0, as a request leaves it open, would draw the negative prompt."""
    network = Studio.open(device="cpu").network
    asked = []
    drawn = SimpleNamespace(picture=Image.new("RGB", (128, 128)))
    studio = SimpleNamespace(network=network, text_to_image=lambda request: asked.append(request) or [drawn])
    (case,) = small_model.cases(1, 1)
    assert small_model.asked(studio, case, 128).shape == (1, 3, 128, 128)
    assert asked[0].prompt == case.prompt and asked[0].guidance == network.guidance > 1.0
    assert asked[0].sampler == network.sampler != AUTOMATIC
