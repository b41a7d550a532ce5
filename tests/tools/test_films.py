"""The films of the example sequences, and the command that makes them."""

from itermix.sequence.gallery import NAMES
from tools import films


def test_every_example_has_a_film_that_a_page_can_show():
    sizes = {path.stem: path.stat().st_size for path in films.FOLDER.iterdir()}
    assert sorted(sizes) == sorted(NAMES)
    assert max(sizes.values()) <= films.LARGEST and sum(sizes.values()) < 500_000


def test_a_name_that_is_no_examples_is_refused_before_anything_is_made(capsys):
    assert films.main(["loop", "lop"]) == 2
    assert capsys.readouterr().err.startswith("lop is no example; they are morph, loop, ")
