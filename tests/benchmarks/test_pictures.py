"""The picture benchmark keeps what it has made, and says what it measured."""

import dataclasses
import json

import pytest
import torch
from torch.testing import assert_close

from benchmarks import pictures
from benchmarks.cases import cases
from benchmarks.enlargements import METHODS, Drawn, Store
from benchmarks.network_methods import FIELD
from benchmarks.picture_rows import BETTER, CEILING
from itermix.mixing.settings import MixingSettings
from itermix.studio.pipeline import Studio
from itermix.studio.request import Request
from tools.small_model.artwork import ALIKE, SUBJECTS


def test_kept_pictures_are_not_made_again_unless_something_else_is_asked_for(tmp_path):
    made = []

    def make_it():
        made.append(len(made))
        return Drawn(torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(len(made))), 7)

    asked = Request(prompt="a fox", mixing=MixingSettings(enabled=True))
    first = Store(tmp_path).get("000 2x itermix", asked, make_it)
    again = Store(tmp_path).get("000 2x itermix", asked, make_it)
    assert torch.equal(again.picture, first.picture) and again.pixels == first.pixels == 7 and len(made) == 1
    assert_close(first.picture * 255, (first.picture * 255).round())
    other = dataclasses.replace(asked, mixing=MixingSettings(enabled=True, alpha_1=0.7))
    changed = Store(tmp_path).get("000 2x itermix", other, make_it)
    assert not torch.equal(changed.picture, first.picture) and len(made) == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Store(None).get("000 native", Request(prompt="a fox"), lambda: Drawn(torch.zeros(1, 3, 8, 8)))
    assert not list(tmp_path.iterdir())


def test_a_methods_request_is_the_native_one_enlarged():
    native = Request(prompt="a fox", width=128, height=128, seed=3)
    by_name = {method.name: method.request(native, 2) for method in METHODS}
    assert (by_name["direct"].width, by_name["direct"].hires) == (256, 1.0)
    assert [by_name[f"hires {s}"].hires_strength for s in (0.3, 0.5, 0.7)] == [0.3, 0.5, 0.7]
    assert by_name["itermix"].mixing == MixingSettings(enabled=True) and by_name["itermix"].hires == 2.0
    assert by_name["DemoFusion"].effective_hires_strength() == 1.0


@pytest.mark.parametrize("usual, upscaler, name", [
    ("latent", "pixel", "hires 0.5"), ("latent", "both", "hires 0.5"), ("pixel", "latent", "itermix"),
    ("pixel", "both", "itermix"), ("pixel", "both", "itermix Close"),
])  # fmt: skip
def test_a_row_with_another_upscaler_differs_from_the_usual_one_in_that_alone(usual, upscaler, name):
    native, by_name = Request(prompt="a fox", width=128, height=128), {method.name: method for method in METHODS}
    one, changed = (by_name[row].request(native, 3) for row in (name, f"{name}, {upscaler}"))
    assert (one.hires_upscaler, changed.hires_upscaler) == (usual, upscaler)
    assert dataclasses.replace(one, hires_upscaler=upscaler) == changed


def test_itermixs_row_is_what_a_request_makes_by_itself():
    native = Request(prompt="a fox", width=128, height=128)
    asked = next(method for method in METHODS if method.name == "itermix").request(native, 3)
    mixing = MixingSettings(enabled=True)
    assert asked == dataclasses.replace(native, hires=3.0, hires_strength=1.0, mixing=mixing)
    assert len(METHODS) == len({method.name for method in METHODS}) == 2 + 9 + 12 + 4 + len(FIELD)


@pytest.mark.parametrize("name", ["itermix", "itermix, latent", "itermix, both", "itermix Close"])
def test_a_row_in_phases_differs_from_the_one_at_once_in_that_alone(name):
    native, by_name = Request(prompt="a fox", width=128, height=128), {method.name: method for method in METHODS}
    one, phased = (by_name[row].request(native, 4) for row in (name, f"{name}, in phases"))
    assert (one.hires_phases, phased.hires_phases) == (1, 0)
    assert dataclasses.replace(one, hires_phases=0) == phased


def test_pictures_of_other_weights_are_made_again(tmp_path):
    asked, made = Request(prompt="a fox"), []
    for weights in ("a", "a", "b"):
        kept = Store(tmp_path, weights)
        kept.get("000", asked, lambda by=kept: made.append(by.weights) or Drawn(torch.zeros(1, 3, 8, 8)))
    assert made == ["a", "b"]


def test_the_cases_are_the_same_every_time_and_the_halves_share_none():
    even, odd = (sum(cases(64, 4, half), []) for half in ("even", "odd"))
    assert cases(64, 4, "odd") == cases(64, 4) and len(set(even)) == len(set(odd)) == 128
    assert not {case.prompt for case in even} & {case.prompt for case in odd}
    assert len({case.seed for case in even + odd}) == 256
    assert [case.subject for case in even] == [case.subject for case in odd]
    assert not [case for case in even + odd if case.subject in ALIKE[case.background]]


def test_more_prompts_keep_the_first_ones():
    assert cases(64, 2)[:16] == cases(32, 2)


def test_a_run_measures_every_row_and_goes_on_with_what_it_has_kept(tmp_path, monkeypatch, capsys):
    pytest.importorskip("diffusers")
    pytest.importorskip("resvg_py")
    body = '<path d="M6 28L11 4L26 14L20 28Z" fill="#2a9d8f"/>'
    icons = {name: {"body": body} for name in SUBJECTS.values()}
    (tmp_path / "icons.json").write_text(json.dumps({"icons": icons}), encoding="utf-8")
    monkeypatch.setattr(pictures, "REALS", 1)
    (drawn,) = cases(2, 1)
    everywhere = lambda given: [drawn[0].subject] * len(given)  # noqa: E731
    monkeypatch.setattr(pictures.recognition, "kept", lambda *_: everywhere)
    monkeypatch.setattr(pictures.recognition, "accuracy", lambda *_: {"subjects": 1.0, "broken": 1.0})
    names = ["direct", "hires 0.5, pixel", "itermix"]
    options = ["--artwork", tmp_path, "--keep", tmp_path / "kept", "--json", tmp_path / "rows.json", "--scales", 2]
    options = [*map(str, options), "--prompts", "2", "--seeds", "1", "--steps", "2", "--rows", *names]
    pictures.main([*options, "--sheet", str(tmp_path / "sheet.png")])
    first = json.loads((tmp_path / "rows.json").read_text())
    assert [row["method"] for row in first["rows"]] == [*names, CEILING]
    for row in first["rows"]:
        assert set(row["measures"]) == set(BETTER) and len(row["distances"]) == 4 and not row["best"]
        assert row["measures"]["recognised"]["value"] == 1.0
    calls = {row["method"]: row["measures"]["calls"]["value"] for row in first["rows"]}
    assert calls == {"direct": 2.0, "hires 0.5, pixel": 2.0, "itermix": 2.0, CEILING: 0.0}
    assert [line["holds"] for line in first["check"]] == [False, False]  # one prompt makes nothing certain
    assert "the VAE's best" in capsys.readouterr().out and (tmp_path / "sheet.png").is_file()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").glob("*.png")}
    assert len(kept) == 1 + len(names)
    monkeypatch.setattr(Studio, "text_to_image", None)
    pictures.main(options)
    again = json.loads((tmp_path / "rows.json").read_text())
    assert again["rows"] == first["rows"]
