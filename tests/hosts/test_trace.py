"""A trace of a mixed pass: strips beside the pictures, and nothing else changed by it."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from itermix.mixing.trace import DENOISED, STATE
from tests.webui.fake import FakeHost
from tools.real_host import as_base64

HIRES = dict(enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.7)
SAMPLERS = ("Euler", "Heun", "LMS", "DDIM", "UniPC", "DPM adaptive")


OUTPUT = ("outdir_txt2img_samples", "save_to_dirs")  # options of a real host


class Looking:
    """A host that is asked for traces, and the strips that it has saved."""

    def __init__(self, host, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.host, self.monkeypatch = host, monkeypatch
        self.go_to(folder)

    def go_to(self, folder: Path) -> None:
        self.folder = folder
        if not isinstance(self.host, FakeHost):
            self.host.post("/sdapi/v1/options", dict(zip(OUTPUT, (str(folder), False))))

    def generate(self, steps_shown: int, **body):
        body = {"save_images": True, **body}
        if isinstance(self.host, FakeHost):
            options = sys.modules["modules.shared"].opts
            self.monkeypatch.setattr(options, "itermix_trace", steps_shown, raising=False)
            self.monkeypatch.setattr(options, "samples_save", True)
            body["outpath_samples"] = self.folder
        else:
            wanted = {"itermix_trace": steps_shown, "samples_save": True}
            body["override_settings"] = {**wanted, **body.get("override_settings", {})}
        return self.host.generate(**body)

    @property
    def strips(self) -> list[Image.Image]:
        return [Image.open(path) for path in sorted(self.folder.rglob("*-trace-*.png"))]

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """Of the pictures, and of the strips, without what tells a strip from its picture."""
        files = sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*.*") if path.is_file())
        pictures = [name.rpartition(".")[0] for name in files if "-trace-" not in name and name.endswith("g")]
        return pictures, [name.partition("-trace-")[0] for name in files if "-trace-" in name]


@pytest.fixture
def looking(host, tmp_path, monkeypatch):
    if isinstance(host, FakeHost):
        pytest.importorskip("PIL", minversion="10.1", reason="Pillow's own font")
        yield Looking(host, tmp_path, monkeypatch)
        return
    host.arm(network="gaussian")
    before = host.get("/sdapi/v1/options")
    yield Looking(host, tmp_path, monkeypatch)
    host.post("/sdapi/v1/options", {**{name: before[name] for name in OUTPUT}, "itermix_trace": 0})


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_strip_is_saved_and_the_picture_has_the_same_bits(looking, sampler):
    body = dict(HIRES, sampler_name=sampler, mixing={"alpha_1": 0.5})
    without, with_strip = looking.generate(0, **body), looking.generate(4, **body)
    assert with_strip.same_as(without)
    assert len(with_strip.pictures) == 1  # not among the pictures
    (strip,) = looking.strips
    assert strip.width > 4 * 200 and len(np.unique(np.asarray(strip.convert("L")))) > 20
    assert any("trace saved as" in line for line in with_strip.log)
    assert not any("trace" in line for line in without.log)


def test_each_image_of_a_batch_has_its_own_strip(looking):
    looking.generate(3, batch_size=2, mixing={}, **HIRES)
    first, second = looking.strips
    assert first.size == second.size and first.tobytes() != second.tobytes()


@pytest.mark.parametrize("format", ["png", "jpg"])
def test_a_strip_is_named_as_its_picture(looking, format):
    body = dict(HIRES, mixing={"passes": "all"}, batch_size=2, seed=7, override_settings={"samples_format": format})
    looking.generate(0, **body)  # so that numbers do not begin at 0
    looking.generate(3, n_iter=2, **body)
    pictures, strips = looking.names
    assert len(pictures) == 6 and len(set(pictures)) == 6
    assert strips == pictures[2:]


@pytest.mark.real_host
def test_a_strip_lies_beside_its_picture_where_the_host_numbers_what_is_there_already(looking):
    numbered = {"save_images_replace_action": "Add number suffix", "save_images_add_number": False}
    wanted = {**numbered, "samples_filename_pattern": "same"}
    before = {name: value for name, value in looking.host.get("/sdapi/v1/options").items() if name in wanted}
    looking.host.post("/sdapi/v1/options", wanted)
    try:
        for seed in (1, 2, 3):
            looking.generate(3, mixing={}, seed=seed, **HIRES)
        (looking.folder / "same-1.png").unlink()  # a gap in the numbers, which the next picture fills
        looking.generate(3, mixing={}, seed=1, **HIRES)
    finally:
        looking.host.post("/sdapi/v1/options", before)
    pictures, strips = looking.names
    assert sorted(pictures) == sorted(strips) == ["same", "same-1", "same-2"]
    strip = {name: np.asarray(Image.open(looking.folder / f"{name}-trace-hires-pass.png")) for name in sorted(pictures)}
    assert np.array_equal(strip["same"], strip["same-1"])  # one seed
    assert not np.array_equal(strip["same"], strip["same-2"])


def test_both_passes_of_a_picture_have_strips_of_its_name(looking, picture):
    looking.generate(3, mixing={"passes": "all", "reference_image": as_base64(picture)}, **HIRES)
    (name,), strips = looking.names
    assert strips == [name, name]
    ends = sorted(path.name.partition("-trace-")[2] for path in looking.folder.rglob("*-trace-*"))
    assert ends == ["first-pass.png", "hires-pass.png"]


def test_a_frame_of_a_sequence_has_its_strip_beside_it(looking):
    mixed = {"frames": 3, "mixing_reference": "previous frame"}
    looking.generate(3, mixing={}, script_name="Latent Sequence", script_args=[mixed])
    pictures, strips = looking.names
    assert [name[-5:] for name in pictures] == ["00000", "00001", "00002"]
    assert strips == pictures[1:]  # txt2img's first frame has no reference


@pytest.mark.parametrize("not_saved", [dict(save_images=False), dict(override_settings={"samples_save": False})])
@pytest.mark.parametrize("more", [HIRES, dict(script_name="Latent Sequence", script_args=[
    {"frames": 2, "mixing_reference": "previous frame"}
])], ids=["picture", "sequence"])  # fmt: skip
def test_where_no_picture_is_saved_there_is_no_strip(looking, not_saved, more):
    made = looking.generate(3, mixing={}, **more, **not_saved)
    assert looking.names == ([], [])
    assert any("mixed" in line for line in made.log) and not any("trace" in line for line in made.log)


def test_what_is_not_mixed_has_no_strip(looking):
    looking.generate(3, **HIRES)
    assert looking.strips == []


def test_a_strip_that_cannot_be_written_costs_one_line_and_no_picture(looking, monkeypatch):
    if not isinstance(looking.host, FakeHost):
        pytest.skip("a fault is put into this process")
    from itermix.webui.mixing import trace

    def full(path, strip):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(trace, "save_picture", full)
    body = dict(HIRES, mixing={})
    whole = looking.generate(0, **body)
    made = looking.generate(3, **body)
    assert made.same_as(whole)
    assert sum("the trace was not saved" in line for line in made.log) == 1
    assert any("mixed" in line for line in made.log)


def test_a_fault_in_looking_is_said_and_the_pass_is_mixed_all_the_same(looking, monkeypatch):
    if not isinstance(looking.host, FakeHost):
        pytest.skip("a fault is put into this process")
    from itermix.mixing.trace import Trace

    body = dict(HIRES, mixing={})
    whole = looking.generate(0, **body)

    def broken(traced, name, latent, whole):
        raise MemoryError("no memory for a trace")

    monkeypatch.setattr(Trace, "_keep", staticmethod(broken))
    made = looking.generate(3, **body)
    assert made.same_as(whole) and looking.strips == []
    assert [line for line in made.log if "not saved" in line] == [
        "hires pass: the trace was not saved: RuntimeError: MemoryError: no memory for a trace"
    ]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("timing", ["start of step", "end of step (node pack)"])
def test_every_step_is_seen_with_its_state_and_what_the_model_saw_in_it(looking, monkeypatch, sampler, timing):
    if not isinstance(looking.host, FakeHost):
        pytest.skip("looks into this process")
    from itermix.webui.mixing import trace

    seen = []
    monkeypatch.setattr(trace, "keep", lambda p, mixer, name, sampler: seen.append(mixer.trace))
    looking.generate(3, sampler_name=sampler, mixing={"timing": timing, "hires_denoise": 1.0}, steps=8, **HIRES)
    (looked,) = seen
    steps = sorted(looked.traced)
    assert steps == list(range(len(steps))) and len(steps) >= 5
    assert all({STATE, DENOISED} <= set(looked.traced[step].statistics) for step in steps[:-1])
    kept = [step for step in steps if looked.traced[step].latents]
    assert len(kept) == 3 and kept[0] == 0
