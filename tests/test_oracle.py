"""The recorded numbers that come along: small, and with every option of the nodes in them."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from tests.oracle_arrays import Arrays
from tests.sequence import recorded
from tests.sequence.test_node_runs import NODES, array_name
from tools.shrink_oracle import OUT, RECORDED, SHRUNK, WHOLE, covering, stored_once

WITH_LATENTS = ("v1_s0_", "v2_increment_", "v2_fixed_")  # of the others the checksums alone were recorded


def test_the_numbers_are_3_mb_at_most_and_each_file_is_made_by_the_tool():
    files = [file for file in OUT.iterdir() if file.name != "README.md"]
    assert sum(file.stat().st_size for file in files) <= 3_000_000
    assert sorted(file.name for file in files) == sorted([*WHOLE, *RECORDED, *(f"{name}.npz" for name in SHRUNK)])


def test_every_file_is_in_the_readmes_table():
    text = (OUT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{Path(name).stem.split('.')[0]}." in text for name in (*WHOLE, *RECORDED, *SHRUNK))


@pytest.mark.parametrize("node", NODES)
def test_every_pair_of_options_of_the_recorded_runs_of_5_frames_is_among_the_latents(node):
    names = {array_name(node, run.row["cfg"]) for run in recorded.runs(node)} - {None}
    grid = {name for name in names if name.startswith(WITH_LATENTS)}
    kept = grid & set(recorded.latents())
    pairs = [{pair for name in some for pair in combinations(enumerate(name.split("_")), 2)} for some in (grid, kept)]
    assert pairs[0] == pairs[1] and len(kept) >= 8


def test_covering_keeps_as_few_as_show_every_pair():
    full = [f"{a}_{b}_{c}" for a in "xy" for b in "uv" for c in "01"]
    assert len(covering(full)) == 4  # half of 2 x 2 x 2
    assert covering(["a_b", "a_b"]) == ["a_b"]


def test_equal_arrays_are_stored_once_and_read_under_every_name(tmp_path):
    one = np.array([0.0, 1.0])
    given = {"a": one, "b": one.copy(), "c": -one, "d": one.astype(np.float32), "e": np.array([np.nan]), "f": one}
    stored = stored_once(given)
    assert set(stored) == {"a", "c", "d", "e", "same_as"}  # -0.0 and float32 are other numbers
    np.savez_compressed(tmp_path / "file.npz", **stored)
    read = Arrays("file", tmp_path)
    assert set(read) == set(given)
    assert all(read[name].tobytes() == array.tobytes() for name, array in given.items())


def test_no_record_names_a_path_of_a_machine():
    for name in ("sequence_keyframes.json", "sequence_end_to_end.json"):
        text = (OUT / name).read_text(encoding="utf-8")
        assert json.loads(text) and "/home" not in text and "/root" not in text and "/work" not in text
