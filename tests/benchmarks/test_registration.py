"""A composition of known place, scale, side and colour is found again in its picture."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("resvg_py")

from benchmarks.registration import Registration, edge_colour, nearest  # noqa: E402
from itermix.studio.pictures import tensor_of  # noqa: E402
from itermix.studio.pipeline import Studio  # noqa: E402
from tools.small_model.artwork import BACKGROUNDS, NATIVE, SUBJECTS, Artwork, composition  # noqa: E402

PLACE, SCALE, COLOUR = 0.25, 0.005, 1  # of a pixel; of the scale; of 255
VAES_SCALE, VAES_COLOUR = 0.01, 5  # what a VAE of 28 dB itself changes outlines and plain grounds by, at most
BODIES = (  # of no side's symmetry, none with a background's colour
    '<path d="M6 28L11 4L26 14L20 28Z" fill="#2a9d8f"/><circle cx="13" cy="13" r="4" fill="#fff"/>',
    '<ellipse cx="15" cy="19" rx="12" ry="10" fill="#e9c46a"/><path d="M9 12L14 2L18 12Z" fill="#8c2f39"/>'
    '<rect x="18" y="16" width="5" height="3" fill="#222"/>',
    '<circle cx="16" cy="17" r="13" fill="#5e8c31"/><path d="M16 17L29 17A13 13 0 0 0 20 4Z" fill="#d4e09b"/>'
    '<circle cx="9" cy="20" r="2" fill="#401"/>',
)


@pytest.fixture(scope="module")
def artwork(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    icons = {name: {"body": BODIES[n % len(BODIES)]} for n, name in enumerate(SUBJECTS.values())}
    (folder / "icons.json").write_text(json.dumps({"icons": icons}), encoding="utf-8")
    return Artwork(folder)


@pytest.fixture(scope="module")
def registration(artwork):
    return Registration(artwork)


def compositions():
    draw = random.Random("registration")
    return [composition(draw, name) for name in list(SUBJECTS)[: 2 * len(BODIES)]]


def assert_found(found, made, scale=SCALE, colour=COLOUR):
    for ours, theirs in zip(found.corner, made.corner):
        assert abs(ours + found.scale / 2 - theirs - made.scale / 2) * NATIVE <= PLACE
    assert found.scale == pytest.approx(made.scale, rel=scale)
    assert found.is_flipped == made.is_flipped and found.background == made.background
    assert max(abs(a - b) for a, b in zip(found.colour, made.colour)) <= colour


@pytest.mark.parametrize("made", compositions(), ids=lambda made: f"{made.subject}, {made.background}")
def test_a_composition_is_found_again(made, artwork, registration):
    assert_found(registration(tensor_of(artwork.picture(made))[0], made.subject), made)


@pytest.mark.parametrize("made", compositions()[:3], ids=lambda made: f"{made.subject}, {made.background}")
def test_a_composition_is_found_again_through_the_vae(made, artwork, registration):
    network = Studio.open(device="cpu").network
    picture = network.decode(network.encode(tensor_of(artwork.picture(made))))
    assert_found(registration(picture[0], made.subject), made, VAES_SCALE, VAES_COLOUR)


def test_a_part_that_is_drawn_wrongly_does_not_pull(artwork, registration):
    made = compositions()[0]
    picture = tensor_of(artwork.picture(made))[0]
    picture[:, 50:66, 50:66] = torch.tensor([1.0, 0.0, 1.0])[:, None, None]
    assert_found(registration(picture, made.subject), made)


def test_the_background_may_have_another_colour_than_its_name(artwork, registration):
    made = compositions()[1]
    other = replace(made, colour=tuple(value + 6 for value in BACKGROUNDS[made.background]))
    assert_found(registration(tensor_of(artwork.picture(other))[0], made.subject), other)


@pytest.mark.parametrize("name", list(BACKGROUNDS))
def test_the_edges_colour_is_named_whatever_stands_before_it(name):
    picture = (torch.tensor(BACKGROUNDS[name]) / 255.0)[:, None, None].repeat(1, 32, 32)
    picture[:, 8:, 8:24] = 0.5
    assert nearest(edge_colour(picture)) == name
