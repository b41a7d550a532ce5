"""What the page shows of each settings model: every field, each with its help, few of them at first."""

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.sequence.settings import SequenceSettings
from tests.webui import fake_modules

MODELS = {"mixing": MixingSettings, "sequence": SequenceSettings}
CONTROLS = ("Checkbox", "Slider", "Dropdown", "Textbox", "Image", "Button")


class Recorder:
    """In gradio's place: keeps what was built, and how deep in accordions it lies."""

    def __init__(self):
        self.built, self.depth = [], 0

    def component(self, kind):
        recorder = self

        class Recorded(fake_modules.Component):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.kind, self.depth = kind, recorder.depth
                recorder.built.append(self)

            def __enter__(self):
                recorder.depth += kind == "Accordion"
                return self

            def __exit__(self, *error):
                recorder.depth -= kind == "Accordion"

        return Recorded


@pytest.fixture(params=MODELS)
def page(request, monkeypatch, tmp_path):
    """(model, the components by field, all that was built in its order)."""
    fake_modules.install()
    import gradio

    from itermix.ui.accordion import build_mixing_accordion
    from itermix.ui.sequence import build_sequence_fields

    recorder = Recorder()
    for kind in fake_modules.COMPONENTS:
        monkeypatch.setattr(gradio, kind, recorder.component(kind))
    monkeypatch.setattr(gradio.context.Context, "root_block", fake_modules.Component())
    model = MODELS[request.param]
    presets = Presets(tmp_path / "presets.json", model, request.param)
    if request.param == "mixing":
        components = build_mixing_accordion("txt2img", presets)
    else:
        components = build_sequence_fields("txt2img", lambda *values: [], presets)
    return model, components, recorder.built


def test_every_field_has_a_component_in_the_order_of_the_field_list(page):
    model, components, built = page
    assert list(components) == [field.name for field in model.fields()]
    assert all(component in built for component in components.values())


def test_every_control_has_a_help_of_one_sentence(page):
    _, _, built = page
    for at, control in enumerate(built):
        if control.kind not in CONTROLS or control.kwargs.get("visible") is False:
            continue
        shown = control.kwargs.get("info")
        if control.kind in ("Image", "Button"):  # these have none of their own: a line beside them
            shown = next(other.args[0] for other in built[at:] if other.kind == "HTML" and other.args)
        assert shown and shown.rstrip("</p>").endswith("."), control.kwargs


def test_every_element_has_an_id_of_its_own(page):
    _, _, built = page
    ids = [component.kwargs["elem_id"] for component in built if "elem_id" in component.kwargs]
    assert len(ids) == len(set(ids)) and all(name.startswith("itermix_") for name in ids)


def test_iterative_mixing_shows_three_controls_at_first(page):
    model, _, built = page
    if model is SequenceSettings:
        pytest.skip("it is chosen from a list, and shows its most used fields")
    first = [control for control in built if control.kind in CONTROLS and control.depth == 1]
    labels = [control.kwargs["label"] for control in first if control.kwargs.get("visible") is not False]
    assert labels == ["Enable", "Preset", "alpha_1"]


def test_fractions_say_of_what_kind_they_are(page):
    model, _, _ = page
    for field in model.fields():
        if field.kind == "number" and field.maximum == 1.0:
            assert "fraction" in field.label or "standard deviation" in field.label
