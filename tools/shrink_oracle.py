"""Makes tests/oracle, what the tests read, from the full recorded numbers: `python -m tools.shrink_oracle FULL`.

Nothing is rounded: fewer runs, steps and weights are kept, in the precision in which they were recorded, and every
option of every node is in at least one of them. Of arrays that are equal one is stored, with the others' names beside
it. The names are those of the full files, so the tests run on either (ITERMIX_ORACLE=FULL). `--check` only compares.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parents[1] / "tests" / "oracle"
Arrays = dict[str, np.ndarray]

WHOLE = ("blend_schedules.npz", "sequence_runs.json.gz", "sequence_keyframes.json", "sequence_end_to_end.json")
RECORDED = ("node_pack_modes.npz",)  # by tools/record_node_pack.py, and small already
WEIGHTS = (0.25, 1.0)  # 0 is the first latent itself, which other tests hold to the bit
STEPS = (0, 5, 12, 19)  # of 20
FRAMES = (0, 1, 2, 6, 11)  # of 12
TRAJECTORIES = ("karras_n10_sf1.0", "normal_n10_sf0.18215", "exponential_n10_sf0.13025")


def blend_functions(full: Arrays) -> Arrays:
    """Two of four weights; the node's slerp by rows gives NaN in float64 and is left out there."""
    rows = [full["weights"].tolist().index(weight) for weight in WEIGHTS]
    read = {name: value for name, value in full.items() if not re.fullmatch(r"out_was_slerp_[a-z0-9]+_f64", name)}
    by_weight = re.compile(r"weights|out_.+_f(32|64)")
    other = re.compile(r"out_was_slerp_(cond|pooled)_f32")  # by cond_strengths
    return {
        name: value[rows] if by_weight.fullmatch(name) and not other.fullmatch(name) else value
        for name, value in read.items()
    }


def noised_trajectory(full: Arrays) -> Arrays:
    """Of the Batch Unsampler's latents each schedule and each latent scale once."""
    dropped = re.compile(r"bu_z_.+_sf.+")
    kept = {f"bu_z_{name}" for name in TRAJECTORIES}
    return {name: value for name, value in full.items() if name in kept or not dropped.fullmatch(name)}


def iterative_mixing_euler(full: Arrays) -> Arrays:
    """All six runs with their results, and the mixed states of some steps."""
    steps = list(STEPS)
    kept = {name: value[steps] if name.endswith("_blend_out") else value for name, value in full.items()}
    return {**kept, "kept_steps": np.array(steps)}


def sequence_end_to_end(full: Arrays) -> Arrays:
    """Some frames; all of them where a test goes from each frame to the next."""
    frames = list(FRAMES)
    kept = {
        name: value[frames] if len(value.shape) and len(value) == 12 and "unsample" not in name else value
        for name, value in full.items()
    }
    return {**kept, "kept_frames": np.array(frames)}


def sequence_latents(full: Arrays) -> Arrays:
    """As few runs as show every pair of options; sequence_runs.json.gz has the checksums of all."""
    kept = [name for name in full if not re.match(r"v[12]_", name)]
    for node in ("v1_", "v2_"):
        kept += covering([name for name in full if name.startswith(node)])
    return {name: full[name] for name in kept}


def demofusion(full: Arrays) -> Arrays:
    """All of it."""
    return full


SHRUNK: dict[str, Callable[[Arrays], Arrays]] = {
    function.__name__: function
    for function in (
        blend_functions,
        noised_trajectory,
        iterative_mixing_euler,
        sequence_end_to_end,
        sequence_latents,
        demofusion,
    )
}


def stored_once(arrays: Arrays) -> Arrays:
    """One of all that are equal to the bit; "same_as" has the names of the others, each with that of the one kept."""
    first: dict[tuple, str] = {}
    same = []
    for name, array in arrays.items():
        earlier = first.setdefault((array.dtype.str, array.shape, array.tobytes()), name)
        if earlier != name:
            same.append((name, earlier))
    doubled = dict(same)
    kept = {name: array for name, array in arrays.items() if name not in doubled}
    return {**kept, "same_as": np.array(same)} if same else kept


def covering(names: list[str]) -> list[str]:
    """Runs whose names' options, apart at "_", show every pair that any of the names shows."""
    pairs = {name: set(combinations(enumerate(name.split("_")), 2)) for name in names}
    wanted, kept = set().union(*pairs.values()), []
    while wanted:
        best = max(names, key=lambda name: len(pairs[name] & wanted))
        wanted -= pairs[best]
        kept.append(best)
    return kept


def write(full: Path, out: Path) -> None:
    """Writes all files, the same bytes each time."""
    out.mkdir(parents=True, exist_ok=True)
    for name in WHOLE:
        shutil.copyfile(full / name, out / name)
    for name, shrink in SHRUNK.items():
        with np.load(full / f"{name}.npz") as file:
            arrays = shrink({key: file[key] for key in file.files})
        np.savez_compressed(out / f"{name}.npz", **stored_once(arrays))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.shrink_oracle", description=__doc__)
    parser.add_argument("full", type=Path, help="folder of the full recorded numbers")
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 where a file differs")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.full, OUT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write(options.full, Path(folder))
        names = [*WHOLE, *(f"{name}.npz" for name in SHRUNK)]
        _, differing, missing = filecmp.cmpfiles(folder, OUT, names, shallow=False)
    for name in (*differing, *missing):
        print(f"tests/oracle/{name} is not what {options.full} gives")
    return 1 if differing or missing else 0


if __name__ == "__main__":
    sys.exit(main())
