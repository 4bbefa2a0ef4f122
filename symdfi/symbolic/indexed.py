"""The index calculus: derivatives of expressions that hold ``Sum`` and ``Indexed`` of symbolic size.

SymPy's own ``diff`` and ``doit`` capture or leak bound indices on such sums, and expanding them costs the
size of the model. Here a derivative is a list of variations

    δE = Σ_sums  [conditions]  coefficient · δx[indices]

obtained by the chain rule with fresh summation indices. It is contracted with a direction (a tangent) or, by
solving the index maps for their owners (see ``maps``), with a unit vector (a gradient component).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.errors import SymbolicError
from symdfi.symbolic import given
from symdfi.symbolic.affine import affine
from symdfi.symbolic.maps import check_index, is_integer, is_single, prune, put, solve
from symdfi.symbolic.ranges import Limits, bounded
from symdfi.symbolic.sets import Ranges, never_negative
from symdfi.symbolic.sums import PlainSum, canonical, fresh, normalise, readable

Variable = sp.Symbol | sp.IndexedBase


@dataclass(frozen=True)
class Variation:
    """One term ``Σ_sums [conditions] coefficient · δx[indices]`` of the variation of an expression by x."""

    coefficient: sp.Expr
    indices: tuple[sp.Expr, ...]
    sums: tuple[Limits, ...] = ()
    conditions: tuple[Boolean, ...] = ()

    def contract(self, factor: sp.Expr) -> sp.Expr:
        """The term with ``factor`` in place of δx[indices]."""
        return summed(self.coefficient * factor, self.sums, self.conditions)


def guarded(expr: sp.Expr, conditions: Iterable[Boolean]) -> sp.Expr:
    """``expr`` where every condition holds, else 0."""
    condition = sp.And(*conditions)
    if condition == sp.true:
        return expr
    return sp.S.Zero if condition == sp.false else sp.Piecewise((expr, condition), (sp.S.Zero, True))


def summed(expr: sp.Expr, sums: Iterable[Limits], conditions: Iterable[Boolean]) -> sp.Expr:
    """``Σ_sums [conditions] expr``; what does not depend on the sums' indices is asked outside them, unless it
    reads elements, which the ranges or another condition may keep in range."""
    sums, conditions = tuple(sums), tuple(conditions)
    own = {index for index, _, _ in sums}
    inner = [c for c in conditions if c.free_symbols & own or c.has(sp.Indexed)]
    expr = guarded(expr, inner)
    total = PlainSum(expr, *sums) if sums and expr != 0 else expr
    return guarded(total, (c for c in conditions if c not in inner))


def index_arrays(expr: sp.Basic) -> set[sp.IndexedBase]:
    """The arrays whose elements are indices: they stand inside the index of another one, in a delta or in a bound, or
    their label is an integer."""
    indices = {k for reference in expr.atoms(sp.Indexed) for k in reference.indices}
    indices |= {k for delta in expr.atoms(sp.KroneckerDelta) for k in delta.args}
    indices |= {k for node in expr.atoms(sp.Sum) for _, *bounds in node.limits for k in bounds}
    declared = {base for base in expr.atoms(sp.IndexedBase) if base.label.is_integer}
    return declared | {gathered.base for k in indices for gathered in k.atoms(sp.Indexed)}


def depends(expr: sp.Basic, variable: Variable) -> bool:
    """Whether a symbol, or an element of an array, is in ``expr``."""
    return (variable.label if isinstance(variable, sp.IndexedBase) else variable) in expr.free_symbols


def variation(expr: sp.Basic, variable: Variable, shown: Callable[[sp.Basic], object] = readable) -> list[Variation]:
    """Every term of the variation of ``expr`` by ``variable`` (a symbol: indices are ``()``).

    Raises ``SymbolicError`` when the variable stands inside an index or a bound; ``shown`` gives the form in
    which the message names the term.
    """
    return _variation(normalise(expr), variable, shown, {})


def _variation(expr: sp.Basic, variable: Variable, shown: Callable[[sp.Basic], object], cache: dict) -> list[Variation]:
    if expr in cache:
        return cache[expr]
    if not depends(expr, variable):
        terms: list[Variation] = []
    elif expr == variable:
        terms = [Variation(sp.S.One, ())]
    elif isinstance(expr, sp.Indexed):
        if expr.base != variable or any(depends(k, variable) for k in expr.indices):
            raise SymbolicError(f"{variable} stands inside an index of {shown(expr)}")
        terms = [Variation(sp.S.One, tuple(expr.indices))]
    elif isinstance(expr, sp.Sum):
        dummied = fresh(expr)
        limits = tuple((i, lo, hi) for i, lo, hi in dummied.limits)
        if any(depends(bound, variable) for _, lo, hi in limits for bound in (lo, hi)):
            raise SymbolicError(f"{variable} stands inside a bound of {shown(expr)}")
        body = _variation(dummied.function, variable, shown, {})
        for index_map in {k for v in body for k in v.indices}:
            check_index(index_map, lambda: shown(expr), [limit[0] for limit in limits])
        terms = [replace(v, sums=v.sums + limits) for v in body]
    elif isinstance(expr, sp.Piecewise):
        terms, earlier = [], []
        for value, condition in expr.args:
            here = sp.And(condition, *(sp.Not(c) for c in earlier))
            terms += [replace(v, conditions=(*v.conditions, here)) for v in _variation(value, variable, shown, cache)]
            earlier.append(condition)
    elif isinstance(expr, sp.Add):
        terms = [v for arg in expr.args for v in _variation(arg, variable, shown, cache)]
    else:
        terms = []
        for position, arg in enumerate(expr.args):
            inner = _variation(arg, variable, shown, cache)
            if inner:
                slope = partial(expr, position, shown)
                terms += [replace(v, coefficient=slope * v.coefficient) for v in inner]
    cache[expr] = terms
    return terms


def partial(expr: sp.Basic, position: int, shown: Callable[[sp.Basic], object] = readable) -> sp.Expr:
    """The partial derivative of one node by its argument at ``position``, almost everywhere: between its jumps."""
    if isinstance(expr, sp.Mul):
        return sp.Mul(*(arg for k, arg in enumerate(expr.args) if k != position))
    if isinstance(expr, sp.floor | sp.ceiling):
        return sp.S.Zero
    if isinstance(expr, sp.frac):
        return sp.S.One
    if isinstance(expr, sp.Mod):  # a - b*floor(a/b)
        return sp.S.One if position == 0 else -sp.floor(expr.args[0] / expr.args[1])
    hole = sp.Dummy(real=True)
    args = list(expr.args)
    inner, args[position] = args[position], hole
    slope = expr.func(*args).diff(hole)
    if slope.has(sp.Derivative, sp.Subs):
        raise SymbolicError(f"no derivative of {expr.func.__name__} is known, in {shown(expr)}")
    return slope.xreplace({hole: inner})


def explicit(expr: sp.Expr) -> sp.Expr:
    """The expression with the derivatives by symbols that stand in it, ``Derivative(f, x)``, carried out.

    Raises ``SymbolicError`` for a function without a known derivative.
    """

    def carried_out(node: sp.Derivative) -> sp.Expr:
        found = node.expr
        for symbol, count in node.variable_count:
            for _ in range(int(count)):
                found = derivative(found, symbol)
        return found

    return expr.replace(lambda node: isinstance(node, sp.Derivative), carried_out) if expr.has(sp.Derivative) else expr


def tangent(expr: sp.Basic, directions: Mapping[Variable, Variable | sp.Expr], ranges: Ranges | None = None) -> sp.Expr:
    """The directional derivative Σ ∂E/∂x[m]·ẋ[m], each variable moving with its direction.

    ``ranges`` bounds free indices of ``expr``."""
    expr = given.expression(expr, "the expression that is differentiated")
    total = sp.S.Zero
    known = _with_unknown(expr, ranges or {})
    for variable, direction in given.mapping(directions, "the directions", "{x: dx}").items():
        direction = given.expression(direction, f"the direction of {variable}")
        for term in variation(expr, variable):
            sums, conditions = bounded(term.sums, term.conditions, known)
            term = replace(term, sums=sums, conditions=conditions)
            step = direction[term.indices] if isinstance(direction, sp.IndexedBase) else direction
            total += term.contract(step)
    return canonical(total)


def derivative(expr: sp.Basic, reference: sp.Symbol | sp.Indexed, ranges: Ranges | None = None) -> sp.Expr:
    """∂expr/∂x[j] for a free index j, exact for every j, of a size that does not grow with x.

    ``reference`` is a symbol or ``x[j]``, ``x[j, k]`` with index symbols (or integers). ``ranges`` bounds
    further free indices of ``expr``; those of ``reference`` follow from x's shape. Conditions appear as
    bounds of sums or as ``Piecewise``, gathers as sums over ``KroneckerDelta``.

    Raises ``SymbolicError`` for an index map that is not supported.
    """
    expr = given.expression(expr, "the expression that is differentiated")
    if not isinstance(given.variable(reference, "what is differentiated by"), sp.Symbol | sp.Indexed):
        raise SymbolicError(f"a derivative is taken by a Symbol or by an element such as x[j], not by {reference}")
    bounds = {
        index: tuple(given.expression(end, f"a bound of {index}") for end in ends)
        for index, ends in (ranges or {}).items()
    }
    if isinstance(reference, sp.Symbol):
        bounds = _with_unknown(expr, bounds)
        return collected(component(term, (), bounds) for term in variation(expr, reference))
    targets = tuple(reference.indices)
    unknown = ((-sp.oo, sp.oo),) * len(targets)
    shape = reference.base.shape
    extents = unknown if shape is None else [(sp.S.Zero, extent - 1) for extent in shape]
    bounds |= {k: extent for k, extent in zip(targets, extents, strict=True) if isinstance(k, sp.Symbol)}
    bounds = _with_unknown(sp.Tuple(expr, reference), bounds)
    return collected([component(term, targets, bounds) for term in variation(expr, reference.base)])


def _with_unknown(expr: sp.Basic, ranges: Ranges) -> Ranges:
    """``ranges``, and (-oo, oo) for what may be a free index: an integer, not said to be positive, that is no size."""
    shapes = (extent for base in expr.atoms(sp.IndexedBase) for extent in base.shape or ())
    sizes = {s for extent in shapes for s in sp.sympify(extent, strict=True).free_symbols}
    labels = {base.label for base in expr.atoms(sp.IndexedBase)}
    free = {s for s in expr.free_symbols if isinstance(s, sp.Symbol) and s.is_integer and not s.is_positive}
    unknown = sorted(free - sizes - labels - set(ranges), key=str)
    return {**dict.fromkeys(unknown, (-sp.oo, sp.oo)), **ranges}


class Hit(sp.KroneckerDelta):
    """δ(m, j) where m is an index of an array and j runs over all of them: m is in j's range, or out of its array."""


