"""A WebUI extension for tests alone: what the loading of each script has cost when the host started.

GET /itermix-probe/start -> {"path of a script": processor seconds}
"""

from modules import script_callbacks, script_loading


def add_routes(demo, app):
    @app.get("/itermix-probe/start")
    def start():
        return script_loading.itermix_seconds


script_callbacks.on_app_started(add_routes)
