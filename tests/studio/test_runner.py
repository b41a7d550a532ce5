"""What a run in the background says, and when."""

from __future__ import annotations

import pytest

pytest.importorskip("diffusers")

import torch

from itermix.mixing.settings import MixingSettings
from itermix.studio import runner
from itermix.studio.errors import Cancelled
from itermix.studio.pictures import picture_of
from itermix.studio.pipeline import Studio
from itermix.studio.request import Request
from itermix.studio.runner import BackgroundRun, Compared, Finished, Step, without_mixing
from itermix.studio.source import Source


@pytest.fixture(scope="module")
def studio(folders):
    return Studio.open(folders / "sd15")


@pytest.fixture
def asked(studio):
    mixing = MixingSettings(enabled=True)
    return studio.network.resolved(
        Request(prompt="a", width=64, height=64, steps=2, seed=5, count=2, hires=2.0, mixing=mixing)
    )


def events_of(run):
    """The events without previews; steps as "first pass", "hires pass" or "to compare"."""
    names = []
    for event in run:
        if isinstance(event, Step):
            name = "to compare" if event.is_comparison else event.name
            if names[-1:] != [name]:
                names.append(name)
        elif isinstance(event, (Finished, Compared)):
            names.append(event)
    return names


def test_a_picture_is_there_before_the_one_to_compare_is_begun(studio, asked):
    found = events_of(BackgroundRun(studio, asked, Source(), "tiny", compares=True))
    kinds = [event if isinstance(event, str) else type(event).__name__ for event in found]
    assert kinds == ["first pass", "hires pass", "Finished", "to compare", "Compared"] * 2
    finished = [event for event in found if isinstance(event, Finished)]
    compared = [event for event in found if isinstance(event, Compared)]
    assert [event.result.seed for event in finished] == [5, 6]
    for done, other in zip(finished, compared):
        plain = without_mixing(studio, asked, Source(), done.result, lambda *_: None, lambda: False)
        assert other.label == "without mixing"
        assert other.picture.tobytes() == plain.tobytes() != done.result.picture.tobytes()


def test_a_run_given_up_while_it_compares_has_its_picture(studio, asked, monkeypatch):
    run = BackgroundRun(studio, asked, Source(), "tiny", compares=True)

    def given_up(*_):
        run.cancel()
        raise Cancelled

    monkeypatch.setattr(runner, "without_mixing", given_up)
    found = events_of(run)
    assert found[:2] == ["first pass", "hires pass"] and isinstance(found[2], Finished) and len(found) == 3
    assert run.was_cancelled


def test_without_a_comparison_the_first_pass_stands_beside_it(studio, asked):
    found = events_of(BackgroundRun(studio, asked, Source(), "tiny", compares=False))
    compared = [event for event in found if isinstance(event, Compared)]
    native = next(event.result.native for event in found if isinstance(event, Finished))
    first = picture_of(studio.network.decode(native)).resize((128, 128), resample=1)
    assert torch.is_tensor(native) and compared[0].label == "first pass, enlarged"
    assert compared[0].picture.tobytes() == first.tobytes()
