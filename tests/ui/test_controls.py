"""What the page shows of each settings model: every field, each with its help, few of them at first."""

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.sequence.settings import SequenceSettings
from tests.webui import fake_modules

MODELS = {"mixing": MixingSettings, "sequence": SequenceSettings}
CONTROLS = ("Checkbox", "Slider", "Number", "Dropdown", "Textbox", "Image", "Button")


class Recorder:
    """In gradio's place: keeps what was built, how deep in accordions it lies, and in what."""

    def __init__(self):
        self.built, self.depth, self.around = [], 0, []

    def component(self, kind):
        recorder = self

        class Recorded(fake_modules.Component):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.kind, self.depth, self.around = kind, recorder.depth, tuple(recorder.around)
                recorder.built.append(self)

            def __enter__(self):
                recorder.depth += kind == "Accordion"
                recorder.around.append(kind)
                return self

            def __exit__(self, *error):
                recorder.depth -= kind == "Accordion"
                recorder.around.pop()

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
        components = build_sequence_fields("txt2img", lambda *values: ([], []), presets)
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


@pytest.mark.parametrize("page", ["mixing"], indirect=True)
def test_iterative_mixing_shows_three_controls_at_first(page):
    _, _, built = page
    first = [control for control in built if control.kind in CONTROLS and control.depth == 1]
    labels = [control.kwargs["label"] for control in first if control.kwargs.get("visible") is not False]
    assert labels == ["Enable", "Mixing preset", "Freedom (alpha_1)"]


@pytest.mark.parametrize("page", ["mixing"], indirect=True)
def test_freedom_has_the_whole_width_and_its_slider_stands_below_it(page):
    _, components, built = page
    number = components["alpha_1"]
    slider = built[built.index(number) + 1]
    assert slider.kwargs["elem_id"] == f"{number.kwargs['elem_id']}_slider"
    assert number.around == slider.around and not {"Row", "Column"} & set(number.around)


def test_a_picture_is_shown_240_pixels_high_by_every_gradio(page):
    _, _, built = page
    heights = [control.kwargs.get("height") for control in built if control.kind == "Image"]
    assert all(height == 240 for height in heights)


def test_labels_and_helps_are_for_people(page):
    model, _, built = page
    texts = [text for field in model.fields() for text in (field.label, field.help)]
    texts += [text for control in built for text in control.kwargs.values() if isinstance(text, str)]
    for jargon in ("(fraction", "`", "cycles per latent pixel", "standard deviation"):
        assert not [text for text in texts if jargon in text]


def test_an_axis_keeps_the_name_that_old_plots_know():
    names = {field.name: field.axis or field.label for model in MODELS.values() for field in model.fields()}
    assert names["alpha_1"] == "alpha_1" and names["clamp"] == "Clamp (fraction of the run)"
    assert names["denoise_seq"] == "Denoise (fraction)" and names["frames"] == "Frames"


@pytest.fixture
def img2img(monkeypatch, tmp_path):
    """(the components by field, all that was built, the presets) of img2img's accordion, in the host's own switch."""
    fake_modules.install()
    import gradio

    from itermix.ui.accordion import build_mixing_accordion

    recorder = Recorder()
    for kind in fake_modules.COMPONENTS:
        monkeypatch.setattr(gradio, kind, recorder.component(kind))
    monkeypatch.setattr(gradio.context.Context, "root_block", fake_modules.Component())
    presets = Presets(tmp_path / "presets.json", MixingSettings, "mixing")
    start = MixingSettings(enabled=True)
    components = build_mixing_accordion("img2img", presets, start, fake_modules.InputAccordion)
    return components, recorder.built, presets


def test_the_hosts_own_switch_is_the_first_component_and_has_the_title(img2img):
    components, built, _ = img2img
    switch = next(iter(components.values()))
    assert isinstance(switch, fake_modules.InputAccordion) and switch.value is True
    assert switch.kwargs == {"value": True, "label": "Iterative Mixing", "elem_id": "itermix_img2img"}
    assert "Enable" not in [control.kwargs.get("label") for control in built]


