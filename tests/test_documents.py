"""The documents say what the code has: tables, plots, paths, names, links."""

import ast
import re
from pathlib import Path

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.upscale.settings import UpscaleSettings
from tools import curve_plot
from tools.document import TABLES, documented

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCUMENTS += [*sorted((ROOT / "docs").glob("*.md")), ROOT / "tests" / "oracle" / "README.md"]
DOCUMENTS = [file for file in DOCUMENTS if file.exists()]
FOLDERS = "itermix|tests|tools|benchmarks|docs|scripts|javascript|localizations"


def named(file):
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", TABLES)
def test_tables_are_as_the_code_has_them(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert documented(document, text) == text, "run python -m tools.document"


def test_every_field_is_documented():
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for model in (MixingSettings, UpscaleSettings, SequenceSettings):
        assert all(f"| `{field.name}` |" in text for field in model.fields())


def test_the_plot_of_the_curve_is_as_the_code_has_it():
    assert curve_plot.FILE.read_text(encoding="utf-8") == curve_plot.svg()


def test_the_readme_is_200_lines_at_most():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("file", DOCUMENTS, ids=named)
def test_every_path_in_a_document_is_there(file):
    text = file.read_text(encoding="utf-8")
    paths = re.findall(rf"`((?:{FOLDERS})/[\w./-]*)(?:::[\w.]+)?`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=named)
def test_every_name_in_a_document_is_in_the_file_that_it_names(file):
    """Written as `itermix/mixing/mixer.py::Mixer.mix`."""
    for path, name in re.findall(r"`([\w./-]+\.py)::([\w.]+)`", file.read_text(encoding="utf-8")):
        assert name in names_of(ROOT / path), f"{path} has no {name}"


def names_of(path):
    """Functions, classes, methods and constants of a file."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
        if hasattr(node, "name"):
            found |= {node.name, *(f"{node.name}.{part.name}" for part in node.body if hasattr(part, "name"))}
    return found


@pytest.mark.parametrize("file", DOCUMENTS, ids=named)
def test_every_link_within_the_repository_leads_somewhere(file):
    links = re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8"))
    for link in links:
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(file):
    """As GitHub makes them of the headings."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", DOCUMENTS, ids=named)
def test_no_document_names_a_path_of_a_machine(file):
    assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users)/", file.read_text(encoding="utf-8"))
