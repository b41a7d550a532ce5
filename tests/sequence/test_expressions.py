"""Arithmetic of schedules: numexpr's meaning, and nothing but arithmetic."""

import math
import time

import pytest

from itermix.sequence.expressions import ExpressionError, parsed

NAMES = ("t", "max_f", "s")
AT = {"t": 7, "max_f": 99, "s": 2**64 - 1}


def value(text):
    return parsed(text, NAMES).value(**AT)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1 + t % 5", 3),
        ("max_f / 2", 49.5),
        ("max_f // 2", 49),
        ("-t ** 2", -49),
        ("0.5 + 0.2*sin(2*3.14*t/10)", 0.5 + 0.2 * math.sin(2 * 3.14 * 0.7)),
        ("cos(pi)", -1.0),
        ("where(t < 10, 1.02, 1)", 1.02),
        ("where((t > 3) & (t < 5), 1, 2)", 2),
        ("where(t > 100, 1 / 0, 4)", 4),
        ("min(t, 3) + max(1, 2, 3)", 6),
        ("abs(t - 10) + floor(1.9) + ceil(1.1)", 6),
        ("(t == 7) + (t != 7) + (t >= 7)", 2),
        ("arctan2(1, 1) + log10(100) + expm1(0)", math.pi / 4 + 2),
        ("（ｔ＋１）＊２", 16),
        (" 1e-2 ", 0.01),
    ],
)
def test_a_value_is_that_of_the_arithmetic(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    "text, expected", [("(t-10) % 5", -3), ("(t-10.0) % 5", -3.0), ("10 % -3", 1), ("-10 % 3", -1)]
)
def test_a_remainder_has_the_sign_of_its_left_side(text, expected):
    """C's fmod, as numexpr's; Python's would be 2, 2.0, -2, 2."""
    assert value(text) == expected


def test_a_seed_keeps_all_its_digits():
    assert value("s - 1") == 2**64 - 2 and value("s + t") == 2**64 + 6
    assert type(value("s * 1")) is int


@pytest.mark.parametrize(
    "text, why",
    [
        ("__import__('os').system('id')", "no function|no arithmetic"),
        ("t.real", "no arithmetic"),
        ("(lambda: 1)()", "no function|no arithmetic"),
        ("[1, 2][0]", "no arithmetic"),
        ("'a' * 3", "numbers alone"),
        ("True", "numbers alone"),
        ("1j", "numbers alone"),
        ("x + 1", '"x", which is no variable; they are t, max_f, s, pi'),
        ("pw_a", "no variable"),
        ("sin", "no variable"),
        ("sin()", "gives sin 0 values; it takes 1"),
        ("open(1)", '"open", which is no function'),
        ("min(1, key=2)", "gives min"),
        ("1 if t else 2", "no arithmetic"),
        ("t := 1", "no arithmetic"),
        ("", "no arithmetic"),
        ("1 +", "no arithmetic"),
        ("\0", "no arithmetic"),
        ("(" * 300, "no arithmetic"),
        ("9 ** 9 ** 9 ** 9", "no finite value"),
        ("2 ** 100000000", "no finite value"),
        ("t << 9", "no arithmetic"),
        ("(s * s) * (s * s)", "no finite value"),
        ("1 / (t - 7)", "divides by 0 at t = 7"),
        ("t % 0", "divides by 0"),
        ("t % 0.0", "divides by 0"),
        ("sqrt(-1)", "no finite value at t = 7"),
        ("(-1) ** 0.5", "no finite value"),
        ("log(0)", "no finite value"),
        ("1e999", "no finite value"),
        ("1e999 - 1e999", "no finite value"),
        ("round(1e400)", "no finite value"),
        ("1" * 501, "501 characters; it takes 500"),
        ("+".join("1" * 150), "parts; it takes 200"),
    ],
)
def test_what_is_no_arithmetic_or_has_no_value_is_refused(text, why):
    with pytest.raises(ExpressionError, match=why):
        value(text)


@pytest.mark.parametrize("text", ["9**9**9", "s**s**s", "-" * 150 + "1", "2**80**1", "exp(exp(exp(9)))"])
def test_nothing_takes_long(text):
    start = time.process_time()
    try:
        value(text)
    except ExpressionError:
        pass
    assert time.process_time() - start < 0.1
