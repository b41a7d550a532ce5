"""Each option wrong in each way: one line that begins with the option's name, exit code 2, at once, nothing written.

All of it is found without torch, which the process that runs them cannot import.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from itermix.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
HALF = "half \udcff character"
LONG = "a" * 251 + ".png"  # 255 bytes: as long as a name may be, and nothing can be added


def of_render(field, *values, before=()):
    """(command, arguments, field) for each wrong value of one option."""
    return [("render", [*before, f"--{field}={value}"], field) for value in values]


NUMBERS = [
    *of_render("width", -8, 12, 8200, "wide", "64.5", ""),
    *of_render("height", -8, 65, 10**30, "high", ""),
    *of_render("steps", 0, -1, 1001, "many", 1.5, ""),
    *of_render("guidance", -1, 101, "nan", "inf", "much", ""),
    *of_render("seed", -1, 2**63, "x", 0.5),
    *of_render("count", 0, 1001, "two"),
    *of_render("strength", 0, -0.5, 1.1, "nan", "half"),
    *of_render("hires", 0.5, 17, "nan", "twice"),
    *of_render("hires-strength", 0, 1.1, -1, "full", before=["--hires=2"]),
    *of_render("hires-steps", -1, 1001, 2.5),
    *of_render("trace", -1, 21, "all"),
]
NAMES = [
    *of_render("sampler", "Nobody", "euler", ""),
    *of_render("schedule", "odd", "Karras", ""),
    *of_render("hires-upscaler", "none", "ESRGAN", ""),
    *of_render("device", "abacus", "meta", "cuda:first", ""),
    *of_render("negative", HALF),
    ("render", ["--image"], "image"),
    ("render", ["--steps"], "steps"),
]
MIXING = of_render(
    "mixing", "{", "[1,2]", "5", "", '{"alpha_2": 1}', '{"alpha_1": 99}', '{"alpha_1": "much"}', '{"blend": "odd"}',
    '{"preset": "None"}', '{"alpha_1": 1, "alpha_1": 2}', '{"start": 0.9, "stop": 0.1}',
)  # fmt: skip
FILES = [
    *of_render("image", "nowhere.png", "note.txt", "folder", ""),
    *of_render("mask", "picture.png"),
    *of_render("mask", "nowhere.png", "note.txt", before=["--image=picture.png"]),
    *of_render("settings", "nowhere.json", "note.txt", "folder", "list.json", "twice.json", "latin.json", ""),
    ("render", ["--settings=unknown.json"], "settings: 'colour' is not a setting"),
    ("render", ["--settings=steps.json"], "steps"),
    ("render", ["--settings=half.json"], "negative"),
    *of_render("sequence", "nowhere.json", "note.txt", "list.json", "frames.json", "unknown.json", "twice.json", ""),
    ("render", ["--sequence=good.json", "--resume"], "resume"),
    ("render", ["--resume"], "resume"),
    ("render", ["--sequence=good.json", "--hires=2"], "hires"),
    ("render", ["--sequence=good.json", "--count=2"], "count"),
    ("render", ["--sequence=good.json", "--trace=2"], "trace"),
    ("render", ["--sequence=good.json", "--strength=0.5"], "strength"),
    ("render", ["--sequence=good.json", "--image=picture.png", "--mask=picture.png"], "mask"),
    *of_render("save-settings", "folder", "note.txt/a.json", ""),
    *of_render("checkpoint", "nowhere", "folder", "note.txt", "short.safetensors", ""),
    *of_render("config", "nowhere", "folder", ""),
    *of_render("out", "folder", "a.bmp", "note.txt/a.png", "b" + LONG, f"{HALF}.png", ""),
    ("render", ["--out", LONG, "--count=2"], "out"),
    ("render", ["--out", LONG, "--sequence=good.json"], "out"),
]
OTHERS = [
    ("render", ["--strange"], "--strange"),
    ("render", ["second prompt"], "second"),
    ("render", ["--resume=yes"], "resume"),
    ("sweep", [], "x"),
    *[
        ("sweep", [f"--x={text}"], "x")
        for text in (
            "alpha_2=1",
            "count=1,2",
            "steps",
            "steps=",
            "steps=1.5",
            "steps=1,0",
            "alpha_1=many",
            "alpha_1=1-3",
            "",
            "seed=1-1000000",
            "sampler=Euler,Nobody",
            "alpha_1=0.5,1",
            "strength=0.5,1",
            "hires_steps=2,3",
        )
    ],
    ("sweep", ["--x=curve=cosine,round", "--hires=2"], "x"),
    ("sweep", ["--x=steps=1,2", "--y=steps=3"], "y"),
    ("sweep", ["--x=steps=1,2", "--y=seed=-1"], "y"),
    ("sweep", ["--x=seed=1", "--image=nowhere.png"], "image"),
    ("sweep", ["--x=seed=1", "--settings=count.json"], "count"),
    ("sweep", ["--x=seed=1", "--checkpoint=nowhere"], "checkpoint"),
    ("sweep", ["--x=seed=1", "--out=a.bmp"], "out"),
    ("sweep", ["--x=seed=1", "--ray="], "ray"),
    ("demo", ["--steps=0"], "steps"),
    ("demo", ["--steps=x"], "steps"),
    ("demo", ["--seed=-1"], "seed"),
    ("demo", ["--guidance=nan"], "guidance"),
    ("demo", ["--subjects"], "subjects"),
    ("demo", ["--subjects", ""], "subjects"),
    ("demo", ["--out=folder"], "out"),
    ("demo", ["--checkpoint=nowhere"], "checkpoint"),
    ("demo", ["--device=abacus"], "device"),
    ("studio", ["--port=0"], "port"),
    ("studio", ["--port=70000"], "port"),
    ("studio", ["--port=any"], "port"),
    ("studio", ["--host=256.0.0.1"], "host"),
    ("studio", ["--host=192.0.2.1"], "host"),
    ("studio", ["--host="], "host"),
    ("studio", ["--out=note.txt"], "out"),
    ("studio", ["--presets=folder"], "presets"),
    ("studio", ["--checkpoint=nowhere"], "checkpoint"),
    ("studio", ["--device=abacus"], "device"),
    ("plan", ["--settings=nowhere.json"], "settings"),
    ("plan", ["--settings=list.json"], "settings"),
    ("plan", ["--settings=frames.json"], "settings"),
    ("plan", ["--settings=twice.json"], "settings"),
    ("plan", ["--seed=-1"], "seed"),
    ("plan", ["--seed=x"], "seed"),
    ("plan", [f"--prompt={HALF}"], "prompt"),
    ("plan", ["--strange"], "--strange"),
]
# What users of other programs type: units, decimal commas, addresses, Python's spelling, a device, one name twice.
HABITS = [
    *of_render("width", "512px", "0x200", "1e3"),
    *of_render("steps", "twenty", "20 steps", "1,000"),
    *of_render("guidance", "7,5", "7.5x", "--"),
    *of_render("strength", "50%", "0,5"),
    *of_render("hires", "2x", "200%", "1:2", "-2"),
    *of_render("seed", "random", "1e3", -2),
    *of_render("image", "https://example.org/a.png", "cut.png", "~nobody/a.png"),
    *of_render("mask", "cut.png", before=["--image=picture.png"]),
    *of_render("checkpoint", "runwayml/stable-diffusion-v1-5", "https://example.org/a.safetensors", "picture.png"),
    *of_render(
        "mixing",
        "{alpha_1: 1}",
        "{'alpha_1': 1}",
        "true",
        '{"alpha_1": null}',
        '{"enabled": "maybe"}',
        '{"reference_image": "abc"}',
        '{"reference_image": "cut.png"}',
        "[" * 5000,
    ),
    *of_render("settings", "empty.json", "deep.json", "cut.png"),
    ("render", ["--settings=nan.json"], "steps"),
    ("render", ["--settings=bool.json"], "steps"),
    ("render", ["--settings=reference.json"], "mixing"),
    *of_render("sequence", "late.json", "deep.json", "-"),
    *of_render("out", "/dev/null", ".", "x.png.txt", "picture.png/a.png"),
    *of_render("save-settings", "a.png", "/dev/null"),
    *of_render("save-settings", "picture.png", before=["--image=picture.png"]),
    *of_render("save-settings", "good.json", before=["--sequence=good.json"]),
    ("render", ["--out=wide.webp", "--width=8192", "--hires=2.5"], "out"),
    ("render", ["--out=wide.jpg", "--width=8192", "--hires=8.1"], "out"),
    ("sweep", ["--x=Steps=1,2"], "x"),
    ("sweep", ["--x=steps:1,2"], "x"),
    ("sweep", ["--x=steps=1-5 [0]"], "x"),
    ("sweep", ["--x=steps=1,,2"], "x"),
    ("sweep", ["--x=steps=1,2", "--settings=grid.json", "--out=grid.png"], "out"),
    ("demo", ["--out=a.gif"], "out"),
    ("demo", ["--out=/dev/null"], "out"),
    ("studio", ["--port=80a"], "port"),
    ("plan", ["--settings=late.json"], "settings"),
    ("plan", ["--settings=deep.json"], "settings"),
]
# Names that lead elsewhere or nowhere, two files in one place, switches with a value.
PLACES = [
    *of_render("out", "-", "https://example.org/a.png", "loop/a.png", "lost/a.png"),
    *of_render("save-settings", "-", "loop", "a.png/run.json", "https://example.org/run.json"),
    ("render", ["--out=run/a.png", "--save-settings=run"], "save-settings"),
    ("render", ["--settings=nul.json"], "negative"),
    ("render", ["--sequence=nul-prompts.json"], "sequence: prompts"),
    ("render", ["--sequence=preset.json"], "sequence"),
    ("render", ["--settings=case.json"], "settings: 'Steps' is not a setting"),
    *of_render("device", "gpu", "CPU", "cuda:-1"),
    ("render", ["--help=1"], "help"),
    ("sweep", ["--x=seed=1", "--out="], "out"),
    ("sweep", ["--x=seed=1", "--out=-"], "out"),
    ("sweep", ["--x=seed=1", f"--out={HALF}/a.png"], "out"),
    ("demo", ["--no-browser=1"], "no-browser"),
    ("demo", ["--out="], "out"),
    ("studio", ["--out="], "out"),
    ("studio", ["--out=loop"], "out"),
    ("studio", ["--presets="], "presets"),
    ("studio", ["--presets=loop"], "presets"),
    ("plan", ["--settings=preset.json"], "settings"),
    ("plan", ["--settings=nul-prompts.json"], "settings: prompts"),
]
CASES = [*NUMBERS, *NAMES, *MIXING, *FILES, *OTHERS, *HABITS, *PLACES]
WHOLE = {"render": ["a prompt", "--out", "a.png"], "sweep": ["a prompt", "--out", "a.png"]}

RUNNER = """
import contextlib, io, json, os, sys, time
sys.modules["torch"] = None
sys.path.insert(0, sys.argv[1])
from itermix.__main__ import main
cases, results = json.load(sys.stdin), []
for arguments in cases:
    out, err = io.StringIO(), io.StringIO()
    before, start = sorted(os.walk(".")), time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except BaseException as error:
            code = repr(error)
    taken = time.process_time() - start
    results.append((code, out.getvalue(), err.getvalue(), taken, sorted(os.walk(".")) == before))
