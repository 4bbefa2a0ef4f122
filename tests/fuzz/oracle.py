"""What a SymPy expression means, by plain Python loops over its tree; nothing here comes from symdfi.

Indices and sizes are exact (int, Fraction). Values are floats, or ``Jet`` numbers that carry a gradient by every
element of every array, the derivative along a direction, and the gradient of that. A sum from 3 to 1 is empty.

A product with a factor of indices that is zero, a delta or a remainder, is zero whatever stands beside it. SymPy drops
0*x[j] wherever it evaluates the factor (x[j] is then no longer there to be checked), and a delta selects as a
``Piecewise`` does. So elements beside it may lie out of range: to read them not, or to refuse them, is both right, and
``dropped`` notes that there is one. No other value is right, and out of its array nothing may be read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from tests.fuzz.world import Jet, Meaningless, OutOfRange, World

#: Evaluates one node in a world, given the values of the indices in scope.
Closure = Callable[[World, dict], Any]


def number(value: Any) -> float:
    return value.v if isinstance(value, Jet) else float(value)


def exact(value: Any) -> bool:
    return isinstance(value, int | Fraction)


def _analytic(f: Callable[[float], tuple[float, float, float]]) -> Callable[[World, Any], Any]:
    def apply(world: World, a: Any) -> Any:
        return a.through(*f(a.v)) if isinstance(a, Jet) else f(float(a))[0]

    return apply


def _step(f: Callable[[Any], Any], distance: Callable[[float], float]) -> Callable[[World, Any], Any]:
    """A function that is constant between its jumps."""

    def apply(world: World, a: Any) -> Any:
        if exact(a):
            return f(a)
        if distance(number(a)) < 1e-7:
            world.jump = True
        return float(f(number(a)))

    return apply


def _abs(world: World, a: Any) -> Any:
    if abs(number(a)) < 1e-7 and not exact(a):
        world.kink = True
    return -1 * a if number(a) < 0 else a


def _sign(a: Any) -> int:
    return (a > 0) - (a < 0)


def _near_integer(a: float) -> float:
    return abs(a - round(a))


FUNCTIONS: dict[type, Callable[[World, Any], Any]] = {
    sp.sin: _analytic(lambda v: (math.sin(v), math.cos(v), -math.sin(v))),
    sp.cos: _analytic(lambda v: (math.cos(v), -math.sin(v), -math.cos(v))),
    sp.exp: _analytic(lambda v: (math.exp(v),) * 3),
    sp.log: _analytic(lambda v: (math.log(v), 1 / v, -1 / v**2)),
    sp.tanh: _analytic(lambda v: (math.tanh(v), 1 - math.tanh(v) ** 2, -2 * math.tanh(v) * (1 - math.tanh(v) ** 2))),
    sp.atan: _analytic(lambda v: (math.atan(v), 1 / (1 + v * v), -2 * v / (1 + v * v) ** 2)),
    sp.Abs: _abs,
    sp.sign: _step(_sign, abs),
    sp.floor: _step(math.floor, _near_integer),
    sp.ceiling: _step(math.ceil, _near_integer),
    sp.Heaviside: _step(lambda a: Fraction(_sign(a) + 1, 2), abs),
    sp.DiracDelta: _step(lambda a: 0, abs),
}


def power(a: Any, e: Any) -> Any:
    if exact(a) and isinstance(e, int):
        return Fraction(a) ** e if e < 0 else a**e
    if isinstance(e, Jet):
        raise Meaningless("a power of a value")
    e, v = float(e), number(a)
    f = v**e
    if isinstance(f, complex):
        raise Meaningless("the root of a negative value")
    if not isinstance(a, Jet):
        return f
    return a.through(f, e * v ** (e - 1) if e else 0.0, e * (e - 1) * v ** (e - 2) if e * (e - 1) else 0.0)


def remainder(world: World, a: Any, b: Any) -> Any:
    if exact(a) and exact(b):
        return a % b
    quotient = number(a) / number(b)
    if _near_integer(quotient) < 1e-7:
        world.jump = True
    return a + -math.floor(quotient) * b


def extremum(world: World, args: list, largest: bool) -> Any:
    best = (max if largest else min)(args, key=number)
    if not all(map(exact, args)):
        near = [a for a in args if a is not best and abs(number(a) - number(best)) < 1e-7]
        world.kink = world.kink or bool(near)
    return best


def integer(value: Any) -> int:
    if not exact(value) or value != int(value):
        raise Meaningless(f"the index {value} is no integer")
    return int(value)


_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


def _has_values(expr: sp.Basic) -> bool:
    """Whether entries or symbols that are no integers are read."""
    return any(s.is_integer is not True for s in expr.free_symbols if isinstance(s, sp.Symbol))


_CONNECTED = (sp.ITE, sp.Implies, sp.Xor, sp.Equivalent)


def _by_and_or(expr: sp.Basic) -> sp.Basic:
    """A test by And, Or and Not alone."""
    first, *rest = expr.args
    if isinstance(expr, sp.ITE):
        return (first & rest[0]) | (sp.Not(first) & rest[1])
    if isinstance(expr, sp.Implies):
        return sp.Not(first) | rest[0]
    if isinstance(expr, sp.Equivalent):
        return sp.And(*expr.args) | sp.And(*map(sp.Not, expr.args))
    other = rest[0] if len(rest) == 1 else _by_and_or(sp.Xor(*rest))
    return (first & sp.Not(other)) | (sp.Not(first) & other)


def condition(expr: sp.Basic) -> Callable[[World, dict], bool]:
    """A test. What indices decide is not read on; of literals on values none is read in vain but those that are left:
    whether one of these is needed is not known before the call."""
    if expr in (sp.true, sp.false):
        return lambda world, at: expr == sp.true
    if isinstance(expr, sp.Not):
        inner = condition(expr.args[0])
        return lambda world, at: not inner(world, at)
    if isinstance(expr, _CONNECTED):
        return condition(_by_and_or(expr))
    if isinstance(expr, sp.And | sp.Or):
        known, decisive = decided(expr), isinstance(expr, sp.Or)
        parts = [(decided(arg), condition(arg)) for arg in expr.args]

        def several(world: World, at: dict) -> bool:
            found = known(world, at)
            if found is not None:
                return found
            left = [part(world, at) for told, part in parts if told(world, at) is None]
            return decisive if decisive in left else not decisive

        return several
    compare, left, right = _RELATIONS[expr.rel_op], closure(expr.lhs), closure(expr.rhs)

    def relation(world: World, at: dict) -> bool:
        a, b = left(world, at), right(world, at)
        if not (exact(a) and exact(b)):
            a, b = number(a), number(b)
            world.jump = world.jump or abs(a - b) < 1e-7
        return compare(a, b)

    return relation


def decided(expr: sp.Basic) -> Callable[[World, dict], bool | None]:
    """Whether a test holds, as far as it is known before the values are, else None. One literal on indices that
    decides an And (Or) suffices, whatever the others would read."""
    if isinstance(expr, sp.Not):
        inner = decided(expr.args[0])
        return lambda world, at: None if (known := inner(world, at)) is None else not known
    if isinstance(expr, _CONNECTED):
        return decided(_by_and_or(expr))
    if isinstance(expr, sp.And | sp.Or):
        parts, decisive = [decided(arg) for arg in expr.args], isinstance(expr, sp.Or)

        def several(world: World, at: dict) -> bool | None:
            failed, found = None, []
            for part in parts:
                try:
                    found.append(part(world, at))
                except OutOfRange as error:
                    failed = error
            if decisive in found:
                return decisive
            if failed is not None:
                raise failed
            return None if None in found else not decisive

        return several
    if _has_values(expr):
        return lambda world, at: None
    return condition(expr)


def closure(expr: sp.Basic) -> Closure:
    """The tree of an expression as nested Python functions."""
    run = _closure(expr)

    def noticed(world: World, at: dict) -> Any:
        value = run(world, at)
        if isinstance(value, Jet):
            top = max(abs(value.v), abs(value.t), float(np.abs(value.g).max()), float(np.abs(value.h).max()))
        else:
            top = abs(float(value))
        if top > world.scale:
            world.scale = top
        return value

    return noticed


def _closure(expr: sp.Basic) -> Closure:
    if expr.is_Integer:
        value: Any = int(expr)
        return lambda world, at: value
    if expr.is_Rational:
        fraction = Fraction(int(expr.p), int(expr.q))
        return lambda world, at: fraction
    if not expr.args and expr.is_number:
        constant = float(expr)
        return lambda world, at: constant
    if isinstance(expr, sp.Indexed):
        base, places = expr.base, [closure(k) for k in expr.indices]
        return lambda world, at: world.leaf(base, tuple(integer(k(world, at)) for k in places))
    if isinstance(expr, sp.Symbol):
        return lambda world, at: at[expr] if expr in at else world.sizes[expr] if expr in world.sizes else world.leaf(
            expr, ()
        )  # fmt: skip
    if isinstance(expr, sp.Sum):
        return _sum(expr)
    if isinstance(expr, sp.Piecewise):
        branches = [(closure(value), condition(test), decided(test)) for value, test in expr.args]

        def piecewise(world: World, at: dict) -> Any:
            """All cases that values may lead to must be in range: which of them is read is not known before."""
            found = []
            for value, test, possible in branches:
                known = possible(world, at)
                if known is not False:
                    result = value(world, at)
                    found += [result] if test(world, at) else []
                if known:
                    break
            if not found:
                raise Meaningless(f"no case of {expr} applies")
            return found[0]

        return piecewise
    if isinstance(expr, sp.KroneckerDelta):
        left, right = map(closure, expr.args[:2])
        return lambda world, at: int(integer(left(world, at)) == integer(right(world, at)))
    if isinstance(expr, sp.Heaviside):
        inner = closure(expr.args[0])
        return lambda world, at: FUNCTIONS[sp.Heaviside](world, inner(world, at))
    if isinstance(expr, sp.Mul):
        return _product(expr)
    args = [closure(arg) for arg in expr.args]
    if isinstance(expr, sp.Add):

        def folded(world: World, at: dict) -> Any:
            total = args[0](world, at)
            for arg in args[1:]:
                total = total + arg(world, at)
            return total

        return folded
    if isinstance(expr, sp.Pow):
        return lambda world, at: power(args[0](world, at), args[1](world, at))
    if isinstance(expr, sp.Mod):
        return lambda world, at: remainder(world, args[0](world, at), args[1](world, at))
    if isinstance(expr, sp.Max | sp.Min):
        return lambda world, at: extremum(world, [arg(world, at) for arg in args], isinstance(expr, sp.Max))
    if isinstance(expr, sp.frac):
        return lambda world, at: remainder(world, args[0](world, at), 1)
    function = FUNCTIONS[expr.func]
    return lambda world, at: function(world, args[0](world, at))


def _product(expr: sp.Mul) -> Closure:
    args = [(closure(arg), not _has_values(arg)) for arg in expr.args]

    def run(world: World, at: dict) -> Any:
        total, zero, failed = 1, False, None
        for arg, of_indices in args:
            try:
                value = arg(world, at)
            except OutOfRange as error:
                failed = error
                continue
            zero = zero or (of_indices and exact(value) and value == 0)
            total = total * value
        if failed is None:
            return total
        if not zero:
            raise failed
        world.dropped = str(failed)
        return 0

    return run


def _sum(expr: sp.Sum) -> Closure:
    body = closure(expr.function)
    limits = [(index, closure(lower), closure(upper)) for index, lower, upper in reversed(expr.limits)]

    def run(world: World, at: dict, depth: int = 0) -> Any:
        if depth == len(limits):
            return body(world, at)
        index, lower, upper = limits[depth]
        total: Any = 0
        for value in range(integer(lower(world, at)), integer(upper(world, at)) + 1):
            total = total + run(world, {**at, index: value}, depth + 1)
        return total

    return run


def over(expr: sp.Basic, limits: list[tuple], world: World) -> list:
    """``expr`` at every point of a box of free indices, in row-major order."""
    run = closure(sp.sympify(expr))
    ends = [(closure(sp.sympify(lo))(world, {}), closure(sp.sympify(hi))(world, {})) for _, lo, hi in limits]
    names = [index for index, _, _ in limits]
    boxes = itertools.product(*(range(integer(lo), integer(hi) + 1) for lo, hi in ends))
    return [run(world, dict(zip(names, point, strict=True))) for point in boxes]
