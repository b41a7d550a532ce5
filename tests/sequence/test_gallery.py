"""The example sequences that come with itermix: each is whole, and does what its name says."""

import pytest

from itermix.sequence import gallery
from itermix.sequence.plan import overview, plan
from itermix.studio.request import Request


def test_every_file_is_an_example_and_every_example_a_file():
    assert sorted(path.stem for path in gallery.FOLDER.glob("*.json")) == sorted(gallery.NAMES)


@pytest.mark.parametrize("name", gallery.NAMES)
def test_an_example_has_a_film_and_prompts_of_its_own_and_every_option_has_a_use(name):
    example = gallery.example(name)
    frames = plan(example.settings, 0, "the page's own prompt")
    assert example.settings.video_format != "none"
    assert not [frame for frame in frames if "own prompt" in str(frame.positive)]
    assert not [line for line in overview(example.settings)["messages"] if "no use" in line]
    assert Request.from_dict({"prompt": "", **example.request})


def test_each_example_shows_what_it_is_named_for():
    of = {name: gallery.example(name).settings for name in gallery.NAMES}
    frames = {name: plan(settings, 0) for name, settings in of.items()}
    assert of["loop"].close_loop and len({frame.positive.goal for frame in frames["loop"]}) == 3
    assert frames["zoom"][-1].move.zoom > 1.0 and frames["zoom"][-1].move.rotation
    assert len({frame.seed for frame in frames["seed-walk"]}) == of["seed-walk"].frames
    assert all(frame.unsample_steps is not None for frame in frames["unsample"][1:])
    assert of["mixing"].mixing_reference == "first frame"
    assert gallery.example("mixing").request["mixing"]["enabled"]
    assert any(0.0 < frame.positive.weight < 1.0 for frame in frames["morph"])


def test_a_file_of_the_users_goes_before_an_example_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert gallery.named("morph").name == "morph"
    assert gallery.named("morph.json") is gallery.named(None) is None
    (tmp_path / "morph").write_text("{}")
    assert gallery.named("morph") is None
