"""Grids: each cell the picture that render makes of its settings, on a Ray cluster too; one line for bad input."""

import json

import numpy as np
import pytest
from PIL import Image

from itermix.__main__ import main
from itermix.studio.request import Request

pytest.importorskip("diffusers", reason="the studio needs diffusers, which is not installed")
pytest.importorskip("transformers", reason="the studio needs transformers, which is not installed")

AXES = ("--hires", "2", "--x", "alpha_1=0.02-1 [2]", "--y", "curve=cosine,linear")


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def sweep(capsys, folders, out, *more):
    model = ["--checkpoint", str(folders / "sd15"), "--device", "cpu", "--steps", "2"]
    return run(capsys, "sweep", "red apple", "--out", str(out), *model, *more)


def opened(path):
    with Image.open(path) as picture:
        return np.array(picture), picture.info["parameters"]


@pytest.fixture
def grid(folders, tmp_path, capsys):
    code, out, err = sweep(capsys, folders, tmp_path / "deep" / "grid.png", *AXES)
    assert code == 0, err
    assert out == f"{tmp_path / 'deep' / 'grid.png'}\n"
    assert "4/4 curve = linear, alpha_1 = 1 (" in err
    return tmp_path / "deep"


def test_each_cell_is_the_picture_of_its_settings(grid, folders, tmp_path, capsys):
    record = json.loads((grid / "grid.json").read_text())
    assert record["x"] == {"name": "alpha_1", "values": [0.02, 1.0]}
    assert record["y"] == {"name": "curve", "values": ["cosine", "linear"]}
    assert [cell["file"] for cell in record["cells"]] == [f"grid-cells/{n}.png" for n in ("1-1", "1-2", "2-1", "2-2")]
    mixings = [Request.from_dict(cell["settings"]).mixing for cell in record["cells"]]
    assert [(m.enabled, m.curve, m.alpha_1) for m in mixings] == [
        (True, "cosine", 0.02), (True, "cosine", 1.0), (True, "linear", 0.02), (True, "linear", 1.0),
    ]  # fmt: skip
    settings, again = tmp_path / "cell.json", tmp_path / "again.png"
    settings.write_text(json.dumps(record["cells"][1]["settings"]))
    model = ["--checkpoint", str(folders / "sd15"), "--device", "cpu"]
    assert run(capsys, "render", "red apple", "--settings", str(settings), "--out", str(again), *model)[0] == 0
    assert again.read_bytes() == (grid / "grid-cells" / "1-2.png").read_bytes()


def test_the_cells_are_in_the_grid(grid):
    whole, text = opened(grid / "grid.png")
    assert 'X Type: alpha_1, X Values: "0.02, 1", Y Type: curve, Y Values: "cosine, linear"' in text
    for name in ("1-1", "1-2", "2-1", "2-2"):
        cell, text = opened(grid / "grid-cells" / f"{name}.png")
        height, width = cell.shape[:2]
        assert (height, width) == (128, 128) and '"alpha_1\\": ' in text
        places = np.argwhere((whole == cell[0, 0]).all(axis=-1))
        assert any(np.array_equal(whole[y : y + height, x : x + width], cell) for y, x in places)


def test_a_ray_cluster_gives_the_same_pixels(grid, folders, tmp_path, capsys):
    pytest.importorskip("ray", reason="cells are shared out by ray, which is not installed")
    out = tmp_path / "cluster" / "grid.png"
    code, _, err = sweep(capsys, folders, out, *AXES, "--ray", "local")
    assert code == 0, err
    for cell in ("1-1", "1-2", "2-1", "2-2"):
        name = f"grid-cells/{cell}.png"
        assert (out.parent / name).read_bytes() == (grid / name).read_bytes()
    assert out.read_bytes() == (grid / "grid.png").read_bytes()


def test_what_a_worker_cannot_do_is_one_line(folders, tmp_path, capsys):
    pytest.importorskip("ray", reason="cells are shared out by ray, which is not installed")
    code, _, err = sweep(capsys, folders, tmp_path / "g.png", "--x", "sampler=Flow Euler", "--ray", "local")
    assert code == 2 and err.count("\n") == 1 and '"Flow Euler" does not suit this model' in err


def test_a_picture_is_swept_over_its_strength(folders, tmp_path, capsys):
    Image.radial_gradient("L").resize((64, 64)).save(tmp_path / "p.png")
    image = ["--image", str(tmp_path / "p.png")]
    code, _, err = sweep(capsys, folders, tmp_path / "g.png", *image, "--x", "strength=0.1,1")
    assert code == 0, err
    (low, text), (high, _) = (opened(tmp_path / "g-cells" / f"1-{n}.png") for n in (1, 2))
    assert "Denoising strength: 0.1, Source: image" in text
    assert not np.array_equal(low, high)


@pytest.mark.parametrize("arguments, match", [
    (["--x", "alpha_1=0-1 [3]"], "alpha_1: nothing is mixed without a second pass; add --hires 2, or --image"),
    (["--x", "steps=1,0"], "steps: '0' is not allowed; it takes a whole number from 1"),
    (["--x", "sampler=Euler,Nobody"], "sampler: 'Nobody' is not allowed; it takes one of"),
    (["--x", "curve=cosine,round", "--hires", "2"], "curve: 'round' is not allowed"),
    (["--x", "steps=1,2", "--y", "steps=1"], "y: steps is on the other axis already"),
    (["--x", "width=64,68"], "width: '68' is not allowed; it takes a multiple of 8"),
    (["--x", "seed=1", "--settings", "nowhere.json"], "settings: nowhere.json cannot be read"),
    ([], "--x"),
])  # fmt: skip
def test_bad_input_is_one_line_before_anything_is_loaded(arguments, match, tmp_path, capsys):
    model = ["--out", str(tmp_path / "g.png"), "--checkpoint", "nowhere"]
    code, out, err = run(capsys, "sweep", "a", *model, *arguments)
    assert code == 2 and not out and err.count("\n") == 1 and match in err, err
    assert not list(tmp_path.iterdir())


def test_more_than_one_picture_in_a_cell_is_refused(tmp_path, capsys):
    (tmp_path / "s.json").write_text('{"count": 2}')
    code, _, err = run(capsys, "sweep", "a", "--out", "g.png", "--x", "seed=1", "--settings", str(tmp_path / "s.json"))
    assert code == 2 and "count: 2 is not allowed; a cell is one picture" in err


def test_a_cluster_that_is_not_there_is_one_line(folders, tmp_path, capsys):
    pytest.importorskip("ray", reason="cells are shared out by ray, which is not installed")
    code, _, err = sweep(capsys, folders, tmp_path / "g.png", "--x", "seed=1", "--ray", "nonsense://there")
    assert code == 2 and err.count("\n") == 1 and "ray: nonsense://there cannot be reached" in err
