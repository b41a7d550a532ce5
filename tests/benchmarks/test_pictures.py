"""The picture benchmark keeps what it has made, and says what it measured."""

import dataclasses

import torch
from torch.testing import assert_close

from benchmarks.pictures import METHODS, Store, cases
from itermix.mixing.settings import MixingSettings
from itermix.studio.request import Request


def test_kept_pictures_are_not_made_again_unless_something_else_is_asked_for(tmp_path):
    made = []

    def make_it():
        made.append(len(made))
        return torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(len(made)))

    asked = Request(prompt="a fox", mixing=MixingSettings(enabled=True))
    first = Store(tmp_path).get("000 2x itermix", asked, make_it)
    assert torch.equal(Store(tmp_path).get("000 2x itermix", asked, make_it), first) and len(made) == 1
    assert_close(first * 255, (first * 255).round())
    other = dataclasses.replace(asked, mixing=MixingSettings(enabled=True, alpha_1=0.7))
    assert not torch.equal(Store(tmp_path).get("000 2x itermix", other, make_it), first) and len(made) == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Store(None).get("000 native", Request(prompt="a fox"), lambda: torch.zeros(1, 3, 8, 8))
    assert not list(tmp_path.iterdir())


def test_a_methods_request_is_the_native_one_enlarged():
    native = Request(prompt="a fox", width=128, height=128, seed=3)
    by_name = {method.name: method.request(native, 2) for method in METHODS}
    assert (by_name["direct"].width, by_name["direct"].hires) == (256, 1.0)
    assert [by_name[f"hires {s}"].hires_strength for s in (0.3, 0.5, 0.7)] == [0.3, 0.5, 0.7]
    assert by_name["itermix"].mixing == MixingSettings(enabled=True) and by_name["itermix"].hires == 2.0
    assert by_name["DemoFusion"].effective_hires_strength() == 1.0


def test_the_cases_are_the_same_every_time():
    assert cases(4, 2) == cases(4, 2) and len(set(cases())) == 64
