"""The source of a kernel in complex arithmetic: the same program, every number of it complex.

What is analytic goes on into the complex plane, branch by branch: a test compares real parts, |z| is z or -z, and a
step is the step of the real part. Indices and sizes stay integers. A derivative by the complex step f(x + iε).imag/ε
keeps its digits (powers are products, e^z - 1 and log(1 + z) do not cancel), and so does one from points around x.
"""

from __future__ import annotations

import ast
import cmath
import hashlib
import math
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from symdfi.compile.source.runtime import FASTMATH
from symdfi.errors import CompileError

_PRELUDE = (
    "from symdfi.compile.source.complexified import compiled_names\n\nglobals().update(compiled_names())\n# {}\n\n"
)
_WITHOUT = ("erf", "erfc", "gamma", "lgamma")


def complexified(source: str) -> str:
    """The source of the same functions of complex arrays. ``CompileError`` for a function that has no complex form."""
    tree = _Complex().visit(ast.parse(source))
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return _PRELUDE.format(own) + ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class _Complex(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            return ast.Constant(node.value.replace("float64", "complex128"))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        return ast.Compare(
            _call("real_part", node.left), node.ops, [_call("real_part", side) for side in node.comparators]
        )

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod):
            return _call("remainder", node.left, node.right)
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
            return _call("power", node.left, node.right)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "empty":
            node.args.append(ast.parse("np.complex128", mode="eval").body)
        if not isinstance(node.func, ast.Name):
            return node
        if node.func.id in _WITHOUT:
            raise CompileError(f"the function {node.func.id} has no form in complex arithmetic")
        if node.func.id == "stack":
            node.func = ast.parse("np.empty", mode="eval").body
            node.args.append(ast.parse("np.complex128", mode="eval").body)
        elif node.func.id in _NAMES:
            node.func = ast.Name(f"complex_{node.func.id}", ast.Load())
        return node


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


# Of numbers that may be integers: indices among them.


def remainder(a: Any, b: Any) -> Any:
    """a mod b with the sign of b, of complex numbers by the real parts."""
    return a - b * math.floor((a / b).real) if isinstance(a + b, complex) else a % b


def modulus(a: Any) -> Any:
    """|a|, analytic on either side of Re a = 0."""
    return (a if a.real >= 0 else -a) if isinstance(a, complex) else abs(a)


# Numba asks that what it is given has the very parameters of what it types: so there are no annotations.


@overload(remainder)
def _remainder(a, b):
    if isinstance(a, types.Complex) or isinstance(b, types.Complex):
        return lambda a, b: a - b * np.floor((a / b).real)
    return lambda a, b: a % b


@overload(modulus)
def _modulus(a):
    if isinstance(a, types.Complex):
        return lambda a: a if a.real >= 0 else -a
    return lambda a: abs(a)


def _real_part(a: Any) -> Any:
    return a.real


def _power(z: complex, n: int) -> complex:
    found, square = 1.0 + 0.0j, z
    while n > 0:
        if n & 1:
            found = found * square
        square = square * square
        n >>= 1
    return found


def _expm1(z: complex) -> complex:
    half = math.sin(0.5 * z.imag)
    return complex(math.expm1(z.real) * math.cos(z.imag) - 2 * half * half, math.exp(z.real) * math.sin(z.imag))


def _log1p(z: complex) -> complex:
    x, y = z.real, z.imag
    return complex(0.5 * math.log1p(x * (2 + x) + y * y), math.atan2(y, 1 + x))


def _atan2(y: complex, x: complex) -> complex:
    """By half the angle, which does not cancel."""
    r = cmath.sqrt(x * x + y * y)
    if x.real >= 0:
        return 2 * cmath.atan(y / (r + x)) if r != 0 else complex(math.atan2(y.real, x.real), 0.0)
    return (math.pi if y.real >= 0 else -math.pi) - 2 * cmath.atan(y / (r - x))


def _sign(z: complex) -> float:
    return 1.0 if z.real > 0 else -1.0 if z.real < 0 else z.real


def _heaviside(z: complex, half: complex) -> complex:
    return 1.0 + 0j if z.real > 0 else 0j if z.real < 0 else half if z.real == 0 else z


def _maximum(a: complex, b: complex) -> complex:
    return a if a.real > b.real or a.real != a.real else b


def _minimum(a: complex, b: complex) -> complex:
    return a if a.real < b.real or a.real != a.real else b


def _floor(z: complex) -> float:
    return math.floor(z.real) * 1.0


def _ceil(z: complex) -> float:
    return math.ceil(z.real) * 1.0


_OWN = {
    "expm1": _expm1, "log1p": _log1p, "atan2": _atan2, "sign": _sign, "heaviside": _heaviside, "maximum": _maximum,
    "minimum": _minimum, "floor": _floor, "ceil": _ceil,
}  # fmt: skip
_LIBRARY = (
    "sqrt", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
    "atanh",
)  # fmt: skip
_NAMES = {*_OWN, *_LIBRARY, "abs"}


def compiled_names() -> dict[str, Any]:
    """What such a source refers to besides the names of every kernel."""
    compiled = numba.njit(fastmath=FASTMATH, error_model="numpy")
    return {
        "remainder": remainder,
        "complex_abs": modulus,
        "real_part": compiled(_real_part),
        "power": compiled(_power),
        **{f"complex_{name}": getattr(cmath, name) for name in _LIBRARY},
        **{f"complex_{name}": compiled(function) for name, function in _OWN.items()},
    }
