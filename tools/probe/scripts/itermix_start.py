"""A WebUI extension for tests alone: what the loading of each script, and the building of its fields, has cost.

GET /itermix-probe/start -> {"path of a script": processor seconds}
GET /itermix-probe/page -> {"path of a script": [processor seconds, components]}, of the fields on both tabs of the page
"""

import functools
import time

from gradio.context import Context
from modules import script_callbacks, script_loading, scripts

page = {}
call = scripts.wrap_call


@functools.wraps(call)
def timed(function, filename, name, *args, **more):
    if name != "ui":
        return call(function, filename, name, *args, **more)
    start, before = time.thread_time(), len(Context.root_block.blocks)
    try:
        return call(function, filename, name, *args, **more)
    finally:
        seconds, components = page.get(str(filename), (0.0, 0))
        seconds += time.thread_time() - start
        page[str(filename)] = seconds, components + len(Context.root_block.blocks) - before


def add_routes(demo, app):
    @app.get("/itermix-probe/start")
    def start():
        return script_loading.itermix_seconds

    @app.get("/itermix-probe/page")
    def built():
        return page


scripts.wrap_call = timed
script_callbacks.on_app_started(add_routes)
