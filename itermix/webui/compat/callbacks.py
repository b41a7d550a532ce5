"""Registers callbacks with the host without its look at the call stack, which takes 0.1 s and more for each."""

from __future__ import annotations

from collections.abc import Callable

from modules import script_callbacks


def on_app_started(callback: Callable) -> None:
    """callback(demo, app), when the host's API is there, with or without its page."""
    _register("app_started", script_callbacks.on_app_started, callback)


def on_before_ui(callback: Callable) -> None:
    """callback(), before the page is built, if one is."""
    _register("before_ui", script_callbacks.on_before_ui, callback)


def on_image_saved(callback: Callable) -> None:
    """callback(params), after the host has written a picture: params.p, which may be None, and params.filename."""
    _register("image_saved", script_callbacks.on_image_saved, callback)


def on_ui_settings(callback: Callable) -> None:
    """callback(), before the page's settings are built; may add options."""
    _register("ui_settings", script_callbacks.on_ui_settings, callback)


def on_ui_tabs(callback: Callable) -> None:
    """callback(), when the page's own tabs are built; gives a list of more tabs."""
    _register("ui_tabs", script_callbacks.on_ui_tabs, callback)


def _register(category: str, public: Callable, callback: Callable) -> None:
    """The host finds out who registers by walking the stack, unless it is told the file."""
    try:
        registered = script_callbacks.callback_map[f"callbacks_{category}"]
        try:
            script_callbacks.add_callback(registered, callback, category=category, filename=__file__)
        except TypeError:  # Forge Classic, which cannot be told: so it is registered as the host itself does it
            registered.append(script_callbacks.ScriptCallback(__file__, callback))
    except (AttributeError, KeyError, TypeError):  # an older host
        public(callback)
