"""The README says what the code has."""

from pathlib import Path

from itermix.settings import MixingSettings
from tools.document import documented

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_has_every_field_as_the_code_has_it():
    text = README.read_text(encoding="utf-8")
    assert documented(text) == text
    assert all(f"| `{field.name}` |" in text for field in MixingSettings.fields())
