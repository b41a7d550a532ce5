"""Methods of the host's objects that are other ones for a while, beside what other extensions do to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOOD, NOTHING = "itermix_stood", object()  # of a method of ours: what was the object's own in its place
COPIED_BY = "__reduce_ex__"  # what copy.copy, copy.deepcopy and pickle ask the object itself for


@contextmanager
def replaced(owner: Any, methods: dict[str, Callable]) -> Iterator[dict[str, Callable]]:
    """Puts these in the place of the object's methods of the same names, until the end. Gives those before.

    At the end it has what it had, another extension's own method too. One that was put around ours meanwhile stays, and
    reaches from then on what stood there before. A copy that is made meanwhile has what stood there before, too.
    """
    methods = {**methods, COPIED_BY: lambda protocol: _without_ours(before[COPIED_BY](protocol))}
    before = {name: getattr(owner, name) for name in methods}
    kept = {name: vars(owner)[name] for name in methods if name in vars(owner)}
    is_on = True

    def replacement(name: str, method: Callable) -> Callable:
        def ours(*args: Any, **kwargs: Any) -> Any:
            return (method if is_on else before[name])(*args, **kwargs)

        setattr(ours, STOOD, kept.get(name, NOTHING))
        return ours

    ours = {name: replacement(name, method) for name, method in methods.items()}
    for name, method in ours.items():
        setattr(owner, name, method)
    try:
        yield before
    finally:
        is_on = False
        for name, method in ours.items():
            if vars(owner).get(name) is method:
                delattr(owner, name)
                if name in kept:
                    setattr(owner, name, kept[name])


def _without_ours(reduced: tuple) -> tuple:
    """What an object is copied from, with the attributes that it had before any `replaced`."""
    make, args, attributes, *more = reduced
    if not isinstance(attributes, dict):  # a class that copies itself in a way of its own
        return reduced
    left = {}
    for name, value in attributes.items():
        while hasattr(value, STOOD):
            value = getattr(value, STOOD)
        if value is not NOTHING:
            left[name] = value
    return make, args, left, *more
