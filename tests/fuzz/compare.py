"""Run a case through symdfi and beside the oracle, and say what became of it."""

from __future__ import annotations

import contextlib
import random
import re
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked
from symdfi.errors import CompileError, SymbolicError
from tests.fuzz.expressions import INTEGERS, NAMES, VALUES, Case, e, m, n, w, x, z
from tests.fuzz.oracle import number, over
from tests.fuzz.world import Jet, Meaningless, OutOfRange, World

DIRECTIONS = {
    v: sp.IndexedBase(sp.Symbol(f"d{v}", real=True), shape=v.shape)
    if isinstance(v, sp.IndexedBase)
    else sp.Symbol(f"d{v}", real=True)
    for v in VALUES
}
#: An array from whose shape a size is read.
TELLING = {n: x, m: z, e: w}
#: Free indices of derivatives: none of the expressions' own.
FREE = tuple(sp.Symbol(name, integer=True) for name in "abgh")

#: What may become of a case, the worst first. "overcautious": a ValueError although every access is in range. "silent":
#: none although one is not, which no factor of zero stands beside (see ``oracle``).
KINDS = ("wrong", "silent", "crash", "overcautious", "unnamed", "refused", "meaningless", "right")
FAILURES = ("wrong", "silent", "crash", "overcautious", "unnamed")


@dataclass(frozen=True)
class Outcome:
    kind: str
    output: str = ""
    message: str = ""


def outputs(case: Case) -> dict[str, Any]:
    """What is compiled of a case: the value and its derivatives of first and second order in all their forms."""
    rng = random.Random(case.seed)
    expr, limits = case.expr, case.limits
    used = [v for v in VALUES if (v.label if isinstance(v, sp.IndexedBase) else v) in expr.free_symbols]
    found: dict[str, Any] = {"value": (expr, *limits) if limits else expr}
    if not used:
        return found
    one, other = rng.choice(used), rng.choice(used)
    at, to = FREE[: _rank(one)], FREE[2 : 2 + _rank(other)]
    slope = _attempt(lambda: sd.derivative(expr, _element(one, at), _ranges(limits)))
    found[f"derivative by {one}"] = _over(slope, (*limits, *_limits(one, at)))
    if not isinstance(slope, Exception):
        known = _ranges((*limits, *_limits(one, at)))
        second = _attempt(lambda: sd.derivative(slope, _element(other, to), known))
        found[f"second by {one} and {other}"] = _over(second, (*limits, *_limits(one, at), *_limits(other, to)))
    along = _attempt(lambda: sd.tangent(expr, {v: DIRECTIONS[v] for v in used}))
    found["along"] = _over(along, limits)
    if not limits:
        found |= {f"gradient by {v}": sd.gradient(expr, v) for v in used}
        if not isinstance(along, Exception):
            found |= {f"gradient along by {v}": sd.gradient(along, v) for v in used}
    return found


def arguments(case: Case) -> list:
    """The arrays in a case with their directions, and arrays that tell the sizes left."""
    free = case.expr.free_symbols.union(*(sp.sympify(hi).free_symbols for _, _, hi in case.limits))
    used = [v for v in (*VALUES, *INTEGERS) if (v.label if isinstance(v, sp.IndexedBase) else v) in free]
    told = {s for v in used if isinstance(v, sp.IndexedBase) for extent in v.shape for s in extent.free_symbols}
    used += [TELLING[size] for size in TELLING if size in free - told]
    return [*used, *(DIRECTIONS[v] for v in used if v in DIRECTIONS)]


def _rank(v: Any) -> int:
    return len(v.shape) if isinstance(v, sp.IndexedBase) else 0


def _element(v: Any, at: tuple) -> Any:
    return v[at] if at else v


def _limits(v: Any, at: tuple) -> list[tuple]:
    return [(k, 0, extent - 1) for k, extent in zip(at, v.shape, strict=True)] if at else []


def _ranges(limits: Iterable[tuple]) -> dict:
    return {index: (sp.sympify(lo), sp.sympify(hi)) for index, lo, hi in limits}


def _over(expr: Any, limits: Iterable[tuple]) -> Any:
    limits = tuple(limits)
    return expr if isinstance(expr, Exception) or not limits else (expr, *limits)


