"""Methods of the host's objects that are other ones for a while, beside what other extensions do to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, methods: dict[str, Callable]) -> Iterator[dict[str, Callable]]:
    """Puts these in the place of the object's methods of the same names, until the end. Gives those before.

    At the end it has what it had, another extension's own method too. One that was put around ours meanwhile stays, and
    reaches from then on what stood there before.
    """
    before = {name: getattr(owner, name) for name in methods}
    kept = {name: vars(owner)[name] for name in methods if name in vars(owner)}
    is_on = True

    def replacement(name: str, method: Callable) -> Callable:
        return lambda *args, **kwargs: (method if is_on else before[name])(*args, **kwargs)

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
