"""Look inside at a film of Forge Neo's: one latent of several frames, which the host counts as a batch of pictures."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from itermix.mixing.mixer import mixer_for
from itermix.mixing.noising import Flow
from itermix.mixing.reference import Reference
from itermix.mixing.settings import MixingSettings
from itermix.webui import run_state
from itermix.webui.run_state import Outcome

FILM = (1, 16, 2, 8, 8)


@pytest.fixture
def of_neo(fake, monkeypatch):
    """A request for 5 pictures of a film. frames_saved: the host's option for them."""
    monkeypatch.setattr(sys.modules["modules.shared"].opts, "itermix_trace", 3, raising=False)

    def made(frames_saved):
        p = SimpleNamespace(seeds=[1, 2, 3, 4, 5], save_samples=lambda *, is_video=False: frames_saved or not is_video)
        run_state.change(p, outcome=Outcome())
        return p

    return made


def test_it_is_made_where_the_films_pictures_are_saved_and_else_the_log_says_why_not(fake, of_neo):
    from itermix.webui.mixing import trace

    assert trace.requested(of_neo(True), 4, torch.zeros(FILM)).count == 3
    assert trace.requested(of_neo(False), 4, torch.zeros(1, 16, 1, 8, 8)).count == 3  # a picture
    fake.lines.clear()
    assert trace.requested(of_neo(False), 4, torch.zeros(FILM)) is None
    assert ["no trace" in line for line in fake.lines] == [True]


def test_a_film_has_one_strip_whatever_its_pictures_are(fake, of_neo, monkeypatch):
    from modules import sd_vae_approx

    from itermix.webui.mixing import trace

    monkeypatch.setattr(sd_vae_approx, "cheap_approximation", lambda sample: sample[:, :3, 0])
    pytest.importorskip("PIL", minversion="10.1", reason="Pillow's own font")
    p, x = of_neo(True), torch.randn(FILM, generator=torch.Generator().manual_seed(0))
    looked = trace.requested(p, 4, x)
    mixer = mixer_for(MixingSettings(), Reference(x[:, :, :1]), x, [1], x, 4, Flow(), trace=looked)
    mixer.begin(x, 0, 0.9)
    fake.lines.clear()
    trace.keep(p, mixer, "first pass", "Euler")
    assert looked.images == 1 and fake.lines == []
    assert {image: list(strips) for image, strips in run_state.of(p).outcome.strips.items()} == {0: ["first pass"]}
