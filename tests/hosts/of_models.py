"""The models that a host loads for its tests: its own one, and the small ones of tools/checkpoints."""

from __future__ import annotations

import pytest

from tools import checkpoints

ENGINES = {  # the host's file for each
    "sd15": "sd15", "sdxl": "sdxl", "flux": "flux", "klein": "flux2", "chroma": "chroma", "lumina": "lumina",
    "zimage": "zimage", "qwen": "qwen", "wan": "wan", "anima": "anima", "ernie": "ernie", "krea": "krea",
}  # fmt: skip
STABLE_DIFFUSION = {"sd15", "sdxl"}
PLAIN = {"klein": {"klein_no_reference": True}}  # else it edits the init image, and the one of the run before


@pytest.fixture(scope="module")
def models(host):
    """The titles of the models that the host can load, by their short names."""
    titles = [model["title"] for model in host.get("/sdapi/v1/sd-models")]
    own = next(title for title in titles if "zz-" not in title)
    found = {"sd15": own}
    if host.is_forge:
        list(checkpoints.write(host.data / "models" / "Stable-diffusion"))
        host.post("/sdapi/v1/refresh-checkpoints", {})
        titles = [model["title"] for model in host.get("/sdapi/v1/sd-models")]
        engines = host.tree / "backend" / "diffusion_engine"
        names = [name for name, file in ENGINES.items() if (engines / f"{file}.py").exists() and name not in found]
        names += ["wan-i2v"] if "wan" in names else []
        found |= {name: next(title for title in titles if f"zz-{name}-small" in title) for name in names}
    yield found
    usual = {"klein_no_reference": False} if "klein" in found else {}
    host.post("/sdapi/v1/options", {"sd_model_checkpoint": own, **usual})
    host.generate(steps=1)  # with the model of the other tests again


@pytest.fixture(scope="module", params=ENGINES)
def model(request, host, models):
    """One of the models, loaded."""
    if request.param not in models:
        pytest.skip(f"the host has no {request.param}")
    return load(host, models, request.param)


def load(host, models, name):
    host.post("/sdapi/v1/options", {"sd_model_checkpoint": models[name], **PLAIN.get(name, {})})
    if name != "wan-i2v":  # which makes nothing without a picture
        host.generate(steps=1, cfg_scale=1)
    return name
