"""The script that hands the host's own fields to buttons of ours, run in node."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.browser import NODE, needs_node

SCRIPT = Path(__file__).parents[2] / "javascript" / "itermix_page.js"
PAGE = {"#txt2img_seed input": "5", "#txt2img_prompt textarea": "a rose", "#txt2img_neg_prompt textarea": "thorns"}

pytestmark = needs_node


def with_page(page, *values):
    """What becomes of an event's values. page: what the host's fields hold, by their selectors."""
    program = f"""
        const page = {json.dumps(page)};
        globalThis.document = {{
            querySelector: (selector) => selector in page ? {{value: page[selector]}} : null,
        }};
        require({json.dumps(str(SCRIPT))});
        console.log(JSON.stringify(itermix.withPage("txt2img", ...{json.dumps(values)})));
    """
    answer = subprocess.run([NODE, "-e", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    *fields, own = json.loads(answer.stdout)
    return fields, json.loads(own)


@pytest.mark.parametrize("outputs", [[], ["<p></p>", None]])
def test_the_page_lies_behind_the_fields_whatever_gradio_adds(outputs):
    fields = [3, "0: a rose", True]
    assert with_page(PAGE, len(fields), *fields, "", *outputs) == (fields, [5, "a rose", "thorns"])


@pytest.mark.parametrize("seed, meant", [("-1", -1), ("", -1), ("7.0", 7)])
def test_a_seed_that_is_drawn_later_is_minus_1(seed, meant):
    assert with_page({**PAGE, "#txt2img_seed input": seed}, 0, "")[1][0] == meant
