"""itermix's part of the settings page, and a start with presets that cannot be used: a WebUI with a past of its own."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from itermix.mixing.settings import MixingSettings
from tests.hosts.conftest import VARIABLE
from tests.hosts.pages import (
    SWITCH,
    TAB,
    choose,
    open_accordion,
    opened,
    shoot,
    wait_for_choice,
    wait_for_number,
)
from tools.real_host import READY, START_TIMEOUT, Host

pytestmark = pytest.mark.real_host

OPTIONS = {
    "itermix_preset": "Creative",
    "itermix_enabled": True,
    "itermix_video_format": "gif",
    "itermix_log_level": "warnings and errors",
}
FROM_THE_FUTURE = json.dumps({"version": 99, "mixing": {"a": {"alpha_1": 1.0}}})


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Started with these options, and with a file of presets that a newer itermix has written."""
    data = tmp_path_factory.mktemp("options")
    (data / "itermix").mkdir()
    (data / "itermix" / "presets.json").write_text(FROM_THE_FUTURE)
    running = Host(Path(os.environ[VARIABLE]).resolve(), data, options=OPTIONS)
    running.generate()  # the first request loads the model; a page beside that would wait for minutes
    yield running
    running.stop()


def test_the_page_begins_as_the_options_say(host, page):
    open_accordion(page, TAB)
    wait_for_choice(page, f"{TAB}_preset", "Creative")
    wait_for_number(page, f"{TAB}_alpha_1", MixingSettings.presets()["Creative"]["alpha_1"])
    assert page.locator(SWITCH).first.is_checked()
    choose(page, "#tab_txt2img #script_list", "Latent Sequence")
    wait_for_choice(page, "#itermix_sequence_txt2img_video_format", "gif")
    assert not page.faults


def test_the_api_does_not_follow_the_options(host):
    (infotext,) = host.generate(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5).infotexts
    assert "Iterative Mixing" not in infotext
    sequence = {"script_name": "latent sequence", "script_args": [{"frames": 2}]}
    assert "gif" not in host.generate(**sequence).infotexts[0]


def test_a_file_of_presets_from_the_future_is_one_line_in_the_log_and_one_on_the_page(host, page):
    told = [line for line in host.lines_since(0) if "newer itermix" in line]
    assert len(told) == 1 and "update itermix to use it" in told[0] and "presets.json" in told[0]
    open_accordion(page, TAB)
    page.wait_for_selector(f"{TAB}_preset_trouble >> text=update itermix to use it")
    assert (host.data / "itermix" / "presets.json").read_text() == FROM_THE_FUTURE


def test_the_log_level_is_the_options_until_it_is_changed(host):
    assert not host.generate(mixing={"alpha_1": 1.0}).log
    host.post("/sdapi/v1/options", {"itermix_log_level": "a line about each pass"})
    assert host.generate(mixing={"alpha_1": 1.0}).log
    host.post("/sdapi/v1/options", {"itermix_log_level": "errors"})
    assert not host.generate(mixing={"alpha_1": 1.0}).log


def test_the_options_are_on_the_settings_page_and_stay_after_a_reload_of_the_page(host, browser):
    page = opened(browser, host.url)
    page.locator("#tabs > .tab-nav button", has_text="Settings").first.click()
    page.locator("#settings > .tab-nav button, #settings .tab-nav button", has_text="itermix").first.click()
    for name in OPTIONS:
        page.wait_for_selector(f"#setting_{name}", state="visible")
    wait_for_choice(page, "#setting_itermix_preset", "Creative")
    page.locator("#setting_itermix_preset").scroll_into_view_if_needed()  # the list of pages can be a long one
    shoot(page, "options")
    assert not page.faults
    page.close()


def test_a_reload_of_the_page_by_the_host_keeps_axes_options_and_routes(host, browser):
    """The host forgets all callbacks then and loads its scripts anew."""
    page = opened(browser, host.url)
    mark = len(host.log)
    page.evaluate("document.querySelector('#settings_restart_gradio').click()")
    until = time.monotonic() + START_TIMEOUT
    while READY not in host.log[mark:] and time.monotonic() < until:
        time.sleep(0.5)
    page.close()
    (info,) = (i for i in host.get("/sdapi/v1/script-info") if (i["name"], i["is_img2img"]) == ("x/y/z plot", False))
    assert "[Iterative Mixing] alpha_1" in info["args"][0]["choices"]
    assert "mixing" in host.get("/itermix/v1/schema")
    page = opened(browser, host.url)
    page.wait_for_selector("#setting_itermix_preset", state="attached")
    open_accordion(page, TAB)
    wait_for_choice(page, f"{TAB}_preset", "Creative")
    page.close()


def test_the_host_keeps_no_first_values_of_ours(host):
    """They would win over later defaults. What an older itermix has left there is not read."""
    kept = json.loads((host.data / "ui-config.json").read_text(encoding="utf-8"))
    assert len(kept) > 100
    assert [key for key in kept if "itermix" in key] == []
