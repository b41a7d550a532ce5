"""The user's presets: kept whole, refused with a reason, and never harmed by a file that cannot be used."""

import json
import os
import threading
import time

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import LONGEST_NAME, VERSION, Presets, PresetsError
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError


@pytest.fixture
def presets(tmp_path):
    return Presets(tmp_path / "data" / "presets.json", MixingSettings, "mixing")


def test_without_a_file_there_are_the_built_in_ones(presets):
    assert presets.names() == list(MixingSettings.presets()) and presets.own_names() == []
    assert presets.values("Balanced") == MixingSettings.presets()["Balanced"]
    assert not presets.file.exists()


def test_a_saved_preset_comes_back_and_holds_neither_switch_nor_picture(presets):
    settings = MixingSettings(enabled=True, alpha_1=0.7, blend="slerp", reference_image="aGVsbG8=")
    assert presets.save("  my \n own ", settings.to_dict()) == "my own"
    assert presets.values("my own") == {"alpha_1": 0.7, "blend": "slerp"}
    assert presets.names()[-1] == "my own"
    kept = {**MixingSettings().to_dict(), "alpha_1": 0.7, "blend": "slerp"}
    del kept["enabled"], kept["reference_image"], kept["mask_image"]
    assert json.loads(presets.file.read_text()) == {"version": VERSION, "mixing": {"my own": kept}}


def test_a_saved_preset_is_the_same_when_a_default_has_changed(presets):
    presets.save("a", MixingSettings(start=0.0).to_dict())
    kept = json.loads(presets.file.read_text())["mixing"]["a"]
    assert set(kept) == {field.name for field in presets.fields()} and kept["start"] == 0.0


def test_another_process_sees_it_at_once(presets):
    presets.save("a", {"alpha_1": 2.0})
    assert Presets(presets.file, MixingSettings, "mixing").values("a") == {"alpha_1": 2.0}


def test_rename_keeps_the_order_and_refuses_a_taken_name(presets):
    for name in "abc":
        presets.save(name, {"alpha_1": 1.0})
    assert presets.rename("b", "z") == "z" and presets.own_names() == ["a", "z", "c"]
    with pytest.raises(PresetsError, match='there is a preset "c" already'):
        presets.rename("a", "c")
    with pytest.raises(PresetsError, match='no preset "b"'):
        presets.rename("b", "d")


def test_delete_takes_one_away(presets):
    presets.save("a", {})
    presets.save("b", {"alpha_1": 1.0})
    presets.delete("a")
    assert presets.own_names() == ["b"]


@pytest.mark.parametrize(
    "name",
    [
        "", "  ", "x" * (LONGEST_NAME + 1), "a\x00b", "\u200d", "a\u202eb", "Balanced", "custom", None,
        "Balanced\u200d", "cus\u200ctom", "\u2800", "\u3164 \u115f", "\ufe0f", "\u034f",
    ],
)  # fmt: skip
def test_names_that_cannot_be(presets, name):
    with pytest.raises(PresetsError):
        presets.save(name, {})
    assert not presets.file.exists()


def test_a_name_of_which_nothing_is_seen_may_be_in_the_file_and_can_be_renamed(presets):
    presets.save("b", {"alpha_1": 2.0})
    presets.file.write_text(presets.file.read_text().replace('"b"', '"\\u2800"'))
    presets.rename("\u2800", "c")
    assert presets.own_names() == ["c"] and presets.values("c") == {"alpha_1": 2.0}


@pytest.mark.parametrize("name", ["\U0001f469\u200d\U0001f3a8", "\u0645\u06cc\u200c\u062e", "a/b", '"', "<b>", ".x"])
def test_names_of_any_writing_can_be(presets, name):
    assert presets.save(name, {"alpha_1": 2.0}) == name
    assert presets.values(name) == {"alpha_1": 2.0} and presets.names()[-1] == name


def test_built_in_presets_cannot_be_changed(presets):
    for change in (lambda: presets.rename("Balanced", "b"), lambda: presets.delete("Balanced")):
        with pytest.raises(PresetsError, match="built-in"):
            change()


def test_values_that_are_not_allowed_are_not_saved(presets):
    presets.save("a", {"alpha_1": 1.0})
    before = presets.file.read_bytes()
    with pytest.raises(SettingsError, match="alpha_1"):
        presets.save("b", {"alpha_1": 99})
    assert presets.file.read_bytes() == before