json.dump(results, sys.stdout)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a good and a bad one of each file."""
    from PIL import Image

    made = tmp_path_factory.mktemp("bad-input")
    (made / "folder").mkdir()
    Image.new("RGB", (64, 64)).save(made / "picture.png")
    (made / "cut.png").write_bytes((made / "picture.png").read_bytes()[:60])
    for name, text in {
        "note.txt": "a note",
        "short.safetensors": "1234",
        "list.json": "[1]",
        "twice.json": '{"steps": 1, "steps": 2}',
        "good.json": '{"frames": 2}',
        "unknown.json": '{"colour": 1}',
        "steps.json": '{"steps": 0}',
        "half.json": '{"negative": "\\udcff"}',
        "frames.json": '{"frames": 0}',
        "count.json": '{"count": 2}',
        "empty.json": "",
        "deep.json": "[" * 100_000,
        "nan.json": '{"steps": NaN}',
        "bool.json": '{"steps": true}',
        "reference.json": '{"mixing": {"reference_image": "abc"}}',
        "late.json": '{"frames": 3, "prompts": "5: a cat"}',
        "grid.json": "{}",
        "nul.json": '{"negative": "\\u0000"}',
        "nul-prompts.json": '{"prompts": "\\u0000"}',
        "preset.json": '{"preset": "None"}',
        "case.json": '{"Steps": 5}',
    }.items():
        (made / name).write_text(text)
    for link, target in (("loop", "loop"), ("lost", "there-is-none")):
        (made / link).symlink_to(target)
    (made / "latin.json").write_bytes('{"negative": "é"}'.encode("latin-1"))
    return made


def whole(command, arguments):
    """With what the command cannot do without, unless the case gives it."""
    rest = WHOLE.get(command, [])
    if any(argument.startswith("--out") for argument in arguments):
        rest = rest[:1]
    return [command, *rest, *arguments]


@pytest.fixture(scope="module")
def results(folder):
    lines = [whole(command, arguments) for command, arguments, _ in CASES]
    process = subprocess.run(
        [sys.executable, "-c", RUNNER, str(ROOT)], cwd=folder, input=json.dumps(lines), text=True, capture_output=True,
        env={**os.environ, "ITERMIX_ENVIRONMENT": "none", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_there_are_enough_of_them():
    assert len(CASES) >= 125
    assert len({repr(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{CASES[number][0]} {CASES[number][1]!a}")
def test_it_is_one_line_with_the_right_field(number, results):
    command, _, field = CASES[number]
    code, out, err, seconds, is_untouched = results[number]
    assert (code, out) == (2, ""), err
    assert err.startswith((f"itermix {command}: {field}: ", f"itermix {command}: {field};")), err
    assert err.count("\n") == 1 and len(err) < 700, err
    assert seconds < 3.0 and is_untouched


@pytest.mark.parametrize("arguments", [
    ["render", "a", "--out", "a.png", "--hires-strength", "0", "--hires", "2"], ["sweep", "a", "--out", "a.png"],
    ["demo", "--steps", "0"], ["studio", "--port", "0"], ["plan", "--seed=-1"],
])  # fmt: skip
def test_a_command_that_is_called_says_it_within_3_seconds(arguments, folder):
    """Of the processor's time, and with torch there."""
    resource = pytest.importorskip("resource", reason="this system counts no time of children")
    environment = {**os.environ, "ITERMIX_ENVIRONMENT": "none", "PYTHONPATH": str(ROOT)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    command = [sys.executable, "-m", "itermix", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 3.0, f"{spent:.1f} s, {time.monotonic() - started:.1f} s by the clock"


@pytest.mark.parametrize("arguments, wrong", [
    (["render", "fox", "--outt", "a.png"], "--outt"),
    (["render", "fox", "-o", "a.png"], "-o"),
    (["sweep", "fox", "--out", "a.png", "--xx=seed=1"], "--xx"),
    (["render", "fox", "--steps=-3", "--", "--outt"], "out"),  # a prompt: --out is not there
])  # fmt: skip
def test_an_option_that_there_is_not_is_named_before_what_is_missing(arguments, wrong, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"itermix {arguments[0]}: {wrong}: ")
