"""HTTP routes beside the host's own API: the settings as a JSON schema, the curve and the plan for given settings.

`GET /itermix/v1/schema` -> {"mixing": schema, "sequence": schema, "upscale": schema}
`GET /itermix/v1/plan?seed=5&prompt=a cat&settings={"frames":3}` -> {"frames": [{"frame": 0, "seed": 5, ...}, ...],
"curves": {}, the values of schedules by field, "messages": []}, how prompts were read, what the film will be otherwise
`GET /itermix/v1/levels?sampler=Euler&scheduler=Karras&steps=20&strength=0.7&of=hires pass` -> {"steps": 20,
"progress": [...], "repeats": false, "why": ""}: where the host's steps are (`levels.py`)
(and width, height and shift, by which some flow models' schedules go, and the checkpoint, where one is chosen that may
not be loaded yet);
`GET /itermix/v1/page/levels`, the same for the page, which has no password of the API: whoever sees the page may ask
`GET /itermix/v1/curve?steps=20&settings={"alpha_1":0.5}` -> {"weights": [...]}, [...sigmas=14.6,...] for a schedule, of
the kind of model that is loaded, or as [...flow=true] says
"""

from __future__ import annotations

import json
import math
from typing import Any

from itermix.mixing.settings import MixingSettings
from itermix.pictures import limits
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError, json_object
from itermix.webui import presets
from itermix.webui.compat import callbacks

MOST_STEPS = 1000
PREFIX = "/itermix/v1"
ROUTE_OF_HOST = "/sdapi/v1/options"
ROUTE_OF_PAGE = "/file={path_or_url:path}"  # gradio's own


def register() -> None:
    """Adds the routes when the host's app is there; with or without its page."""
    callbacks.on_app_started(lambda demo, app: add_routes(app))


def add_routes(app: Any) -> None:
    from fastapi import HTTPException

    def schema() -> dict[str, Any]:
        return {
            "mixing": presets.MIXING.schema(),
            "sequence": presets.SEQUENCE.schema(),
            "upscale": presets.UPSCALE.schema(),
        }

    def curve(steps: int = 20, settings: str = "{}", sigmas: str = "", flow: bool | None = None) -> dict[str, Any]:
        try:
            return weights(steps, settings, sigmas, flow)
        except SettingsError as error:
            raise HTTPException(status_code=422, detail=str(error)) from None

    def plan(settings: str = "{}", seed: int = 0, prompt: str = "", negative: str = "") -> dict[str, Any]:
        try:
            return frames(settings, seed, prompt, negative)
        except SettingsError as error:
            raise HTTPException(status_code=422, detail=str(error)) from None

    def levels(
        sampler: str = "",
        scheduler: str = "",
        steps: int = 20,
        strength: float = 1.0,
        of: str = "first pass",
        width: int = 0,
        height: int = 0,
        shift: float = 0.0,
        checkpoint: str = "",
    ) -> dict[str, Any]:
        from itermix.webui import levels as of_host  # late: a host's start waits for every import

        try:
            asked = of_host.Asked(sampler, scheduler, steps, strength, of, width, height, shift, checkpoint)
            return of_host.answer(asked)
        except SettingsError as error:
            raise HTTPException(status_code=422, detail=str(error)) from None

    of_api, of_page = guards_of(app, ROUTE_OF_HOST), guards_of(app, ROUTE_OF_PAGE)
    if of_api is None:  # without --api what we answer is the page's own; its presets are nobody else's business
        of_api = of_page or []
    for name, answer in {"plan": plan, "schema": schema, "curve": curve, "levels": levels}.items():
        app.add_api_route(f"{PREFIX}/{name}", answer, methods=["GET"], dependencies=of_api)
    app.add_api_route(
        f"{PREFIX}/page/levels", levels, methods=["GET"], dependencies=of_api if of_page is None else of_page
    )


def guards_of(app: Any, path: str) -> list[Any] | None:
    """What is asked of a request to a route before it is answered: --api-auth, --gradio-auth. None: no such route."""
    routes = {getattr(route, "path", ""): route for route in app.routes}
    return list(getattr(routes[path], "dependencies", [])) if path in routes else None


def weights(steps: int, settings: str, sigmas: str, flow: bool | None = None) -> dict[str, Any]:
    """Weights of the reference at each step. settings: a JSON object. sigmas: of the steps, separated by commas, for
    progress by noise level; without them the steps count as even. flow: whether they are a flow model's, as the model
    that is loaded where nobody says. Raises SettingsError."""
    from itermix.mixing import curve  # late: a host's start waits for every import

    chosen = MixingSettings.from_dict(presets.MIXING.resolved(json_object(settings)))
    levels = _numbers(sigmas)
    count = len(levels) or steps
    if not 1 <= count <= MOST_STEPS:
        raise SettingsError(f"steps: {count} is not allowed; it takes a whole number from 1 to {MOST_STEPS}")
    return {"weights": curve.weights(chosen, count, _progress(levels, flow)).tolist()}


def _progress(levels: list[float], flow: bool | None) -> Any:
    """u of each step, [steps]; None where no levels are given. Raises SettingsError."""
    if not levels:
        return None
    import torch

    from itermix.mixing.noising import VE, Flow

    if flow is None:
        from itermix.webui.compat import sampling

        flow = sampling.loaded_model() is not None and sampling.is_flow_model()
    if flow and not (levels[0] <= 1.0 and levels == sorted(levels, reverse=True)):
        raise SettingsError("sigmas: of a flow model they fall, from 1 at most; flow=false takes others")
    noising = Flow().over(levels) if flow else VE()
    return torch.tensor([noising.progress(level) for level in levels], dtype=torch.float64)


def frames(settings: str, seed: int, prompt: str, negative: str) -> dict[str, Any]:
    """The frames of a sequence. settings: a JSON object; the rest is the host's own. Raises SettingsError."""
    from itermix.sequence.plan import overview
    from itermix.sequence.seeds import SEEDS

    if not 0 <= seed < SEEDS:
        raise SettingsError(f"seed: {seed} is not allowed; it takes a whole number from 0 to {SEEDS - 1}")
    chosen = SequenceSettings.from_dict(presets.SEQUENCE.resolved(json_object(settings)))
    shown = overview(chosen, seed, prompt, negative)
    messages = [*shown["messages"], *limits.of_film(chosen.video_format, chosen.fps)]
    return {**shown, "messages": messages}


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        numbers = [math.nan]
    if not all(0.0 <= number < math.inf for number in numbers):  # not so for NaN
        raise SettingsError(f"sigmas: {json.dumps(text[:60])} is not allowed; it takes numbers from 0 and commas")
    return numbers