def component(
    term: Variation, targets: tuple[sp.Expr, ...], ranges: Ranges, delta: type[sp.KroneckerDelta] = sp.KroneckerDelta
) -> Variation:
    """One variation contracted with the unit vector at ``targets``: its sums solved for their owners.

    The result has no indices; what cannot be solved (a gather) is a ``delta`` in its coefficient.
    """
    sums = list(term.sums)
    pending = list(zip(term.indices, targets, strict=True))
    coefficient, conditions = term.coefficient, list(term.conditions)
    progress = True
    while progress:
        progress = False
        for (index_map, target), limit in ((p, s) for p in pending for s in _solvable(p[0], sums)):
            index, lower, upper = limit
            others = [i for i, _, _ in sums if i != index]
            if not is_single(index_map, others) or _by_rows(limit, others):
                continue
            known = {**ranges, **{i: (lo, hi) for i, lo, hi in sums if i != index}}
            owner = solve(index_map, index, (lower, upper), target, known)
            if owner is None:
                continue
            if owner.value.free_symbols & _dependent(index, sums):
                continue  # its value would depend on an index whose range depends on it
            here: Callable = lambda e, index=index, owner=owner: put(e, index, owner.value)  # noqa: E731
            sums = _nested([(i, here(lo), here(hi)) for i, lo, hi in sums if i != index])
            pending.remove((index_map, target))
            pending = [(here(m), tgt) for m, tgt in pending]
            coefficient, conditions = here(coefficient), [here(c) for c in conditions] + list(owner.conditions)
            progress = True
            break
    for index_map, target in pending:
        coefficient *= delta(index_map, target)
    known = {**ranges, **{i: (lo, hi) for i, lo, hi in sums}}
    # Written as plain indices first, what a condition says can become a bound.
    conditions = prune((unwrap(sp.sympify(c, strict=True), known) for c in conditions), known)
    limits, conditions = bounded(sums, conditions, ranges)
    known = {**ranges, **{i: (lo, hi) for i, lo, hi in limits}}
    return Variation(unwrap(coefficient, known), (), limits, prune(conditions, known))


