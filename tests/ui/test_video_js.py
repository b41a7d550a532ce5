"""The films of the page, run in node: which files the comments of a run name, and the host's address of each."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.browser import NODE, needs_node

SCRIPT = Path(__file__).parents[2] / "javascript" / "itermix_video.js"
pytestmark = needs_node


def call(function, argument):
    program = f"""
        require({json.dumps(str(SCRIPT))});
        console.log(JSON.stringify(itermix[{json.dumps(function)}]({json.dumps(argument)})));
    """
    answer = subprocess.run([NODE, "-e", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_films_are_the_lines_that_name_one():
    comments = (
        "Latent Sequence: frame 3: no room\n  Latent Sequence video: /a/b c/sequence-0.mp4\n"
        "Latent Sequence video: C:\\x\\sequence-1.mp4 \nLatent Sequence video: /a/sequence-0.webp\nother.mp4"
    )
    assert call("filmsIn", comments) == ["/a/b c/sequence-0.mp4", "C:\\x\\sequence-1.mp4"]
    assert call("filmsIn", "") == []


@pytest.mark.parametrize("path, address", [
    ("/a/b c/#1?.mp4", "file=/a/b%20c/%231%3F.mp4"),
    ("C:\\Users\\ä\\x.mp4", "file=C%3A/Users/%C3%A4/x.mp4"),
])  # fmt: skip
def test_the_address_of_a_path_keeps_every_character(path, address):
    assert call("addressOf", path) == address


def test_the_mark_is_what_the_host_is_told():
    from itermix.sequence.settings import SequenceSettings

    assert f'const MARK = "{SequenceSettings.infotext_key} video: ";' in SCRIPT.read_text(encoding="utf-8")
