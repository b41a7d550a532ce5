"""The page's scripts in a real browser on pages that are not the usual one: right to left, and odd paths."""

from pathlib import Path

import pytest

from itermix.ui.curve import placeholder
from tests.browser import launched

SCRIPTS = Path(__file__).parents[2] / "javascript"


@pytest.fixture(scope="module")
def browser():
    yield from launched()


@pytest.fixture
def shown(browser):
    """A page of this HTML with the scripts of these names; what onAfterUiUpdate is given is called at once."""
    pages = []

    def made(html, *names):
        page = browser.new_page()
        pages.append(page)
        page.set_content(f"<script>onAfterUiUpdate = (call) => setTimeout(call)</script>{html}")
        for name in names:
            page.add_script_tag(content=(SCRIPTS / f"{name}.js").read_text(encoding="utf-8"))
        return page

    yield made
    for page in pages:
        page.close()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_the_curves_numbers_stand_beside_its_plot_in_every_direction_of_writing(shown, direction):
    """Some localizations of WebUIs turn the page around; there the end of a text is its left side."""
    html = f'<div style="direction: {direction}; width: 500px">{placeholder("txt2img")}</div>'
    page = shown(html, "itermix_curve", "itermix_curve_source", "itermix_curve_view")
    page.wait_for_selector(".itermix-curve text")
    box = page.eval_on_selector(".itermix-plot", "node => node.getBoundingClientRect().toJSON()")
    rights = page.eval_on_selector_all(".itermix-curve text", "found => found.slice(0, 3).map((text) => "
        "[text.textContent, text.getBoundingClientRect().right])")  # fmt: skip
    assert [text for text, _ in rights] == ["0", "0.5", "1"]
    assert all(right < box["left"] for _, right in rights)


def test_a_film_is_shown_whatever_blanks_its_path_has(shown):
    """The host's lines are HTML, in which two blanks look like one."""
    path = "/a/my  films\u00a0of  May/sequence-0.mp4"
    page = shown('<div id="html_log_txt2img"></div>', "itermix_video")
    page.evaluate(
        """path => new Promise(requestAnimationFrame).then(() => {
            const lines = ["Latent Sequence: one frame is left out", "Latent Sequence video: " + path, ""];
            const comments = "<p class='comments'>" + lines.join("<br>\\n") + "</p>";
            document.querySelector("#html_log_txt2img").innerHTML = comments;
        })""",
        path,
    )
    page.wait_for_selector("video", state="attached", timeout=5000)
    address = page.get_attribute("video", "src").partition("?")[0]
    assert address == "file=/a/my%20%20films%C2%A0of%20%20May/sequence-0.mp4"
