"""What a long sequence costs on a real WebUI: memory over its frames, and the time of a frame beside what it must take.

`ITERMIX_HOST=<folder of a WebUI> python -m benchmarks.sequence --frames 200` runs, with the same steps, as many
pictures of one img2img request (sampling and decoding alone), Latent Sequence, and the host's own Loopback: once each
for the memory, then in turn and in short, round after round, for the time. Times are wall times of whole requests; a
round's ways share what else the machine does, so each is held against the first of its own round; medians are shown.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.soak import MEGABYTE, VARIABLE, slope

EARLY = 20  # frames after which the host's own caches are full
PAUSE = 0.25  # seconds between two looks at the memory
DENOISE = 0.5
ROUND = 20  # frames of a short run


@dataclass
class Course:
    """Of one request. memory: of each finished frame, the resident bytes last seen."""

    name: str
    frames: int
    memory: dict[int, int]

    def at(self, frame: int) -> int:
        """Memory at the last look that was not later than the frame."""
        return self.memory[max((seen for seen in self.memory if seen <= frame), default=min(self.memory))]

    @property
    def growth(self) -> float:
        """Bytes per frame after the early ones, by least squares over frames."""
        late = sorted(frame for frame in self.memory if frame >= EARLY)
        if len(late) < 2:
            return 0.0
        return slope([self.memory[frame] for frame in late]) * (len(late) - 1) / (late[-1] - late[0])


def watched(host: Any, name: str, frames: int, request: Callable[[], Any]) -> Course:
    """Makes the request and looks at the host's memory meanwhile."""
    memory: dict[int, int] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(PAUSE):
            frame = host.get("/sdapi/v1/progress?skip_current_image=true")["state"]["job_no"]
            memory[min(frame, frames)] = host.get("/sdapi/v1/memory")["ram"]["used"]

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        request()
    finally:
        done.set()
        watcher.join()
    return Course(name, frames, memory)


def timed(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way's request in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, request in ways.items():
            begun = time.perf_counter()
            request()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def requests(host: Any, frames: int, steps: int, size: int, picture: str) -> dict[str, Callable[[], Any]]:
    """The three ways to as many pictures, every one of them at the same denoise."""
    body: dict[str, Any] = dict(init_images=[picture], steps=steps, denoising_strength=DENOISE, width=size, height=size)
    settings = {"frames": frames, "denoise_start": DENOISE, "denoise_seq": DENOISE, "video_format": "none"}
    return {
        "img2img, batch count": lambda: host.generate("img2img", n_iter=frames, **body),
        "Latent Sequence": lambda: host.generate(
            "img2img", script_name="latent sequence", script_args=[settings], **body
        ),
        "Loopback": lambda: host.generate(
            "img2img", script_name="loopback", script_args=[frames, DENOISE, "Linear", "None"], **body
        ),
    }


def measure(host: Any, frames: int, steps: int, size: int, rounds: int) -> tuple[list[Course], dict[str, list[float]]]:
    """The long runs, and the seconds of each way's short ones; sampling and decoding alone first."""
    from PIL import Image

    from tools.real_host import as_base64

    picture = as_base64(Image.new("RGB", (size, size), (90, 120, 150)))
    for request in requests(host, 2, steps, size, picture).values():
        request()  # the host's own first time
    long = requests(host, frames, steps, size, picture)
    courses = [watched(host, name, frames, request) for name, request in long.items()] if frames else []
    return courses, timed(requests(host, ROUND, steps, size, picture), rounds)


def time_table(seconds: dict[str, list[float]]) -> str:
    """The first way is what the others are held against."""
    first = next(iter(seconds.values()))
    lines = ["| | s per frame | over the first |", "|---|---|---|"]
    for name, own in seconds.items():
        over = median(mine / theirs for mine, theirs in zip(own, first)) - 1.0
        lines.append(f"| {name} | {median(own) / ROUND:.4f} | {over:+.1%} |")
    return "\n".join(lines)


def table(courses: list[Course]) -> str:
    heads = ("frames", f"MB at {EARLY}", "MB at the end", "kB per frame")
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for course in courses:
        numbers = (
            f"{course.frames}", f"{course.at(EARLY) / MEGABYTE:.1f}",
            f"{course.at(course.frames) / MEGABYTE:.1f}", f"{course.growth / 1024:.1f}",
        )  # fmt: skip
        lines.append(f"| {course.name} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200, help="of the long runs; 0 leaves them out")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--size", type=int, default=128, help="width and height in pixels")
    parser.add_argument("--rounds", type=int, default=9, help=f"short runs of {ROUND} frames each")
    options = parser.parse_args(arguments)
    if VARIABLE not in os.environ:
        parser.error(f"{VARIABLE} is not set; set it to the folder of an installed WebUI (A1111 or Forge)")
    from tools.real_host import Host

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        host = Host(Path(os.environ[VARIABLE]).resolve(), Path(folder))
        try:
            host.arm()
            courses, seconds = measure(host, options.frames, options.steps, options.size, options.rounds)
            print(time_table(seconds))
            if courses:
                print(table(courses))
        finally:
            host.stop()


if __name__ == "__main__":
    main()
