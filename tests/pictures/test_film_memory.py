"""Memory does not grow with a film's frames, in any format.

The measure is the peak of a fresh interpreter, as Linux writes it down for the program alone: the usual one,
getrusage's, begins at the size of the parent that started it, which hides all that a small child does.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from itermix.pictures.frames import save_frame
from tools.real_host import REPOSITORY

SIDE = 384
FRAME = SIDE * SIDE * 3 / 2**20  # megabytes: 0.42
PEAK = """
import re, sys
from pathlib import Path
from itermix.pictures.films import save_film
count, folder, format = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
pictures = sorted(folder.glob("*.png"))
written = save_film((pictures * count)[:count], folder / "film", format)
assert [file.suffix for file in written.files] == [f".{format}"], written.messages
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1))
"""


# h264 looks 50 frames ahead, and its threads may hold some more on a busy machine: 9 MB were seen.
GROWTH = [("webp", 10, 50), ("gif", 10, 50), ("mp4", 70, 200)]


def grown(folder, format, few, more, python=sys.executable):
    """Megabytes that a film of `more` frames more takes; skips where that cannot be measured."""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux writes a program's peak of memory down")
    if format == "mp4" and subprocess.run([python, "-c", "import av"], capture_output=True).returncode:
        pytest.skip("PyAV is not installed")
    for index in range(2):  # neighbours differ everywhere, and have few colours, which are quickly counted
        values = np.random.default_rng(index).integers(0, 255, (6, 6, 3), dtype=np.uint8)
        save_frame(folder, index, Image.fromarray(values).resize((SIDE, SIDE), Image.Resampling.NEAREST))

    def peak(count):
        command = [python, "-c", PEAK, str(count), str(folder), format]
        told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
        return int(told.stdout) / 1024

    return peak(few + more) - peak(few)


@pytest.mark.parametrize("format, few, more", GROWTH)
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path, format, few, more):
    assert grown(tmp_path, format, few, more) < more * FRAME / 4
