"""The page of a real WebUI in a real browser: how its tests open it, set its fields and read them."""

from __future__ import annotations

import os

import pytest

from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from tests.browser import launched

SHOTS = "ITERMIX_SCREENSHOTS"  # a folder that the pictures of the page are put into
# A1111's page raises this while loading, with no extension installed.
HOSTS_OWN_FAULT = "Cannot read properties of undefined (reading 'props')"
TAB = "#itermix_txt2img"
SWITCH = f"{TAB}-visible-checkbox, {TAB}_enabled input"  # in the accordion's head, or in hosts without such in it
# What the page shows before anything is changed.
FIRST_PRESET = Presets("there is none", MixingSettings, "mixing").offer().name_of({
    field.name: field.default for field in MixingSettings.fields() if field.kind != "image" and field.name != "enabled"
})  # fmt: skip
# The copy of Forge Neo that was run loads every new visitor's page again after 2 s, which would take along what a test
# has done until then (or, on a busy machine, the page before it is built); it asks the browser's session about it.
LOADED_ONCE = "try { sessionStorage.setItem('physton_icon_refreshed', '1') } catch (error) {}"
QUIET, AT_ONCE = 500, 100  # ms without a question of the page's, and between two looks
LONG = 120_000  # ms, on a slow machine with other work
GENERATION = 200_000  # ms


@pytest.fixture(scope="module")
def browser():
    yield from launched()


@pytest.fixture
def page(request, host, browser):
    """A loaded page, of the width and the theme of a test that has such parameters."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    page = opened(browser, host.url, **{name: parameters[name] for name in ("width", "theme") if name in parameters})
    yield page
    page.close()


def opened(browser, url, width=1280, height=1600, theme=None):
    """A loaded page; what goes wrong in it is kept in `faults`."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(LONG)
    page.add_init_script(LOADED_ONCE)
    page.faults, page.asked = [], set()
    page.on("request", lambda request: page.asked.add(request) if request.method == "POST" else None)
    for ended in ("requestfinished", "requestfailed"):
        page.on(ended, lambda request: page.asked.discard(request))
    page.on("pageerror", lambda error: page.faults.append(str(error)) if str(error) != HOSTS_OWN_FAULT else None)
    page.on("console", lambda message: page.faults.append(message.text) if is_fault(message) else None)
    load(page, f"{url}/?__theme={theme}" if theme else url)
    return page


def load(page, url):
    page.goto(url, wait_until="load")
    page.wait_for_selector("#txt2img_generate", state="visible")
    page.wait_for_selector(SWITCH, state="attached")  # the host's script makes it; a click before would miss it
    quiet = 0
    while quiet < QUIET:  # Forge Neo answers its page with its preset's steps, which would replace what a test has set
        page.wait_for_timeout(AT_ONCE)
        quiet = 0 if page.asked else quiet + AT_ONCE


def is_fault(message):
    """An error of a script. A resource that the host does not serve, such as a card's picture, is its own affair."""
    return message.type == "error" and "Failed to load resource" not in message.text


def shoot(page, name):
    folder = os.environ.get(SHOTS)
    if folder:
        page.wait_for_timeout(500)
        page.screenshot(path=os.path.join(folder, f"{name}.png"))


def set_number(page, container, value):
    field = page.locator(f"{container} input[type=number]").first
    field.fill(str(value))
    field.press("Tab")


def fill_to_stay(page, selector, text):
    """Fills a text field that the page may still be clearing, as an answer to a choice made before."""
    for _ in range(20):
        page.fill(selector, text)
        page.wait_for_timeout(1000)
        if page.input_value(selector) == text:
            return
    pytest.fail(f"{selector} does not keep {text!r}")


def wait_for_number(page, container, value):
    field = page.locator(f"{container} input[type=number]").first
    page.wait_for_function(
        "([element, value]) => Math.abs(Number(element.value) - value) < 1e-6", arg=[field.element_handle(), value]
    )


def choose(page, selector, choice):
    page.locator(f"{selector} input").first.click()
    listed = f'li[aria-label="{choice}" i]'  # Forge Classic's plot is "X/Y/Z Plot"
    page.locator(f"{selector} {listed}, ul {listed}").last.click()


def wait_for_choice(page, selector, choice):
    field = page.locator(f"{selector} input").first
    page.wait_for_function("([element, choice]) => element.value === choice", arg=[field.element_handle(), choice])


def open_accordion(page, selector):
    """Where it is closed: one that is a switch opens when an option or a paste switches it on, and off when closed."""
    head = page.locator(f"{selector} > .label-wrap, {selector} > button.label-wrap").first
    if "open" not in head.get_attribute("class").split():
        head.click()


def switch_mixing(page, on):
    """With the host's own switch the accordion opens when it is switched on, and opening it switches it on."""
    page.locator(SWITCH).first.set_checked(on)


def wait_for_switch(page, on):
    wait_for_checked(page, SWITCH, on)


def wait_for_checked(page, selector, on):
    page.wait_for_function(
        "([element, on]) => element.checked === on", arg=[page.locator(selector).first.element_handle(), on]
    )


def open_hires(page):
    """Switches hires fix on, by a checkbox in its head that does not open it. Its steps are the first pass's."""
    page.locator("#txt2img_hr-visible-checkbox, #txt2img_hr input[type=checkbox]").first.check()
    open_accordion(page, "#txt2img_hr")
    set_number(page, "#txt2img_hires_steps", 0)  # Forge Neo's presets have 32


def ask_for_little(page, steps=4):
    """A small picture of few steps."""
    page.fill("#txt2img_prompt textarea", "a cat")
    for name, value in (("width", 64), ("height", 64), ("steps", steps), ("seed", 1)):
        set_number(page, f"#txt2img_{name}", value)


def generate(page, tab="txt2img"):
    """Presses Generate; the infotext under the pictures."""
    page.click(f"#{tab}_generate")
    page.wait_for_selector(f"#html_info_{tab} p", timeout=GENERATION)
    page.wait_for_selector(f"#{tab}_gallery img")
    return page.inner_text(f"#html_info_{tab}")


def gallery(page, tab="txt2img"):
    """The addresses of the pictures in the gallery, in order."""
    images = f"#{tab}_gallery .thumbnails img, #{tab}_gallery .thumbnail-item img"
    found = page.eval_on_selector_all(images, "images => images.map(image => image.src)")
    return list(dict.fromkeys(found))


def paste(page, text):
    page.fill("#txt2img_prompt textarea", text)
    page.click("#paste")


def infotext(**more):
    """Parameters as the host writes them; more: of itermix, {"Iterative_Mixing": JSON text}."""
    ours = "".join(f', {key.replace("_", " ")}: "{value}"' for key, value in more.items())
    return f"a dog\nSteps: 5, Sampler: Euler, CFG scale: 7, Seed: 2, Size: 64x64{ours}, Version: x"
