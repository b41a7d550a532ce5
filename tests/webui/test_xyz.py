"""The axis of a switch takes what people type."""

import sys
from types import SimpleNamespace

import pytest

from tests.webui import fake_modules

AXIS = "[Iterative Mixing] Enable"


@pytest.fixture
def axis(monkeypatch):
    """The axis in the host's plot: its `confirm` and its `apply`."""
    fake_modules.install()
    from itermix.webui import xyz
    from itermix.webui.compat import page

    class AxisOption:
        def __init__(self, label, type, apply, confirm=None, **more):
            self.label, self.type, self.apply, self.confirm = label, type, apply, confirm

    plot = SimpleNamespace(axis_options=[], AxisOption=AxisOption, process_images=lambda p: None)
    script = type("Script", (), {"__module__": page.PLOTS[0]})
    scripts = sys.modules["modules"].scripts
    monkeypatch.setattr(scripts, "scripts_data", [SimpleNamespace(module=plot, script_class=script)])
    xyz.register()
    return next(option for option in plot.axis_options if option.label == AXIS)


@pytest.mark.parametrize("typed, meant", [
    ("true", True), ("True", True), ("TRUE ", True), (" on", True), ("yes", True), ("1", True),
    ("false", False), ("False", False), ("off", False), ("No", False), (" 0 ", False),
])  # fmt: skip
def test_a_switch_takes_the_spellings_that_people_type(axis, typed, meant):
    from itermix.webui import xyz

    p = SimpleNamespace()
    values = [axis.type(typed)]
    axis.confirm(p, values)
    axis.apply(p, values[0], values)
    assert xyz.values_of(p) == {"enabled": meant}


def test_another_word_is_refused_before_the_plot_is_made(axis):
    with pytest.raises(Exception, match=r"\[Iterative Mixing\] Enable: enabled: 'maybe' is not allowed"):
        axis.confirm(SimpleNamespace(), ["on", "maybe"])