BROKEN = {
    "no JSON": ("{", "is damaged"),
    "no object": ("[]", "is damaged"),
    "no version": ("{}", "is damaged"),
    "newer": (json.dumps({"version": VERSION + 1}), "newer itermix"),
    "part of another kind": (json.dumps({"version": 1, "mixing": [1]}), "is damaged"),
    "preset of another kind": (json.dumps({"version": 1, "mixing": {"a": 1}}), "is damaged"),
    "half a character for a name": (json.dumps({"version": 1, "mixing": {"bad \ud800": {}}}), "ud800' is no name"),
    "a line for a name": (json.dumps({"version": 1, "mixing": {"a\nb": {}}}), "is no name for a preset"),
    "deep": ("[" * 100_000, "is damaged"),
    "no text": ("\udcff", "is damaged"),
}


@pytest.mark.parametrize("text, message", BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_used_is_left_as_it_is(presets, text, message):
    presets.file.parent.mkdir()
    presets.file.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = presets.file.read_bytes()
    for use in (presets.names, lambda: presets.save("a", {}), lambda: presets.delete("a")):
        with pytest.raises(PresetsError, match=message) as raised:
            use()
        assert str(presets.file) in str(raised.value)
    assert presets.file.read_bytes() == before
    assert list(presets.file.parent.iterdir()) == [presets.file]
    offer = presets.offer()
    assert list(offer.values) == list(MixingSettings.presets()) and offer.own == []
    assert message in offer.trouble and str(presets.file) in offer.trouble


@pytest.mark.parametrize("name", ["Balanced", "custom"])
def test_one_of_the_user_that_has_got_the_name_of_a_built_in_one_is_said_and_can_be_renamed(presets, name):
    presets.file.parent.mkdir()
    presets.file.write_text(json.dumps({"version": 1, "mixing": {name: {"alpha_1": 9.0}, "good": {"alpha_1": 2}}}))
    offer = presets.offer()
    assert f'your preset "{name}" has the name of a built-in one; rename it' in offer.trouble
    assert list(offer.values) == presets.names() == [*MixingSettings.presets(), "good"]
    assert offer.values["Balanced"]["alpha_1"] == MixingSettings.from_dict({"preset": "Balanced"}).alpha_1
    assert name in offer.own  # where one chooses what to rename
    presets.rename(name, "mine")
    assert presets.values("mine") == {"alpha_1": 9.0} and presets.offer().trouble == ""


def test_a_preset_with_an_unknown_field_spoils_only_itself(presets):
    presets.file.parent.mkdir()
    presets.file.write_text(json.dumps({"version": 1, "mixing": {"old": {"beta": 1}, "good": {"alpha_1": 2}}}))
    with pytest.raises(PresetsError, match='"old" cannot be used.*beta'):
        presets.values("old")
    assert presets.values("good") == {"alpha_1": 2.0}
    offer = presets.offer()
    assert list(offer.values) == [*MixingSettings.presets(), "good"] and offer.own == ["old", "good"]
    assert offer.values["good"]["alpha_1"] == 2.0 and '"old" cannot be used' in offer.trouble


def test_parts_of_other_models_are_kept(presets):
    presets.file.parent.mkdir()
    presets.file.write_text(json.dumps({"version": 1, "sequence": {"x": {}}}))
    presets.save("a", {"alpha_1": 1.0})
    assert json.loads(presets.file.read_text())["sequence"] == {"x": {}}


def preset_values(presets, **changed):
    settings = MixingSettings.from_dict(changed)
    return {field.name: getattr(settings, field.name) for field in presets.fields()}


@pytest.mark.parametrize("name", MixingSettings.presets())
def test_values_know_which_preset_they_are(presets, name):
    assert presets.offer().name_of(preset_values(presets, preset=name)) == name


def test_values_that_are_no_preset_are_custom(presets):
    assert presets.offer().name_of(preset_values(presets, alpha_1=0.123)) == "custom"


def test_of_equal_presets_the_preferred_one_is_named(presets):
    presets.save("mine", MixingSettings.presets()["Creative"])
    offer, values = presets.offer(), preset_values(presets, preset="Creative")
    assert offer.name_of(values) == offer.name_of(values, "Balanced") == "Creative"
    assert offer.name_of(values, "mine") == "mine"


def test_a_sequence_has_its_own_part_and_begins_with_its_defaults(presets):
    sequence = Presets(presets.file, SequenceSettings, "sequence")
    presets.save("a", {"alpha_1": 0.7})
    sequence.save("a", SequenceSettings(frames=5, prompts="0: a", resume=True).to_dict())
    assert sequence.names() == ["Defaults", "a"] and presets.own_names() == ["a"]
    assert sequence.values("a") == {"frames": 5} and presets.values("a") == {"alpha_1": 0.7}
    with pytest.raises(PresetsError, match="built-in"):
        sequence.delete("Defaults")


def test_a_folder_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    presets = Presets(tmp_path / "data" / "presets.json", MixingSettings, "mixing")
    with pytest.raises(PresetsError, match="cannot be"):
        presets.save("a", {})


def test_a_fault_while_writing_keeps_the_old_file(presets, monkeypatch):
    presets.save("a", {"alpha_1": 1.0})
    before = presets.file.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(PresetsError, match="No space left"):
        presets.save("b", {})
    assert presets.file.read_bytes() == before and list(presets.file.parent.iterdir()) == [presets.file]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_the_file_has_the_mode_of_any_file_that_the_user_makes(presets):
    """Others of a shared machine, and a backup, may read it."""
    before = os.umask(0o022)
    try:
        presets.save("a", {"alpha_1": 1.0})
    finally:
        os.umask(before)
    assert presets.file.stat().st_mode & 0o777 == 0o644


def test_the_file_is_on_the_disk_before_it_takes_its_place(presets, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *args: order.append("sync") or fsync(*args))
    monkeypatch.setattr(os, "replace", lambda *args: order.append("replace") or replace(*args))
    presets.save("a", {"alpha_1": 1.0})
    assert order == ["sync", "replace"]


def test_half_a_character_in_another_part_of_the_file_is_kept(presets):
    foreign = {"sequence": {"a": {"prompts": "\ud800"}}}
    presets.file.parent.mkdir()
    presets.file.write_text(json.dumps({"version": 1, **foreign}), encoding="utf-8")
    presets.save("mine", {"alpha_1": 2.0})
    assert json.loads(presets.file.read_text(encoding="utf-8"))["sequence"] == foreign["sequence"]
    assert list(presets.file.parent.iterdir()) == [presets.file]


def test_two_threads_lose_no_preset(presets, monkeypatch):
    read = presets._stored.read.__func__

    def slowly(self):
        found = read(self)
        time.sleep(0.01)
        return found

    monkeypatch.setattr(type(presets._stored), "read", slowly)
    names = [f"preset {number}" for number in range(8)]
    threads = [threading.Thread(target=presets.save, args=(name, {})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(presets.own_names()) == names


def test_a_request_by_name_is_the_preset_and_what_stands_beside_it(presets):
    presets.save("mine", {"alpha_1": 2.5, "blend": "linear"})
    assert presets.resolved({"preset": "mine", "blend": "slerp"}) == {"alpha_1": 2.5, "blend": "slerp"}
    assert presets.resolved({"preset": "Creative"}) == MixingSettings.presets()["Creative"]
    assert presets.resolved({"alpha_1": 1.0, "preset": None}) == presets.resolved({"alpha_1": 1.0}) == {"alpha_1": 1.0}


@pytest.mark.parametrize("name", ["other", 3, ["mine"], True])
def test_a_request_by_another_name_is_refused_with_those_that_there_are(presets, name):
    presets.save("mine", {"alpha_1": 2.5})
    with pytest.raises(SettingsError) as refused:
        presets.resolved({"preset": name})
    known = ", ".join(f'"{one}"' for one in [*MixingSettings.presets(), "mine"])
    assert str(refused.value) == f"preset: {name!r} is not allowed; it takes one of {known}"


def test_a_damaged_file_refuses_requests_by_own_names_only(presets):
    presets.file.parent.mkdir()
    presets.file.write_text("{")
    assert presets.resolved({"preset": "Balanced"}) == {}
    with pytest.raises(SettingsError, match="preset: .* is damaged; correct it"):
        presets.resolved({"preset": "mine"})


def test_the_schema_of_a_request_has_the_names_of_own_presets(presets):
    presets.save("mine", {"alpha_1": 2.5})
    schema = presets.schema()
    assert schema["properties"].pop("preset")["enum"] == [*MixingSettings.presets(), "mine"]
    assert schema["properties"] == {
        name: of for name, of in MixingSettings.schema()["properties"].items() if name != "preset"
    }
