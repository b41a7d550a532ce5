"""The HTTP routes of a real host."""

from __future__ import annotations

import json
import math
import urllib.error
from urllib.parse import quote

import pytest

from itermix.settings import MixingSettings

pytestmark = pytest.mark.real_host


def test_the_schema_names_every_field_with_its_range(host):
    properties = host.get("/itermix/v1/schema")["mixing"]["properties"]
    assert set(properties) == {field.name for field in MixingSettings.fields()} | {"preset"}
    assert properties["alpha_1"]["maximum"] == 10.0 and properties["blend"]["enum"][0] == "low-pass"


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
    ],
)
def test_what_is_not_allowed_is_named_with_status_422(host, query, message):
    with pytest.raises(urllib.error.HTTPError) as refused:
        host.get(f"/itermix/v1/curve?{query}")
    assert refused.value.code == 422
    assert message in json.load(refused.value)["detail"]
