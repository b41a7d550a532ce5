"""The HTTP routes of a real host."""

from __future__ import annotations

import json
import math
import urllib.error
from urllib.parse import quote

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.sequence.plan import plan, table
from itermix.sequence.settings import SequenceSettings

pytestmark = pytest.mark.real_host


def test_the_schema_names_every_field_with_its_range(host):
    properties = host.get("/itermix/v1/schema")["mixing"]["properties"]
    assert set(properties) == {field.name for field in MixingSettings.fields()} | {"preset"}
    assert properties["alpha_1"]["maximum"] == 10.0 and properties["blend"]["enum"][0] == "two bands"


def test_the_curve_is_that_of_the_formula(host):
    settings = quote(json.dumps({"alpha_1": 2.0, "progress": "step"}))
    weights = host.get(f"/itermix/v1/curve?steps=5&settings={settings}")["weights"]
    assert weights == pytest.approx([((1 + math.cos(math.pi * i / 5)) / 2) ** 2 for i in range(5)])


@pytest.mark.parametrize(
    "query, message",
    [
        ("settings=" + quote('{"alpha_1": 11}'), "alpha_1: 11 is not allowed"),
        ("settings=" + quote('{"alpha": 1}'), "'alpha' is not a setting"),
        ("settings=nonsense", "it takes a JSON object"),
        ("steps=0", "steps: 0 is not allowed"),
        ("steps=100000000", "steps: 100000000 is not allowed"),
        ("sigmas=a,b", "sigmas:"),
        ("sigmas=14.6,nan", "sigmas:"),
        ("sigmas=inf", "sigmas:"),
        ("sigmas=-1", "sigmas:"),
    ],
)
def test_what_is_not_allowed_is_named_with_status_422(host, query, message):
    with pytest.raises(urllib.error.HTTPError) as refused:
        host.get(f"/itermix/v1/curve?{query}")
    assert refused.value.code == 422
    assert message in json.load(refused.value)["detail"]


def test_schema_has_every_field_of_a_sequence(host):
    schema = host.get("/itermix/v1/schema")["sequence"]
    assert schema["properties"].pop("preset")["enum"] == ["Defaults"]
    assert schema == SequenceSettings.schema()


def test_the_plan_is_the_frames_that_a_sequence_would_make(host):
    settings = {"frames": 3, "prompts": "0: a\n2: b", "travel": "slerp", "denoise_seq": 0.4}
    answer = host.get(f"/itermix/v1/plan?seed=7&settings={quote(json.dumps(settings))}")
    assert answer["frames"] == table(plan(SequenceSettings(**settings), 7))
    assert [row["seed"] for row in answer["frames"]] == [7, 8, 9]


@pytest.mark.parametrize("query, named", [
    ("settings={", "settings"),
    ("settings=" + quote('{"frames": 0}'), "frames"),
    ("settings=" + quote('{"prompts": "99: a"}'), "prompts, line 1"),
    ("seed=-1", "seed"),
])  # fmt: skip
def test_a_plan_that_cannot_be_is_refused_with_status_422(host, query, named):
    with pytest.raises(urllib.error.HTTPError) as raised:
        host.get(f"/itermix/v1/plan?{query}")
    assert raised.value.code == 422 and named in json.loads(raised.value.read())["detail"]


@pytest.mark.parametrize("path, status", [("curve?steps=many", 422), ("plan?seed=x", 422), ("nothing", 404)])
def test_requests_of_another_kind_have_an_honest_status(host, path, status):
    with pytest.raises(urllib.error.HTTPError) as raised:
        host.get(f"/itermix/v1/{path}")
    assert raised.value.code == status


def test_a_post_to_a_route_that_only_tells_is_not_allowed(host):
    with pytest.raises(urllib.error.HTTPError) as raised:
        host.post("/itermix/v1/schema", {})
    assert raised.value.code == 405
