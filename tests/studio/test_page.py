"""The standalone's page in a real browser: generate, compare, mix, interrupt, and what happens to bad input."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from itermix.mixing import curve
from itermix.mixing.noising import VE, alphas_cumprod
from itermix.mixing.settings import MixingSettings
from itermix.presets import Presets
from itermix.sequence.gallery import example
from tests.browser import launched

# Not imported: the page has a process of its own, and the fake host of other tests a gradio of its own.
pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("gradio", "diffusers"))), reason="the page needs gradio and diffusers"
)

ROOT = Path(__file__).parents[2]
SHOTS = "ITERMIX_SCREENSHOTS"  # a folder that the pictures of the page are put into
START, LONG, RUN = 900, 120_000, 600_000  # s, ms, ms; long, as a machine may be busy
RUN_NUMBER = "document.querySelector('#itermix_status p')?.dataset.run ?? null"


@pytest.fixture(scope="module")
def browser():
    yield from launched()


@pytest.fixture(scope="module")
def server(browser, folders, tmp_path_factory):
    """The address of a running studio, and the folder that it keeps its pictures in."""
    folder = tmp_path_factory.mktemp("pictures")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "itermix", "studio", "--checkpoint", str(folders / "sd15"), "--no-browser"]
    command += ["--presets", str(folder / "presets" / "presets.json")]
    environment = {**os.environ, "ITERMIX_ENVIRONMENT": "none", "OMP_NUM_THREADS": "1"}
    log = (folder / "log.txt").open("w+")
    process = subprocess.Popen(
        [*command, "--port", str(port), "--out", str(folder)], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        wait_for_port(port, process, folder / "log.txt")
        yield f"http://127.0.0.1:{port}", folder
    finally:
        process.terminate()
        process.wait(20)


def wait_for_port(port, process, log):
    """Until the page is served, or cannot be any more."""
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"the page did not start: {log.read_text()}")


def patient(browser, **more):
    """A new page of the browser's. more: of playwright's own."""
    page = browser.new_page(**more)
    page.set_default_timeout(LONG)
    return page


@pytest.fixture
def page(server, browser):
    """The page at 64 x 64 pixels, 4 steps, seed 1; what went wrong in the browser or left the machine is kept."""
    page = patient(browser, viewport={"width": 1280, "height": 1500})
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: page.faults.append(request.url) if is_foreign(request.url) else None)
    page.goto(server[0], wait_until="load")
    page.wait_for_selector("#itermix_generate", timeout=RUN)
    for name, value in (("width", 64), ("height", 64), ("steps", 4), ("seed", 1)):
        set_number(page, f"#txt2img_{name}", value)
    yield page
    page.close()


def is_foreign(url):
    return not url.startswith(("http://127.0.0.1", "data:", "blob:"))


TABS = ("Picture", "Upscale", "Sequence", "Compare")


# gradio 6 makes what is in a tab or a group when that is opened, and gives the fields their first values once more a
# moment later: the longer, the busier the machine. What a test has filled in by then would be lost.
SETTLED = """async () => {
    for (let i = 0; i < 3; i++) {
        await new Promise((done) => requestIdleCallback(done, {timeout: 5000}));
        await new Promise((done) => setTimeout(done, 100));
    }
}"""


def show(page, selector):
    """Opens the tab that this is in."""
    for name in TABS:
        if page.locator(selector).first.is_visible():
            return
        page.get_by_role("tab", name=name).click()
        page.evaluate(SETTLED)


def open_up(page, group):
    page.locator(f"{group} > button.label-wrap").first.click()
    page.evaluate(SETTLED)


def set_number(page, container, value):
    show(page, container)
    field = page.locator(f"{container} input[type=number]").first
    for _ in range(5):
        field.fill(str(value))
        field.press("Tab")
        page.evaluate(SETTLED)
        if field.input_value() == str(value):
            return
    pytest.fail(f"{container} is {field.input_value()!r}, and does not keep {value!r}")


def shoot(page, name):
    folder = os.environ.get(SHOTS)
    if folder:
        page.wait_for_timeout(500)
        page.screenshot(path=os.path.join(folder, f"{name}.png"))


def start(page, button="#itermix_generate"):
    """Presses it, and waits until the page shows something of that run and not of the one before."""
    last = page.evaluate(RUN_NUMBER)
    page.click(button)
    page.wait_for_function(f"last => ({RUN_NUMBER}) !== last", arg=last, timeout=RUN)


def wait_for(page, pattern, timeout=RUN):
    text = "document.querySelector('#itermix_status').innerText"
    try:
        page.wait_for_function(f"pattern => new RegExp(pattern).test({text})", arg=pattern, timeout=timeout)
    except Exception:  # playwright's own says only that it waited
        pytest.fail(f"the status is {page.inner_text('#itermix_status')!r}, and not {pattern!r}, after {timeout} ms")


def generate(page, server):
    """The pictures of a run, oldest first: path and bytes."""
    before = kept(server)
    start(page)
    wait_for(page, "^Done|^Interrupted")
    return [(path, path.read_bytes()) for path in sorted(kept(server) - before)]


def kept(server):
    return {path for path in server[1].glob("0*.png") if "trace" not in path.name}


def pixels(path):
    from PIL import Image

    return Image.open(path).convert("RGB").tobytes()


def test_generate_gives_a_picture_with_its_parameters_and_one_to_compare(page, server):
    from PIL import Image

    shoot(page, "studio")
    ((path, _),) = generate(page, server)
    with Image.open(path) as picture:
        assert picture.size == (128, 128)
        text = picture.info["parameters"]
    written = json.dumps(MixingSettings(enabled=True).to_infotext())
    assert "Seed: 1," in text and f"Iterative Mixing: {written}" in text
    assert page.input_value("#itermix_infotext textarea") == text
    page.wait_for_selector("#itermix_gallery img")
    page.locator("#itermix_slider img").nth(1).wait_for(state="attached")  # it fills after the gallery
    assert page.locator("#itermix_slider img").count() == 2
    assert "without mixing" in page.inner_text("#itermix_slider")
    assert page.locator("#itermix_film").count() == 1 and not page.locator("#itermix_film").is_visible()
    other = path.with_name(f"compared-{path.name.split('-')[0]}.png")
    assert pixels(other) != pixels(path)
    shoot(page, "studio-done")
    page.set_viewport_size({"width": 800, "height": 1100})
    shoot(page, "studio-done-800")
    label, buttons = (box(page, f"#itermix_slider {part}") for part in ("label", ".icon-button-wrapper"))
    assert label["x"] + label["width"] <= buttons["x"], "the label does not run under the buttons"
    assert not page.faults


def test_the_same_seed_gives_the_same_pixels_and_alpha_1_changes_them(page, server):
    (first,) = generate(page, server)
    (again,) = generate(page, server)
    set_number(page, "#itermix_txt2img_alpha_1", 3)
    (changed,) = generate(page, server)
    assert pixels(first[0]) == pixels(again[0]) != pixels(changed[0])
    assert not page.faults


def test_interrupt_keeps_what_is_finished_and_the_page_goes_on(page, server):
    set_number(page, "#txt2img_count", 16)
    set_number(page, "#txt2img_steps", 60)
    before = set(server[1].glob("0*.png"))
    start(page)
    wait_for(page, "picture 2")
    page.click("#itermix_interrupt")
    wait_for(page, "Interrupted")
    kept = set(server[1].glob("0*.png")) - before
    assert 1 <= len(kept) < 16
    assert re.search(rf"{len(kept)} of 16", page.inner_text("#itermix_status"))
    set_number(page, "#txt2img_count", 1)
    set_number(page, "#txt2img_steps", 4)
    assert len(generate(page, server)) == 1
    assert not page.faults


def test_bad_input_is_said_and_the_page_goes_on(page, server):
    open_group(page, "curve")
    set_number(page, "#itermix_txt2img_start", 0.9)
    set_number(page, "#itermix_txt2img_stop", 0.5)
    page.wait_for_selector(".itermix-curve-text:has-text('must be below')")
    start(page)
    wait_for(page, "Curve start: 0.9")
    assert "it must be below stop, which is 0.5" in page.inner_text("#itermix_status")
    page.wait_for_selector(".toast-wrap >> text=below stop")
    shoot(page, "studio-refused")
    set_number(page, "#itermix_txt2img_start", 0)
    assert len(generate(page, server)) == 1
    set_number(page, "#itermix_txt2img_start", 0.9)
    start(page)
    wait_for(page, "Curve start: 0.9")
    assert page.locator("#itermix_gallery img").count() > 0, "the pictures of the run before stay"


def open_group(page, name):
    show(page, f"#itermix_txt2img_{name}_group")
    open_up(page, f"#itermix_txt2img_{name}_group")


def drawn_weights(page):
    dots = page.eval_on_selector_all(".itermix-step", "dots => dots.map(dot => Number(dot.getAttribute('cy')))")
    box = page.eval_on_selector(".itermix-plot", "r => ['y', 'height'].map(name => Number(r.getAttribute(name)))")
    return torch.tensor([(box[0] + box[1] - y) / box[1] for y in dots], dtype=torch.float64)


def test_the_curve_has_the_levels_of_the_studios_own_schedule(page):
    """Karras levels of four steps, as the hires pass at denoising strength 0.7 makes three of them."""
    abar = alphas_cumprod()
    ends = [float(((1 - abar[i]) / abar[i]).sqrt()) for i in (-1, 0)]
    high, low = (end ** (1 / 7) for end in ends)
    levels = [(high + i / 3 * (low - high)) ** 7 for i in range(4)][-3:]
    u = torch.tensor([VE().progress(level) for level in levels], dtype=torch.float64)
    for alpha in (0.3, 0.7, 4.0):  # with a small one the weight of the last level is all rounding: 0 to that power
        set_number(page, "#itermix_txt2img_alpha_1", alpha)
        wanted = curve.weights(MixingSettings(enabled=True, alpha_1=alpha), 3, u)
        page.wait_for_function("document.querySelectorAll('.itermix-step').length === 3", timeout=RUN)
        page.wait_for_timeout(700)
        torch.testing.assert_close(drawn_weights(page), wanted, atol=1e-4, rtol=0)
    assert not page.faults


def test_what_the_curve_says_is_what_the_run_does(page, server):
    set_number(page, "#itermix_txt2img_alpha_1", 0.7)
    page.wait_for_selector(".itermix-curve-text >> text=steps mixed")
    weights = r"steps mixed, weight ([\d.]+) to (\d+\.\d+)"
    said = re.search(rf"hires pass: (\d+) of \d+ {weights}", page.inner_text(CURVE_TEXT))
    generate(page, server)
    done = re.search(rf"hires pass: (\d+) {weights}", page.inner_text("#itermix_status"))
    assert said.groups() == done.groups()


def test_a_picture_to_start_from_gives_the_sizes_its_shape(page, tmp_path):
    from PIL import Image

    file = tmp_path / "photo.png"
    Image.new("RGB", (640, 427), "red").save(file)
    show(page, "#itermix_source")
    open_up(page, "#itermix_source")
    page.set_input_files("#itermix_image input[type=file]", str(file))
    page.wait_for_function(WIDTH_IS, arg=80, timeout=RUN)
    width, height = (float(page.input_value(f"#txt2img_{side} input[type=number]")) for side in ("width", "height"))
    assert abs(width / height - 640 / 427) < 0.2 and width % 8 == height % 8 == 0


def test_a_sequence_makes_its_frames_and_a_film(page, server):
    set_number(page, f"{SEQUENCE}_frames", 3)
    choose(page, f"{SEQUENCE}_travel", "slerp")
    page.fill(f"{SEQUENCE}_prompts textarea", "0: red\n2: blue")
    open_up(page, f"{SEQUENCE}_video_group")
    choose(page, f"{SEQUENCE}_video_format", "gif")
    start(page, "#itermix_make_sequence")
    wait_for(page, "^Done: 3 of 3 frames")
    (folder,) = server[1].glob("sequence-*")
    assert sorted(file.name for file in folder.iterdir()) == ["00000.png", "00001.png", "00002.png", "sequence.gif"]
    page.wait_for_selector("#itermix_film img")
    shoot(page, "studio-sequence")
    assert not page.faults


def test_what_is_wrong_with_a_plan_is_said_under_the_fields_label(page):
    set_number(page, f"{SEQUENCE}_frames", 3)
    open_up(page, f"{SEQUENCE}_values_group")
    page.fill(f"{SEQUENCE}_denoise_schedule textarea, {SEQUENCE}_denoise_schedule input", "0:(much)")
    page.click(f"{SEQUENCE}_plan")
    page.wait_for_selector(f"{SEQUENCE}_problem >> text=Denoise schedule: ")


def test_a_click_on_an_example_fills_in_the_fields(page):
    show(page, f"{SEQUENCE}_frames")
    page.context.set_offline(True)  # it happens in the browser
    open_up(page, f"{SEQUENCE}_examples_group")
    page.click(f"{SEQUENCE}_example_loop")
    loop = example("loop").settings
    wait_for_number(page, f"{SEQUENCE}_frames", loop.frames)
    wait_for_choice(page, f"{SEQUENCE}_travel", loop.travel)
    assert page.input_value(f"{SEQUENCE}_prompts textarea") == loop.prompts
    open_up(page, f"{SEQUENCE}_video_group")
    assert page.is_checked(f"{SEQUENCE}_close_loop input")
    page.click(f"{SEQUENCE}_example_zoom")
    wait_for_number(page, f"{SEQUENCE}_frames", example("zoom").settings.frames)
    open_up(page, f"{SEQUENCE}_camera_group")
    assert page.input_value(f"{SEQUENCE}_zoom_schedule input, {SEQUENCE}_zoom_schedule textarea") == "0:(1), 4:(1.04)"
    assert not page.is_checked(f"{SEQUENCE}_close_loop input")
    shoot(page, "studio-examples")
    page.context.set_offline(False)
    assert not page.faults


def test_a_grid_has_a_cell_for_each_pair_of_values(page, server):
    show(page, "#itermix_x_values")
    page.fill("#itermix_x_values textarea, #itermix_x_values input", "0.1, 2")
    choose(page, "#itermix_y", "seed")
    page.fill("#itermix_y_values textarea, #itermix_y_values input", "1-2")
    start(page, "#itermix_make_grid")
    wait_for(page, "^Done: 4 of 4 pictures")
    (folder,) = server[1].glob("grid-*")
    cells = [folder / f"{row}-{column}.png" for row in (1, 2) for column in (1, 2)]
    assert (folder / "grid.png").is_file() and len({pixels(cell) for cell in cells}) == 4
    shoot(page, "studio-grid")
    assert not page.faults


def test_a_trace_comes_beside_its_picture(page, server):
    set_number(page, "#itermix_trace", 2)
    ((path, _),) = generate(page, server)
    assert path.with_name(f"{path.stem}-trace-hires-pass.png").is_file()


def test_a_wrong_input_is_no_traceback_on_the_terminal(page, server):
    show(page, "#itermix_x_values")
    page.fill("#itermix_x_values textarea, #itermix_x_values input", "much")
    start(page, "#itermix_make_grid")
    wait_for(page, "Columns: alpha_1: 'much' is not allowed")
    assert "Traceback" not in (server[1] / "log.txt").read_text()


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("#itermix_txt2img_alpha_1", -1, "Freedom \\(alpha_1\\): -1 is not allowed; it takes a number from 0 to 10"),
        ("#itermix_txt2img_alpha_1", "", "Freedom \\(alpha_1\\): it is empty; it takes a number"),
        ("#txt2img_seed", "", "Seed: it is empty; it takes a whole number"),
    ],
)
def test_a_number_that_is_not_allowed_is_said_under_its_label(page, server, field, value, said):
    set_number(page, field, value)
    start(page)
    wait_for(page, said, LONG)
    assert "Traceback" not in (server[1] / "log.txt").read_text()


def test_settings_that_the_model_cannot_do_are_said(page, server, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"sampler": "Flow Euler"}))
    page.set_input_files("#itermix_load input[type=file], input[type=file][accept*=json]", str(file))
    page.wait_for_selector(".toast-wrap >> text=Sampling method: ", timeout=LONG)
    assert "Traceback" not in (server[1] / "log.txt").read_text()


def test_a_damaged_picture_is_said_under_its_label(page, server, tmp_path):
    file = tmp_path / "cut.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    show(page, "#itermix_source")
    open_up(page, "#itermix_source")
    page.set_input_files("#itermix_image input[type=file]", str(file))
    page.wait_for_selector(".toast-wrap >> text=Picture: cut.png is no picture that can be read", timeout=LONG)
    start(page)
    wait_for(page, "Picture: cut.png is no picture that can be read", LONG)
    assert "Traceback" not in (server[1] / "log.txt").read_text()


def saved_seed(page, tmp_path):
    with page.expect_download() as download:
        page.click("#itermix_save")
    file = tmp_path / "settings.json"
    download.value.save_as(file)
    return json.loads(file.read_text())["seed"]


def test_saved_settings_have_the_pictures_own_seed(page, server, tmp_path):
    set_number(page, "#txt2img_seed", -1)
    set_number(page, "#txt2img_count", 2)
    (path, _), _ = generate(page, server)
    assert saved_seed(page, tmp_path) == int(path.stem.split("-")[1])


def test_two_tabs_have_their_own_runs_and_seeds(page, server, browser, tmp_path):
    set_number(page, "#txt2img_seed", -1)
    ((path, _),) = generate(page, server)
    other = patient(browser)
    other.goto(server[0], wait_until="load")
    for name, value in (("width", 64), ("height", 64), ("steps", 2), ("seed", 77)):
        set_number(other, f"#txt2img_{name}", value)
    generate(other, server)
    assert saved_seed(page, tmp_path) == int(path.stem.split("-")[1])
    set_number(page, "#txt2img_count", 6)
    set_number(page, "#txt2img_steps", 60)
    start(page)
    wait_for(page, "step")
    start(other)
    wait_for(other, "^Waiting for another run to end")
    other.click("#itermix_interrupt")
    wait_for(other, "^Interrupted while it waited")
    wait_for(page, "^Done: 6 of 6 pictures")
    other.close()


def test_a_page_that_is_closed_leaves_its_turn_to_the_others(page, server, browser):
    other = patient(browser)
    other.goto(server[0], wait_until="load")
    for name, value in (("width", 64), ("height", 64), ("steps", 60), ("count", 16)):
        set_number(other, f"#txt2img_{name}", value)
    start(other)
    wait_for(other, "picture 2")
    start(page)
    wait_for(page, "^Waiting")
    other.close()
    wait_for(page, "^Done: 1 of 1 pictures")


def test_two_runs_of_one_page_are_made_one_after_the_other(page, server):
    before = kept(server)
    set_number(page, "#txt2img_steps", 60)
    start(page)
    wait_for(page, "step")
    show(page, "#itermix_make_grid")
    start(page, "#itermix_make_grid")
    wait_for(page, "^Done: 3 of 3 pictures")
    assert len(kept(server) - before) == 1, "the run before was made to its end"


def test_a_sequence_of_a_drawn_seed_is_resumed(page, server):
    set_number(page, "#txt2img_seed", -1)
    set_number(page, "#txt2img_steps", 40)
    set_number(page, f"{SEQUENCE}_frames", 8)
    page.fill(f"{SEQUENCE}_prompts textarea", "0: red\n7: blue")
    start(page, "#itermix_make_sequence")
    wait_for(page, "frame [3-8] of 8")
    page.click("#itermix_interrupt")
    wait_for(page, "^Interrupted: [2-7] of 8 frames")
    open_up(page, f"{SEQUENCE}_video_group")
    page.check(f"{SEQUENCE}_resume input")
    start(page, "#itermix_make_sequence")
    wait_for(page, "^Done: 8 of 8 frames", LONG)


SEQUENCE = "#itermix_sequence_txt2img"
OF_THE_RUN = ("hires_reference", "hires_phases")  # fields of mixing that the page has among the run's own
PARTS = ("", "_alpha_1", "_alpha_1_slider")  # the accordion, the number in it, the number's slider
CURVE_TEXT = ".itermix-curve-text"
WIDTH_IS = "width => Number(document.querySelector('#txt2img_width input[type=number]').value) === width"
PRESET = "#itermix_txt2img_preset"
FIRST_PRESET = Presets("there is none", MixingSettings, "mixing").offer().name_of({
    field.name: field.default for field in MixingSettings.fields() if field.kind != "image" and field.name != "enabled"
})  # fmt: skip


def choose(page, selector, choice):
    show(page, selector)
    page.locator(f"{selector} input").first.click()
    page.locator(f'[role=option][aria-label="{choice}"], li[aria-label="{choice}"]').last.click()


def wait_for_number(page, container, value):
    show(page, container)
    field = page.locator(f"{container} input[type=number]").first
    page.wait_for_function(
        "([element, value]) => Math.abs(Number(element.value) - value) < 1e-6", arg=[field.element_handle(), value]
    )


def wait_for_choice(page, selector, choice):
    show(page, selector)
    field = page.locator(f"{selector} input").first
    page.wait_for_function("([element, choice]) => element.value === choice", arg=[field.element_handle(), choice])


def test_a_chosen_preset_sets_every_field_and_a_changed_field_makes_it_custom(page):
    show(page, PRESET)
    for group in page.locator("#itermix_txt2img [id^=itermix_txt2img_][id$=_group]").all():
        group.locator("> button.label-wrap").click()
    page.evaluate(SETTLED)
    page.context.set_offline(True)
    fields = [f for f in MixingSettings.fields() if f.kind in ("number", "choice") and f.name not in OF_THE_RUN]
    for name in [*reversed(MixingSettings.presets()), "Balanced"]:
        choose(page, PRESET, name)
        settings = MixingSettings.from_dict({"preset": name})
        for field in fields:
            wait = wait_for_choice if field.kind == "choice" else wait_for_number
            wait(page, f"#itermix_txt2img_{field.name}", getattr(settings, field.name))
        wait_for_choice(page, PRESET, name)
    set_number(page, "#itermix_txt2img_alpha_1", 9.5)
    wait_for_choice(page, PRESET, "custom")
    set_number(page, "#itermix_txt2img_alpha_1", MixingSettings().alpha_1)
    wait_for_choice(page, PRESET, "Balanced")
    choose(page, "#itermix_txt2img_blend", "slerp")
    wait_for_choice(page, PRESET, "custom")
    # The curve alone asks the server, for the levels of a new denoising strength; without an answer it says less.
    assert not [fault for fault in page.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


def test_a_preset_reaches_fields_in_folded_groups(page, server, tmp_path):
    choose(page, PRESET, "Node pack")
    wait_for_choice(page, PRESET, "Node pack")
    wait_for_number(page, "#itermix_txt2img_alpha_1", MixingSettings.presets()["Node pack"]["alpha_1"])
    with page.expect_download() as download:
        page.click("#itermix_save")
    file = tmp_path / "settings.json"
    download.value.save_as(file)
    kept = MixingSettings.from_dict(json.loads(file.read_text())["mixing"])
    wanted = MixingSettings.from_dict({"preset": "Node pack", "enabled": True})
    own = {name: getattr(MixingSettings(), name) for name in OF_THE_RUN}  # what the page has elsewhere stays
    assert kept == dataclasses.replace(wanted, **own)
    assert not page.faults


@pytest.mark.parametrize("name", ["Node pack", "Creative", "custom"])
def test_loaded_settings_show_their_preset(page, tmp_path, name):
    file = tmp_path / "settings.json"
    values = MixingSettings.presets().get(name, {"alpha_1": 1.23, "blend": "norm only"})
    file.write_text(json.dumps({"prompt": name, "mixing": values}))
    page.set_input_files("#itermix_load input[type=file], input[type=file][accept*=json]", str(file))
    wait_for_choice(page, PRESET, name)


def test_save_rename_and_delete_a_preset_of_ones_own(page, server):
    file = server[1] / "presets" / "presets.json"
    open_group(page, "presets")
    set_number(page, "#itermix_txt2img_alpha_1", 2.5)
    page.fill(f"{PRESET}_name textarea, {PRESET}_name input", "mine")
    page.click(f"{PRESET}_save")
    page.wait_for_selector(f'{PRESET}_answer >> text=Saved "mine".')
    wait_for_choice(page, PRESET, "mine")
    shoot(page, "studio-preset-saved")
    page.goto(server[0], wait_until="load")
    wait_for_choice(page, PRESET, FIRST_PRESET)
    choose(page, PRESET, "mine")
    wait_for_number(page, "#itermix_txt2img_alpha_1", 2.5)
    open_group(page, "presets")
    choose(page, f"{PRESET}_own", "mine")
    page.fill(f"{PRESET}_name textarea, {PRESET}_name input", "ours")
    page.click(f"{PRESET}_rename")
    page.wait_for_selector(f'{PRESET}_answer >> text=Renamed "mine" to "ours".')
    wait_for_choice(page, PRESET, "ours")
    assert list(json.loads(file.read_text())["mixing"]) == ["ours"]
    wait_for_choice(page, f"{PRESET}_own", "ours")
    page.click(f"{PRESET}_delete")
    page.wait_for_selector(f'{PRESET}_answer >> text=Deleted "ours".')
    wait_for_choice(page, PRESET, "custom")
    assert not page.faults


def test_settings_go_out_and_come_back(page, server, tmp_path):
    set_number(page, "#itermix_txt2img_alpha_1", 1.25)
    set_number(page, "#txt2img_hr_scale", 1.5)
    page.wait_for_timeout(300)
    with page.expect_download() as download:
        page.click("#itermix_save")
    file = tmp_path / "settings.json"
    download.value.save_as(file)
    values = json.loads(file.read_text())
    assert values["mixing"]["alpha_1"] == 1.25 and values["hires"] == 1.5 and values["seed"] == 1
    file.write_text(json.dumps({"prompt": "a red box", "steps": 7, "mixing": {"alpha_1": 0.5}}))
    page.set_input_files("#itermix_load input[type=file], input[type=file][accept*=json]", str(file))
    steps = page.locator("#txt2img_steps input[type=number]").first
    page.wait_for_function("element => Number(element.value) === 7", arg=steps.element_handle(), timeout=RUN)
    assert page.input_value("#txt2img_prompt textarea") == "a red box"
    assert float(page.input_value("#itermix_txt2img_alpha_1 input[type=number]")) == 0.5


def test_a_kept_picture_is_never_written_over(tmp_path):
    from types import SimpleNamespace

    from PIL import Image

    from itermix.studio.page.folder import keep, keep_beside

    picture = Image.new("RGB", (8, 8))
    event = SimpleNamespace(result=SimpleNamespace(seed=7, picture=picture), infotext="")
    first, second = (keep(tmp_path, event) for _ in range(2))
    first.unlink()
    third = keep(tmp_path, event)
    assert third not in (first, second)
    other = keep_beside(third, SimpleNamespace(picture=picture))
    assert other.name == "compared-00003.png" and other.is_file()


def test_a_page_that_is_closed_gives_up_its_run(page, server, browser):
    set_number(page, "#txt2img_count", 16)
    set_number(page, "#txt2img_steps", 100)
    start(page)
    wait_for(page, "step")
    page.close()
    another = patient(browser)
    another.goto(server[0], wait_until="load")
    for name, value in (("width", 64), ("height", 64), ("steps", 2), ("seed", 5)):
        set_number(another, f"#txt2img_{name}", value)
    start(another)
    wait_for(another, "^Done", LONG)
    another.close()


# Parts of a component that stand out of it: there they are cut off, or lie over its neighbour.
CUT = """() => [...document.querySelectorAll(".block")].filter((block) => block.clientWidth > 0).flatMap((block) => {
    const right = block.getBoundingClientRect().right + 1;
    return [...block.querySelectorAll("input[type=range], .max_value, .min_value, .itermix-curve text")]
        .filter((part) => part.getBoundingClientRect().right > right).map((part) => part.textContent || part.id);
})"""
LEAST_SLIDER = 209  # pixels that a slider needs for its label, its number and its help


def box(page, selector):
    return page.locator(selector).first.bounding_box()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_is_wider_than_the_page_or_cut_off(server, browser, scheme, width):
    page = patient(browser, viewport={"width": width, "height": 1100}, color_scheme=scheme)
    page.goto(server[0], wait_until="load")
    page.wait_for_selector("#itermix_generate", timeout=RUN)
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        if tab == "Upscale":
            page.wait_for_selector(".itermix-curve svg", timeout=RUN)
            accordion, number, slider = (box(page, f"#itermix_txt2img{part}") for part in PARTS)
            assert min(number["width"], slider["width"]) > 0.9 * accordion["width"]
            assert slider["y"] >= number["y"] + number["height"] - 1
            assert box(page, "#txt2img_hires_steps")["width"] >= LEAST_SLIDER
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        assert page.evaluate(CUT) == [], tab
        shoot(page, f"studio-{tab.lower()}-{scheme}-{width}")
    page.close()
