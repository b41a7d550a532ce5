"""A WebUI extension for tests alone: what the loading of each script, and the building of its fields, has cost.

GET /itermix-probe/start -> {"path of a script": processor seconds}
GET /itermix-probe/page -> the same, of the fields on both tabs of the page
"""

import functools
import time

from modules import script_callbacks, script_loading, scripts

page = {}
call = scripts.wrap_call


@functools.wraps(call)
def timed(function, filename, name, *args, **more):
    start = time.thread_time()
    try:
        return call(function, filename, name, *args, **more)
    finally:
        if name == "ui":
            page[str(filename)] = page.get(str(filename), 0.0) + time.thread_time() - start


def add_routes(demo, app):
    @app.get("/itermix-probe/start")
    def start():
        return script_loading.itermix_seconds

    @app.get("/itermix-probe/page")
    def built():
        return page


scripts.wrap_call = timed
script_callbacks.on_app_started(add_routes)
