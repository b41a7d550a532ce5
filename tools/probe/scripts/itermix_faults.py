"""A WebUI extension for tests alone: breaks itermix and the sampler at a chosen place, and looks for what is left.

POST /itermix-probe/break {"point": "itermix.webui.mixing.passes.summary", "at": 0, "error": "RuntimeError"}: the
                          function raises in its call number `at`; {} mends it
POST /itermix-probe/disturb {"how": "interrupt" | "stop" | "skip" | "nan" | "error" | "nan result", "evaluation": n,
                          "passes": n}: of the pass after so many others; {} does nothing any more. "stop" is the
                          page's Interrupt, which lets the picture under way be finished
GET  /itermix-probe/left  {"mixers": 0, "runs": 0, "wrappers": 0, "hooks": 0, "callbacks": n, "calls": n}: what of
                          itermix lives in the host's process; calls: of the broken function since it was broken
"""

import errno
import functools
import gc
import importlib
import types

import torch
from modules import script_callbacks, scripts, shared

ERRORS = {
    "RuntimeError": RuntimeError,
    "OutOfMemoryError": torch.cuda.OutOfMemoryError,
    "OSError": lambda text: OSError(errno.ENOSPC, text),
    "KeyError": KeyError,
}
TEXT = "broken by the test"

broken = {}
disturbance = {}


class Faults(scripts.Script):
    def title(self):
        return "itermix faults"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return []

    def process_before_every_sampling(self, p, *args, **kwargs):
        if disturbance and p.sampler is not disturbance.get("sampler"):  # Forge calls twice before a hires pass
            disturbance["sampler"] = p.sampler
            if disturbance.setdefault("passes", 0) == 0:
                disturb(p.sampler, dict(disturbance))
                disturbance.clear()
            else:
                disturbance["passes"] -= 1


def disturb(sampler, wanted):
    """For one run of the sampler's function, which itermix has wrapped before."""
    function, model = sampler.func, sampler.model_wrap_cfg
    evaluations = 0

    def before(module, args):
        nonlocal evaluations
        if evaluations == wanted.get("evaluation"):
            if wanted["how"] == "interrupt":
                shared.state.interrupt()
            elif wanted["how"] == "stop":
                shared.state.stop_generating()
            elif wanted["how"] == "skip":
                shared.state.skip()
            elif wanted["how"] == "error":
                raise RuntimeError(TEXT)
        evaluations += 1

    def after(module, args, output):
        if wanted["how"] == "nan" and evaluations == wanted["evaluation"] + 1:
            return output * float("nan")

    @functools.wraps(function)
    def disturbed(*args, **kwargs):
        sampler.func = function
        handles = [model.register_forward_pre_hook(before), model.register_forward_hook(after)]
        try:
            result = function(*args, **kwargs)
        finally:
            for handle in handles:
                handle.remove()
        return result * float("nan") if wanted["how"] == "nan result" else result

    sampler.func = disturbed


def holder_of(point):
    """The module or class that has the function, and its name."""
    names = point.split(".")
    for count in range(len(names) - 1, 0, -1):
        try:
            holder = importlib.import_module(".".join(names[:count]))
        except ModuleNotFoundError:
            continue
        for name in names[count:-1]:
            holder = getattr(holder, name)
        return holder, names[-1]
    raise ModuleNotFoundError(point)


def mend():
    if broken:
        setattr(broken["holder"], broken["name"], broken["kept"])
        broken.clear()


def break_at(point, at, error):
    holder, name = holder_of(point)
    kept = vars(holder)[name]
    broken.update(holder=holder, name=name, kept=kept, calls=0)

    @functools.wraps(kept)
    def raising(*args, **kwargs):
        call = broken["calls"]
        broken["calls"] += 1
        if call == at:
            raise ERRORS[error](TEXT)
        return kept(*args, **kwargs)

    setattr(holder, name, raising)


def left():
    from itermix.mixing.mixer import Mixer
    from itermix.webui.mixing.hook import OURS
    from itermix.webui.mixing.runs import MixedRun

    gc.collect()
    found = dict(mixers=0, runs=0, wrappers=0, hooks=0, calls=broken.get("calls", 0))
    for thing in gc.get_objects():
        kind = type(thing)
        if issubclass(kind, Mixer):
            found["mixers"] += 1
        elif issubclass(kind, MixedRun):
            found["runs"] += 1
        elif kind is types.FunctionType and OURS in thing.__dict__:
            found["wrappers"] += 1
        elif issubclass(kind, torch.nn.Module):
            state = object.__getattribute__(thing, "__dict__")
            for name in ("_forward_pre_hooks", "_forward_hooks"):
                hooks = state.get(name) or {}
                found["hooks"] += sum(str(getattr(h, "__module__", "")).startswith("itermix") for h in hooks.values())
    registered = (entry for entries in script_callbacks.callback_map.values() for entry in entries)
    found["callbacks"] = sum("itermix" in str(getattr(entry, "script", "")) for entry in registered)
    return found


def add_routes(demo, app):
    @app.post("/itermix-probe/break")
    def break_(body: dict):
        mend()
        if body:
            break_at(body["point"], body.get("at", 0), body.get("error", "RuntimeError"))
        return {}

    @app.post("/itermix-probe/disturb")
    def disturb_(body: dict):
        disturbance.clear()
        disturbance.update(body)
        return {}

    @app.get("/itermix-probe/left")
    def left_():
        return left()


script_callbacks.on_app_started(add_routes)