def _attempt(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as error:
        return error


def expected(case: Case, name: str, world: World, jets: list) -> np.ndarray:
    """The oracle's figure for an output."""

    def part(of: str, v: Any) -> np.ndarray:
        rows = [world.parts(getattr(jet, of) if isinstance(jet, Jet) else 0.0)[v] for jet in jets]
        return np.array(rows) if case.limits else rows[0]

    by_name = {str(v): v for v in VALUES}
    if name == "value":
        flat = [number(jet) for jet in jets]
        return np.array(flat) if case.limits else np.array(flat[0])
    if name == "along":
        flat = [jet.t if isinstance(jet, Jet) else 0.0 for jet in jets]
        return np.array(flat) if case.limits else np.array(flat[0])
    *kind, last = name.split(" by ")
    if kind == ["gradient along"]:
        return part("h", by_name[last])
    if kind == ["second"]:
        raise AssertionError("by seconds()")
    return part("g", by_name[last])


def seconds(case: Case, one: Any, other: Any, world: World) -> np.ndarray:
    """∂²/∂one∂other, a direction at a time."""
    columns = []
    zero = {v: np.zeros_like(a) for v, a in world.values.items()}
    shape = world.values[one].shape
    for at in np.ndindex(*shape):
        zero[one] = np.zeros(shape)
        zero[one][at] = 1.0
        moved = World(world.sizes, world.integers, world.values, zero)
        jets = over(case.expr, list(case.limits), moved)
        rows = [moved.parts(jet.h if isinstance(jet, Jet) else 0.0)[other] for jet in jets]
        columns.append(np.array(rows) if case.limits else rows[0])
    axis = len(case.limits)
    stacked = np.stack(columns, axis=axis) if columns else np.zeros(0)
    return stacked.reshape((*stacked.shape[:axis], *shape, *stacked.shape[axis + 1 :]))


def judge(case: Case, compiled: bool = False) -> Outcome:
    """The worst outcome of a case over its outputs and worlds, in the bounds-checked build unless ``compiled``."""
    with contextlib.nullcontext() if compiled else bounds_checked():
        outcomes = _outcomes(case)
    return min(outcomes, key=lambda o: KINDS.index(o.kind), default=Outcome("right"))


def _outcomes(case: Case) -> list[Outcome]:
    made = outputs(case)
    outcomes = [refusal(name, error) for name, error in made.items() if isinstance(error, Exception)]
    made = {name: output for name, output in made.items() if not isinstance(output, Exception)}
    names, taken = {f"f{k}": name for k, name in enumerate(made)}, arguments(case)
    try:
        functions = [(names, sd.compile({k: made[name] for k, name in names.items()}, taken))]
    except Exception:
        # One by one, to tell which of them it is.
        functions = []
        for key, name in names.items():
            function = _attempt(lambda key=key, name=name: sd.compile({key: made[name]}, taken))
            if isinstance(function, Exception):
                outcomes.append(refusal(name, function))
            else:
                functions.append(({key: name}, function))
    for world in case.worlds:
        outcomes += _in_world(case, world, functions)
    return outcomes


def refusal(name: str, error: Exception) -> Outcome:
    text = f"{type(error).__name__}: {error}"
    if not isinstance(error, SymbolicError | CompileError | ValueError):
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome("crash", name, f"{text} at {where.filename.rsplit('/', 1)[-1]}:{where.lineno}")
    named = re.search(r"\w\[", text) or any(sign in text for sign in ("Sum(", "Mod(", "floor(", "Piecewise("))
    return Outcome("refused" if named else "unnamed", name, text)


def _in_world(case: Case, world: World, functions: list) -> list[Outcome]:
    world = World(world.sizes, world.integers, world.values, world.direction)
    at = f"at n, m, e = {', '.join(map(str, world.sizes.values()))}"
    try:
        jets, outside = over(case.expr, list(case.limits), world), None
    except OutOfRange as error:
        jets, outside = [], str(error)
    except Meaningless as error:
        return [Outcome("meaningless", message=str(error))]
    outcomes = []
    for names, function in functions:
        try:
            got = call(function, world)
        except ValueError as error:
            if not (outside or world.dropped):
                outcomes.append(Outcome("overcautious", ", ".join(names.values()), f"{error} {at}"))
            continue
        except IndexError as error:
            outcomes.append(Outcome("wrong", ", ".join(names.values()), f"reads out of its arrays {at}: {error}"))
            continue
        except Exception as error:
            outcomes.append(refusal(", ".join(names.values()), error))
            continue
        if outside:
            # A term that vanishes everywhere reads nothing: its value is what is asked, its derivatives nothing.
            if "value" in names.values():
                outcomes.append(Outcome("silent", ", ".join(names.values()), f"{outside} is out of range {at}"))
            continue
        if world.jump:
            continue
        for key, name in names.items():
            if name != "value" and world.kink:
                continue
            outcomes += _difference(case, name, world, jets, got[key], at)
    return outcomes


def _difference(case: Case, name: str, world: World, jets: list, got: np.ndarray, at: str) -> list[Outcome]:
    if name.startswith("second by "):
        one, other = (NAMES[v] for v in name.removeprefix("second by ").split(" and "))
        right = seconds(case, one, other, world)
    else:
        right = expected(case, name, world, jets)
    if got.shape != right.shape:
        return [Outcome("wrong", name, f"shape {got.shape}, right is {right.shape} {at}")]
    # Rounding grows with what is added up, not with what is left of it.
    if np.allclose(got, right, rtol=0, atol=1e-10 * world.scale):
        return []
    show = lambda a: np.array2string(a, precision=6, threshold=40).replace("\n", "")  # noqa: E731
    return [Outcome("wrong", name, f"{show(got)}, right is {show(right)} {at}")]


def call(function: Any, world: World) -> dict[str, np.ndarray]:
    """A compiled function on a world's arrays."""
    arrays = {str(v): a for v, a in (*world.values.items(), *world.integers.items())}
    arrays |= {str(DIRECTIONS[v]): a for v, a in world.direction.items()}
    arrays = {name: arrays[name] for name in function.names}
    return function(**arrays)


# Smaller cases with the same fault
# ---------------------------------


def shrunk(case: Case, outcome: Outcome, most: int = 150) -> tuple[Case, Outcome]:
    """A case with the same kind of outcome that none of its parts has, as far as ``most`` tries go."""
    tried = set()
    improved = True
    while improved:
        improved = False
        for smaller in sorted(set(_smaller(case.expr)), key=lambda s: (s.count_ops(), str(s))):
            if smaller in tried or _size(smaller) >= _size(case.expr) or len(tried) >= most:
                continue
            tried.add(smaller)
            candidate = case.of(smaller)
            found = _attempt(lambda candidate=candidate: judge(candidate))
            if isinstance(found, Outcome) and found.kind == outcome.kind:
                case, outcome, improved = candidate, found, True
                break
    return case, outcome


def _size(expr: sp.Basic) -> int:
    return sum(1 for _ in sp.preorder_traversal(expr))


def _smaller(expr: sp.Basic) -> Iterable[sp.Basic]:
    """The expression with one node replaced by one of its parts, or by zero or one."""
    if isinstance(expr, sp.Sum):
        yield expr.function.xreplace({index: sp.S.Zero for index, *_ in expr.limits})
        for function in _smaller(expr.function):
            yield _attempted(lambda function=function: sp.Sum(function, *expr.limits), expr)
        for k, (index, lower, upper) in enumerate(expr.limits):
            for bounds in ((0, upper), (lower, lower), *((low, upper) for low in _smaller(lower)),
                           *((lower, up) for up in _smaller(upper))):  # fmt: skip
                limits = [*expr.limits[:k], (index, *bounds), *expr.limits[k + 1 :]]
                yield _attempted(lambda limits=limits: sp.Sum(expr.function, *limits), expr)
        return
    if not expr.args or isinstance(expr, sp.IndexedBase):
        return
    if isinstance(expr, sp.Expr):
        yield from (arg for arg in expr.args if isinstance(arg, sp.Expr) and not isinstance(arg, sp.IndexedBase))
    if isinstance(expr, sp.Piecewise):
        yield from (value for value, _ in expr.args)
    if isinstance(expr, sp.Add | sp.Mul | sp.And | sp.Or) and len(expr.args) > 1:
        for k in range(len(expr.args)):
            yield expr.func(*expr.args[:k], *expr.args[k + 1 :])
    for k, arg in enumerate(expr.args):
        for part in _smaller(arg):
            args = (*expr.args[:k], part, *expr.args[k + 1 :])
            yield _attempted(lambda args=args: expr.func(*args), expr)


def _attempted(make: Callable[[], Any], otherwise: Any) -> Any:
    made = _attempt(make)
    return otherwise if isinstance(made, Exception) or made in (sp.nan, sp.zoo) else made


def reproduction(case: Case, outcome: Outcome) -> str:
    """A failure as a report in code form."""
    return f"seed {case.seed}: {outcome.kind} ({outcome.output})\n    E = {case.code()}\n    {outcome.message}"