def _by_rows(limit: Limits, others: list[sp.Symbol]) -> bool:
    """Whether a range is told by index arrays for each of ``others``, as ptr[i]..ptr[i + 1] - 1 is: in which of them an
    element lies takes a search."""
    bounds = sp.Tuple(*limit[1:])
    return bounds.has(sp.Indexed) and bool(bounds.free_symbols & set(others))


def _dependent(index: sp.Symbol, sums: list[Limits]) -> set[sp.Symbol]:
    """The other summation indices whose ranges depend on ``index``, directly or not."""
    found = {index}
    # From the outermost inwards: a bound depends on indices further out.
    for i, lower, upper in reversed(sums):
        if found & (lower.free_symbols | upper.free_symbols):
            found.add(i)
    return found - {index}


def _nested(sums: list[Limits]) -> list[Limits]:
    """The sums in an order in which bounds depend on later (outer) indices alone."""
    order: list[Limits] = []
    while sums:
        indices = {index for index, _, _ in sums}
        outer = next(s for s in reversed(sums) if not indices & (s[1].free_symbols | s[2].free_symbols))
        sums = [s for s in sums if s is not outer]
        order.insert(0, outer)
    return order


def _solvable(index_map: sp.Expr, sums: list[Limits]) -> list[Limits]:
    """The sums whose index occurs in the map, plain unit maps first."""
    found = [s for s in sums if s[0] in index_map.free_symbols]
    unit = [s for s in found if (line := affine(index_map, s[0])) is not None and abs(line[0]) == 1]
    return unit + [s for s in found if s not in unit]


def collected(terms: Iterable[Variation]) -> sp.Expr:
    """The sum of contracted variations: those under the same conditions stand together, if they have no sums.

    Nor may they hold a ``KroneckerDelta``: it is compiled as a scatter if it multiplies all of its term.
    """
    groups: dict[tuple, list[sp.Expr]] = {}
    for term in terms:
        alone = bool(term.sums) or term.coefficient.has(sp.KroneckerDelta)
        key = (term.sums, term.conditions, len(groups) if alone else None)
        groups.setdefault(key, []).append(term.coefficient)
    parts = [summed(sp.Add(*c), sums, conditions) for (sums, conditions, _), c in groups.items()]
    return sp.Add(*(canonical(part) for part in parts))


def unwrap(expr: sp.Expr, ranges: Ranges) -> sp.Expr:
    """``Mod(e, n)`` of indices written as e wherever 0 <= e < n can be proved."""
    plain = {
        m: m.args[0]
        for m in expr.atoms(sp.Mod)
        if is_integer(m, ranges)
        and never_negative(m.args[0], ranges)
        and never_negative(m.args[1] - 1 - m.args[0], ranges)
    }
    return expr.xreplace(plain) if plain else expr
