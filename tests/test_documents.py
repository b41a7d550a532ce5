"""The README says what the code has."""

from pathlib import Path

from tools import curve_plot
from tools.document import TABLES, documented

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_has_every_field_as_the_code_has_it():
    text = README.read_text(encoding="utf-8")
    assert documented(text) == text
    assert all(f"| `{field.name}` |" in text for model in TABLES.values() for field in model.fields())


def test_the_plot_of_the_curve_is_as_the_code_has_it():
    assert curve_plot.FILE.read_text(encoding="utf-8") == curve_plot.svg()
