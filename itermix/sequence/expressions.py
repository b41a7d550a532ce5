"""Arithmetic as users write it in schedules: `0.5 + 0.2 * sin(t / 10)`.

Read by Python's own `ast` and worked out here, so that nothing but arithmetic can happen. Names, functions and their
meaning are numexpr's, which Deforum and FizzNodes read theirs with: % has the sign of its left side, as in C, and
comparisons give 1 or 0. What has no finite value is refused, and so is what would take long or much memory.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LONGEST = 500  # characters
MOST_PARTS = 200  # nodes of the tree: nothing that a person writes
LARGEST_BITS = 80  # of a whole number; seeds have 64
LONGEST_SHOWN = 40  # characters of an expression in a message
CONSTANTS = {"pi": math.pi}

Number = int | float


class ExpressionError(ValueError):
    """Why an expression has no value, in words that follow its text."""


@dataclass(frozen=True)
class Expression:
    """An expression that has been read. names: the variables that it may have."""

    text: str
    tree: ast.expr
    names: tuple[str, ...]

    def value(self, **variables: Number) -> Number:
        """Its value. variables: one for each of `names`. Raises ExpressionError where it has no finite one."""
        try:
            value = _value(self.tree, {**CONSTANTS, **variables})
            if math.isfinite(value):
                return value
        except ZeroDivisionError:
            raise ExpressionError(f"divides by 0{_where(variables)}") from None
        except (OverflowError, ValueError, TypeError):  # TypeError: of a complex number
            pass
        raise ExpressionError(f"has no finite value{_where(variables)}")


@functools.lru_cache(maxsize=1024)
def parsed(text: str, names: tuple[str, ...]) -> Expression:
    """The expression in a text, full-width characters read as plain ones. Raises ExpressionError."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if len(plain) > LONGEST:
        raise ExpressionError(f"has {len(plain)} characters; it takes {LONGEST} at most")
    try:
        tree = ast.parse(plain, mode="eval").body
        parts = list(ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError("is no arithmetic") from None
    if len(parts) > MOST_PARTS:
        raise ExpressionError(f"has {len(parts)} parts; it takes {MOST_PARTS} at most")
    for problem in _problems(parts, names):
        raise ExpressionError(problem)
    return Expression(text, tree, names)


def _where(variables: dict[str, Number]) -> str:
    return f" at t = {variables['t']}" if "t" in variables else ""


def _problems(parts: list[ast.AST], names: tuple[str, ...]) -> Iterator[str]:
    """What in the tree is not of this arithmetic."""
    called = {id(part.func) for part in parts if isinstance(part, ast.Call)}
    for part in parts:
        if isinstance(part, ast.Call):
            yield from _problems_of_call(part)
        elif isinstance(part, ast.Name):
            if id(part) not in called and part.id not in names and part.id not in CONSTANTS:
                allowed = ", ".join((*names, *CONSTANTS))
                yield f'has "{part.id[:LONGEST_SHOWN]}", which is no variable; they are {allowed}'
        elif isinstance(part, ast.Constant):
            if type(part.value) not in (int, float):
                yield "is no arithmetic; it takes numbers alone"
        elif not isinstance(part, ALLOWED):
            yield "is no arithmetic; it takes numbers, + - * / // % **, comparisons and functions"


def _problems_of_call(call: ast.Call) -> Iterator[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name not in FUNCTIONS:
        shown = f'"{name[:LONGEST_SHOWN]}"' if name else "a call"
        yield f"has {shown}, which is no function; they are {', '.join(FUNCTIONS)}"
    elif call.keywords or len(call.args) not in FUNCTIONS[name][1]:
        yield f"gives {name} {len(call.args)} values; it takes {FUNCTIONS[name][1][0]}"


def _value(part: ast.expr, variables: dict[str, Number]) -> Number:
    """The value of a part of a tree that has been checked."""
    if isinstance(part, ast.Constant):
        return _bounded(part.value)
    if isinstance(part, ast.Name):
        return variables[part.id]
    if isinstance(part, ast.UnaryOp):
        return UNARY[type(part.op)](_value(part.operand, variables))
    if isinstance(part, ast.BinOp):
        return _bounded(BINARY[type(part.op)](_value(part.left, variables), _value(part.right, variables)))
    if isinstance(part, ast.Compare):
        values = [_value(side, variables) for side in (part.left, *part.comparators)]
        return int(all(COMPARED[type(op)](a, b) for op, a, b in zip(part.ops, values, values[1:])))
    name = part.func.id
    if name == "where":  # the other side may have no value
        return _value(part.args[1 if _value(part.args[0], variables) else 2], variables)
    return _bounded(FUNCTIONS[name][0](*(_value(argument, variables) for argument in part.args)))


def _bounded(value: Any) -> Number:
    """The value itself. Raises OverflowError for a whole number that would go on growing, TypeError for no number."""
    if isinstance(value, complex):
        raise TypeError
    if isinstance(value, int) and value.bit_length() > LARGEST_BITS:
        raise OverflowError
    return value


def _power(a: Number, b: Number) -> Number:
    """a ** b, whole where it is small: a power of whole numbers may have more digits than there is memory."""
    if isinstance(a, int) and isinstance(b, int) and b >= 0 and a.bit_length() * b <= LARGEST_BITS:
        return a**b
    return float(a) ** float(b)


def _remainder(a: Number, b: Number) -> Number:
    """a - b trunc(a / b): C's."""
    if isinstance(a, int) and isinstance(b, int):
        return int(math.copysign(1, a)) * (abs(a) % abs(b))
    if b == 0:
        raise ZeroDivisionError
    return math.fmod(a, b)


UNARY: dict[type, Callable] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
BINARY: dict[type, Callable] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: _remainder, ast.Pow: _power,
    ast.BitAnd: lambda a, b: int(bool(a) and bool(b)), ast.BitOr: lambda a, b: int(bool(a) or bool(b)),
}  # fmt: skip
COMPARED: dict[type, Callable] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
ONE, TWO, SOME = (1,), (2,), (2, 1, *range(3, 17))
# By name: the function, and how many values it takes, the first number being the one that a message names.
FUNCTIONS: dict[str, tuple[Callable, tuple[int, ...]]] = {
    "sin": (math.sin, ONE), "cos": (math.cos, ONE), "tan": (math.tan, ONE), "arcsin": (math.asin, ONE),
    "arccos": (math.acos, ONE), "arctan": (math.atan, ONE), "arctan2": (math.atan2, TWO), "sinh": (math.sinh, ONE),
    "cosh": (math.cosh, ONE), "tanh": (math.tanh, ONE), "exp": (math.exp, ONE), "expm1": (math.expm1, ONE),
    "log": (math.log, ONE), "log10": (math.log10, ONE), "log1p": (math.log1p, ONE), "sqrt": (math.sqrt, ONE),
    "abs": (abs, ONE), "floor": (math.floor, ONE), "ceil": (math.ceil, ONE), "round": (round, ONE),
    "min": (min, SOME), "max": (max, SOME), "where": (lambda condition, a, b: a if condition else b, (3,)),
}  # fmt: skip
ALLOWED = (
    ast.BinOp, ast.UnaryOp, ast.Compare, ast.Load, *UNARY, *BINARY, *COMPARED,
)  # fmt: skip
