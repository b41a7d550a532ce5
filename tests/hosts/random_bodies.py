"""Random requests for the API of a WebUI: settings that are allowed, and all that a client can get wrong.

The same number gives the same request. Pictures, steps and sequences are small: what is asked for is nonsense, not
hours of work.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

from PIL import Image

from itermix.mixing.settings import MixingSettings
from itermix.sequence.settings import SequenceSettings
from itermix.settings import Field
from itermix.upscale.settings import UpscaleSettings
from tools.real_host import as_base64

MOST_FRAMES = 3  # where a number of frames is allowed at all
MOST_OF_OTHERS = 6  # above the least
MOST_ENLARGED = 3.0
# Whether Iterative Mixing has arguments, and which of the selectable scripts is chosen.
KINDS = (
    (True, None), (True, None), (False, SequenceSettings), (True, SequenceSettings), (False, UpscaleSettings),
    (True, UpscaleSettings),
)  # fmt: skip
NUMBERS = (
    0,
    -0.0,
    1,
    -1,
    0.5,
    1e-320,
    1e308,
    -1e308,
    math.nan,
    math.inf,
    -math.inf,
    2**31,
    2**53 + 1,
    2**63,
    2**64 - 1,
)
TEXTS = (
    "", " ", "0", "1.0", "true", "null", "NaN", "{}", "\u0000", "\u202e\u0301", "ärger \U0001f63a" * 3,
    "../../../etc/passwd", "/etc/passwd", "C:\\Windows\\win.ini", "file:///etc/passwd", "http://itermix.invalid/a.png",
    "a\r\nb", "\\\\server\\share", "%s%n{0}{x}", "<script>alert(1)</script>", "'; DROP TABLE", "__class__",
    "0: a\n0: b", "5: x", "-1: a", "999999999999999999999: a", "0: " + "(" * 300, "[a:b:c:" * 50, "x" * 100_001,
    "<lora:none:nan>",
)  # fmt: skip


def body(number: int) -> tuple[str, dict[str, Any]]:
    """(tab, request) of this number."""
    draw = random.Random(number)
    tab = draw.choice(("txt2img", "txt2img", "img2img"))
    request: dict[str, Any] = dict(
        prompt="a cat", seed=number, steps=1, width=64, height=64, sampler_name=draw.choice(("Euler", "DDIM", "LMS")),
    )  # fmt: skip
    if tab == "img2img":
        request.update(init_images=[PICTURE], denoising_strength=draw.choice((0.0, 0.5, 1.0)))
    elif draw.random() < 0.5:
        request.update(enable_hr=True, hr_scale=1.5, hr_upscaler="Latent", denoising_strength=0.7)
    is_mixed, selected = draw.choice(KINDS)
    if is_mixed:
        request["alwayson_scripts"] = {MixingSettings.title: {"args": arguments(draw, MixingSettings)}}
    if selected is not None:
        request.update(script_name=selected.title.lower(), script_args=arguments(draw, selected))
    return tab, request


def unread(body: dict[str, Any]) -> dict[str, Any]:
    """The request with its values where the host only repeats them: they go to a script that takes no arguments."""
    request = {key: value for key, value in body.items() if key != "script_name"}
    if "alwayson_scripts" in body:
        request["alwayson_scripts"] = {"itermix probe": body["alwayson_scripts"][MixingSettings.title]}
    return request


def query(number: int) -> str:
    """A path, with parameters, of one of our own routes."""
    from urllib.parse import quote

    draw = random.Random(number)
    name, model = draw.choice((("curve", MixingSettings), ("plan", SequenceSettings)))
    known = {"curve": ("steps", "settings", "sigmas"), "plan": ("settings", "seed", "prompt", "negative")}[name]
    parts = []
    for key in known:
        settings = arguments(draw, model)
        value = json.dumps(settings[0] if settings else {}) if draw.random() < 0.7 else str(junk(draw, 0))
        text = value if key == "settings" else str(draw.choice(NUMBERS + TEXTS))
        parts.append(f"{key}={quote(text[:2000], errors='replace')}")
    return f"/itermix/v1/{name}?" + "&".join(draw.sample(parts, draw.randint(0, len(parts))))


def arguments(draw: random.Random, model: type) -> list[Any]:
    """A script's arguments: one object, or the positional list, or neither."""
    values = {field.name: allowed(draw, field) for field in model.fields()}
    values = {name: value for name, value in values.items() if draw.random() < 0.6 or name in ("frames", "enabled")}
    for _ in range(draw.choice((0, 1, 1, 2, 5))):
        values[draw.choice([field.name for field in model.fields()])] = junk(draw, 0)
    if draw.random() < 0.1:
        values[draw.choice(TEXTS)[:200]] = junk(draw, 0)
    shape = draw.random()
    if shape < 0.7:
        return [values]
    if shape < 0.9:
        fields = model.fields()[: draw.randint(1, len(model.fields()))]
        return [values.get(field.name, field.default) for field in fields]
    first = junk(draw, 0)
    is_long = model is SequenceSettings and (not first or isinstance(first, dict))  # the default is many frames
    return [0 if is_long else first, *(junk(draw, 0) for _ in range(draw.randint(0, 40)))]


def allowed(draw: random.Random, field: Field) -> Any:
    if field.name == "frames":
        return draw.randint(1, MOST_FRAMES)
    if field.name == "factor":
        return draw.uniform(field.minimum, MOST_ENLARGED)
    if field.name == "upscaler":
        return draw.choice(("Lanczos", "Nearest", "None"))
    if field.kind == "switch":
        return draw.random() < 0.5
    if field.kind == "number":
        return draw.uniform(field.minimum, field.maximum)
    if field.kind == "integer":
        lowest = max(field.minimum, 0)  # steps among them: many are allowed, and take their time
        return draw.randint(lowest, min(field.maximum, lowest + MOST_OF_OTHERS))
    if field.kind == "choice":
        return draw.choice(field.choices)
    if field.kind == "text":
        return draw.choice(("", "a dog", "0: a dog\n1: a house", "0: a\n2: b {0.5}"))
    return draw.choice((None, PICTURE, "data:image/png;base64," + PICTURE, PICTURE[:-9]))


def junk(draw: random.Random, depth: int) -> Any:
    """Any JSON value, nested and huge ones among them."""
    kind = draw.random()
    if kind < 0.02:  # what many a host cannot even repeat in its answer
        return draw.choice((-(10**300), "\ud800", nested([], 600)))
    if kind < 0.35:
        return draw.choice(NUMBERS)
    if kind < 0.7:
        return draw.choice(TEXTS)
    if kind < 0.78 or depth > 3:
        return draw.choice((None, True, False))
    if kind < 0.84:
        return nested(draw.choice(([], {})), draw.choice((20, 50, 100)))
    if kind < 0.92:
        return [junk(draw, depth + 1) for _ in range(draw.randint(0, 4))]
    return {draw.choice(TEXTS)[:50]: junk(draw, depth + 1) for _ in range(draw.randint(0, 4))}


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value] if isinstance(value, list) else {"a": value}
    return value


PICTURE = as_base64(Image.new("RGB", (16, 24), (90, 120, 150)))
