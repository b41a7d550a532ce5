"""A sweep's cells on a Ray cluster. Ray is an optional package, imported here alone.

A network's results can differ in their last bits with the number of threads, so every worker takes as many as this
process has: then the pictures are those that this process would make.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import itermix
from itermix.settings import SettingsError
from itermix.studio.errors import StudioError, one_line
from itermix.studio.jobs import results_of
from itermix.studio.loading import name_of
from itermix.studio.pipeline import Studio
from itermix.studio.request import Request
from itermix.studio.source import Source

LOCAL = "local"


class Worker:
    """One process of the cluster, with a checkpoint opened once."""

    def __init__(self, checkpoint: str | None, device: str, config: str | None, threads: int):
        torch.set_num_threads(threads)
        self.opening, self.studio = (checkpoint, device, config), None
        self.model = name_of(checkpoint)

    def make(self, values: dict[str, Any], source: Source) -> tuple[Image.Image | None, str]:
        """Picture and infotext of a request; None and the message where it cannot be met."""
        try:
            self.studio = self.studio or Studio.open(*self.opening)
            request = self.studio.network.resolved(Request.from_dict(values))
            ((result, infotext),) = results_of(self.studio, request, source, self.model)
        except (StudioError, SettingsError) as error:
            return None, str(error)
        return result.picture, infotext


def cells(
    address: str,
    requests: list[Request],
    source: Source,
    checkpoint: str | None,
    device: str | None,
    config: str | None,
) -> Iterator[tuple[Image.Image, str]]:
    """Picture and infotext of each request, in their order. Raises StudioError."""
    ray = _connected(address)
    try:
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        checkpoint, config = (path and str(Path(path).resolve()) for path in (checkpoint, config))
        workers = _workers(ray, len(requests), (checkpoint, device, config, torch.get_num_threads()))
        pool = ray.util.ActorPool(workers)
        shared = ray.put(source)
        for picture, infotext in pool.map(
            lambda worker, request: worker.make.remote(request.to_dict(), shared), requests
        ):
            if picture is None:
                raise StudioError(infotext)
            yield picture, infotext
    except ray.exceptions.RayError as error:
        raise StudioError(f"ray: a worker on {address} failed: {one_line(error)}") from error
    finally:
        ray.shutdown()


def _connected(address: str) -> Any:
    """The package ray, connected; a cluster elsewhere is sent this very package."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.util
    except ImportError:
        raise StudioError("ray: the package ray is not installed; pip install ray, or leave out --ray") from None
    options = {"num_cpus": os.cpu_count(), "include_dashboard": False} if address == LOCAL else {}
    package = {"py_modules": [str(Path(itermix.__file__).parent)]}
    try:
        ray.init(address=address, runtime_env=package, logging_level="error", log_to_driver=False, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        advice = "is the cluster up, and does it want a token (RAY_AUTH_MODE and RAY_AUTH_TOKEN)?"
        raise StudioError(f"ray: {address} cannot be reached: {one_line(error)}; {advice}") from None
    return ray


def _workers(ray: Any, cells: int, arguments: tuple[Any, ...]) -> list[Any]:
    """As many workers as the cluster has room for, one per GPU or per so many threads; at most one per cell."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if arguments[1].startswith("cuda"):
        cores, gpus, many = 1, 1, sum(int(machine.get("GPU", 0)) for machine in machines)
        if not many:
            raise StudioError(f'device: "{arguments[1]}" cannot be used, the cluster has no GPU; take --device cpu')
    else:
        most = max(int(machine.get("CPU", 0)) for machine in machines)
        cores, gpus = max(min(arguments[3], most), 1), 0
        many = sum(int(machine.get("CPU", 0)) // cores for machine in machines)
    made = ray.remote(num_cpus=cores, num_gpus=gpus)(Worker)
    return [made.remote(*arguments) for _ in range(max(min(many, cells), 1))]