def test_img2img_hides_what_does_nothing_there(img2img):
    from itermix.ui.accordion import pasted

    components, built, _ = img2img
    hidden = {name for name, component in components.items() if component.kwargs.get("visible") is False}
    assert hidden == {"passes", "hires_denoise", "hires_reference", "hires_phases", "hires_seed"}
    assert list(components) == [f.name for f in MixingSettings.fields()]
    group = next(part for part in built if part.kwargs.get("elem_id") == "itermix_img2img_passes_group")
    assert group.kwargs["visible"] is False
    assert set(components) - set(pasted("img2img", components)) == hidden
    assert not set(components) - set(pasted("txt2img", components))


def test_img2img_says_which_denoising_strength_mixing_wants(img2img):
    _, built, _ = img2img
    assert any("denoising strength of 0.7 to 1" in str(part.args) for part in built if part.kind == "HTML")


def test_a_preset_saved_in_img2img_keeps_what_its_page_does_not_show(img2img, tmp_path):
    from itermix.ui.presets import PresetControls

    *_, presets = img2img
    presets.save("mine", {"passes": "hires pass", "hires_denoise": 0.4, "alpha_1": 1.0})
    controls = PresetControls("x", "Preset", presets, MixingSettings().to_dict(), ("passes", "hires_denoise"))
    values = {**MixingSettings().to_dict(), "alpha_1": 2.0}
    controls._save("mine", *(values[name] for name in controls.names))
    saved = MixingSettings.from_dict(presets.values("mine"))
    assert (saved.alpha_1, saved.passes, saved.hires_denoise) == (2.0, "hires pass", 0.4)


ROWS = [
    {"frame": 0, "seed": 7, "denoise": 1.0, "prompt": "<b>", "negative": "", "interpolation": "off", "keyframe": True},
    {"frame": 1, "seed": 8, "denoise": 0.5, "prompt": "b", "negative": "", "interpolation": "off", "keyframe": False},
]


def test_the_plans_table_has_no_column_that_says_nothing():
    from itermix.ui.plan import plan_table

    table = plan_table(ROWS)
    assert table.count("<th") - table.count("<thead") == 4 and table.count("<td") == 8 and "&lt;b&gt;" in table
    assert "Keyframes at 0<" in table
    assert "latent" in plan_table([*ROWS, {**ROWS[0], "interpolation": "slerp 0.5"}])
    travelling = plan_table([{**ROWS[0], "prompt": "a -> <b> (50%)"}])
    assert 'a <span style="white-space: nowrap;">-&gt;</span> &lt;b&gt; (50%)' in travelling


@pytest.mark.parametrize("page", ["sequence"], indirect=True)
def test_the_plan_is_hidden_until_asked_for_and_is_of_the_pages_own_seed(page):
    _, _, built = page
    table = next(part for part in built if part.kwargs.get("elem_id", "").endswith("_table"))
    assert table.kind == "HTML" and table.kwargs["visible"] is False


def test_the_plan_draws_each_schedule_above_its_table():
    from itermix.ui.plan import plan_curves

    drawn = plan_curves({"Denoise <schedule>": [0.0, 0.25, 1.0], "CFG schedule": [7.0, 7.0, 7.0]})
    assert drawn.count("<polyline") == 2 and plan_curves({}) == ""
    assert 'points="0.0,40.0 300.0,30.0 600.0,0.0"' in drawn, "from left to right, the greatest on top"
    assert "0 to 1" in drawn and "<small>7</small>" in drawn
    assert "Denoise &lt;schedule&gt;" in drawn and "<schedule>" not in drawn


def test_the_plan_has_a_column_of_cfg_only_where_frames_have_their_own():
    from itermix.ui.plan import plan_table

    assert "CFG" not in plan_table(ROWS)
    assert "<td" in plan_table([{**row, "cfg": 2.5} for row in ROWS]).partition(">CFG<")[2]
