"""Every setting is everywhere: page, API, picture, X/Y/Z plot, languages, docs/settings.md."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.upscale.settings import UpscaleSettings
from tools import localize
from tools.document import marks

ROOT = Path(__file__).parents[1]
MODELS = {"mixing": MixingSettings, "upscale": UpscaleSettings, "sequence": SequenceSettings}
TABLES = {"mixing": "controls", "upscale": "upscale controls", "sequence": "sequence controls"}
# What is missing on purpose, and why. Nothing else may be.
NOT_PASTED = {"reference_image", "mask_image"}  # a picture does not hold another one
NOT_WRITTEN = {"enabled", "reference_image", "mask_image", "resume"}  # the key says it; as above; it is of one run
WITHOUT_AXIS = {"reference_image", "mask_image", "resume"}  # a picture has no text; a plot goes on with no old sequence
OTHER = {
    "switch": lambda field: not field.default,
    "text": lambda field: "0: (1)" if field.name.endswith("_schedule") else "0: x",
    "image": lambda field: "aGVsbG8=",
}
FIELDS = [
    pytest.param(part, field, id=f"{part}-{field.name}") for part, model in MODELS.items() for field in model.fields()
]


@pytest.fixture(scope="module")
def shown():
    command = [sys.executable, "-W", "ignore", "-m", "tests.surfaces"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def another_value(field):
    if field.kind in OTHER:
        return OTHER[field.kind](field)
    if field.kind == "choice":
        return next(choice for choice in field.choices if choice != field.default)
    between = (3 * field.minimum + field.maximum) / 4  # at an end start and stop would meet
    return int(between) if field.kind == "integer" else between


def documented(part):
    begin, end = marks(TABLES[part])
    return (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]


def shown_as(field, title):
    """The label on the page: the switch of a script is an accordion with the script's name."""
    return title if field.name == "enabled" else field.label


@pytest.mark.parametrize("part, field", FIELDS)
def test_a_field_is_on_every_surface(shown, part, field):
    model = MODELS[part]
    names = [field.name for field in model.fields()]
    label = shown_as(field, model.title)
    assert shown["page"][part][names.index(field.name)] == label, "page, and the order of the API's arguments"
    assert (label in shown["pasted"][part]) == (field.name not in NOT_PASTED), "paste-back"
    assert shown["schema"][part]["properties"][field.name]["title"] == field.label, "API schema"
    axis = f"[{model.title}] {field.axis or field.label}"
    assert shown["axes"].count(axis) == (field.name not in WITHOUT_AXIS), "X/Y/Z plot"
    changed = model.from_dict({**model.defaults(), field.name: another_value(field)})
    assert (field.name in json.loads(changed.to_infotext())) == (field.name not in NOT_WRITTEN), "infotext"
    assert f"| {field.label} | `{field.name}` |" in documented(part), "docs/settings.md: run python -m tools.document"
    for language in (localize.REFERENCE, *localize.LANGUAGES):
        wanted = {field.label, field.help, *field.choices} - localize.NAMES - localize.OF_THE_HOST
        assert not wanted - set(localize.read(language)), f"{language}: run python -m tools.localize"


def test_no_surface_shows_more_than_the_fields(shown):
    for part, model in MODELS.items():
        assert len(shown["page"][part]) == len(model.fields())
        assert len(shown["pasted"][part]) == len(model.fields()) - len({f.name for f in model.fields()} & NOT_PASTED)
        assert set(shown["schema"][part]["properties"]) == {field.name for field in model.fields()} | {"preset"}
    names = [field.name for model in MODELS.values() for field in model.fields()]
    assert len(shown["axes"]) == len(names) - len(WITHOUT_AXIS)
    assert shown["axes"][0] == "[Iterative Mixing] alpha_1"
