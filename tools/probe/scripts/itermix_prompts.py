"""A WebUI extension for tests alone: what other extensions do to a request before it is sampled.

POST /itermix-probe/prepare {"wildcards": true}: another word for __colour__ in each prompt, by its seed
                            {"by batch": true}: more words in each batch's prompts
                            {"seeds": true}: seeds of its own; {"size": [128, 64]}: another width and height
                            {"styles": {"name": ["prompt", "negative prompt"]}}: among the host's own
                            {} does nothing any more
"""

from modules import script_callbacks, scripts, shared
from modules.styles import PromptStyle

COLOURS = ("red", "green", "blue", "black", "white")
SEEDS_ON = 100

wanted = {}


class Prompts(scripts.Script):
    def title(self):
        return "itermix prompts"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return []

    def process(self, p, *args):
        if wanted.get("wildcards"):
            p.all_prompts = [
                text.replace("__colour__", COLOURS[seed % len(COLOURS)])
                for text, seed in zip(p.all_prompts, p.all_seeds)
            ]
        if wanted.get("seeds"):
            p.all_seeds = [seed + SEEDS_ON for seed in p.all_seeds]
        if wanted.get("size"):
            p.width, p.height = wanted["size"]

    def before_process_batch(self, p, *args, prompts, **kwargs):
        if wanted.get("by batch"):
            prompts[:] = [f"{text}, detailed" for text in prompts]


def add_routes(demo, app):
    @app.post("/itermix-probe/prepare")
    def prepare(body: dict):
        for name in wanted.get("styles", {}):
            shared.prompt_styles.styles.pop(name, None)
        wanted.clear()
        wanted.update(body)
        for name, (prompt, negative) in body.get("styles", {}).items():
            shared.prompt_styles.styles[name] = PromptStyle(name, prompt, negative, None)
        return {}


script_callbacks.on_app_started(add_routes)
