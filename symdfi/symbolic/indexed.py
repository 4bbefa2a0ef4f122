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
from symdfi.symbolic.maps import Ranges, affine, check_index, never_negative, prune, solve

Limits = tuple[sp.Symbol, sp.Expr, sp.Expr]
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
        return summed(guarded(self.coefficient * factor, self.conditions), self.sums)


def guarded(expr: sp.Expr, conditions: Iterable[Boolean]) -> sp.Expr:
    """``expr`` where every condition holds, else 0."""
    condition = sp.And(*conditions)
    if condition == sp.true:
        return expr
    return sp.S.Zero if condition == sp.false else sp.Piecewise((expr, condition), (sp.S.Zero, True))


def summed(expr: sp.Expr, sums: Iterable[Limits]) -> sp.Expr:
    sums = tuple(sums)
    return sp.Sum(expr, *sums) if sums and expr != 0 else expr


def normalise(expr: sp.Basic) -> sp.Expr:
    """Plain symbols for ``Idx``, integer dummies for summation indices: the form the calculus works on."""
    expr = sp.sympify(expr)
    expr = expr.xreplace({idx: sp.Symbol(str(idx.label), integer=True) for idx in expr.atoms(sp.Idx)})
    return _rename(expr, {})


def _rename(expr: sp.Basic, names: dict) -> sp.Expr:
    """One pass from the outside in; ``names`` are the dummies of the sums around ``expr``."""
    if isinstance(expr, sp.Sum):
        names, limits = dict(names), []
        # From the outermost limit inwards: Sum(f, (j, 0, i), (i, 0, n)).
        for limit in reversed(expr.limits):
            if len(limit) != 3:
                raise SymbolicError(f"the sum {expr} needs explicit bounds (index, lower, upper)")
            index, *bounds = limit
            bounds = [bound.xreplace(names) for bound in bounds]
            names[index] = sp.Dummy(index.name, integer=True)
            limits.append((names[index], *bounds))
        return sp.Sum(_rename(expr.function, names), *reversed(limits))
    if not expr.has(sp.Sum):
        return expr.xreplace(names) if names else expr
    args = [_rename(arg, names) for arg in expr.args]
    # New names bring no new special values, and a function's search for them walks all sums below it.
    return expr.func(*args, evaluate=False) if isinstance(expr, sp.Function) else expr.func(*args)


def fresh(expr: sp.Sum) -> sp.Sum:
    """The same sum with summation indices that occur nowhere else."""
    body, limits = expr.function, list(expr.limits)
    for position in range(len(limits)):
        limit = limits[position]
        index = limit[0]
        dummy = sp.Dummy(index.name, integer=True)
        body = body.xreplace({index: dummy})
        # The bounds to the left of a limit may depend on its index: Sum(f, (j, 0, i), (i, 0, n)).
        for inner in range(position):
            limits[inner] = sp.Tuple(
                limits[inner][0], *(b.xreplace({index: dummy}) for b in limits[inner][1:])
            )
        limits[position] = sp.Tuple(dummy, *limit[1:])
    return sp.Sum(body, *limits)


def variation(expr: sp.Basic, variable: Variable) -> list[Variation]:
    """Every term of the variation of ``expr`` by ``variable`` (a symbol: indices are ``()``).

    Raises ``SymbolicError`` when the variable stands inside an index or a bound.
    """
    return _variation(normalise(expr), variable, {})


def _variation(expr: sp.Basic, variable: Variable, cache: dict) -> list[Variation]:
    if expr in cache:
        return cache[expr]
    label = variable.label if isinstance(variable, sp.IndexedBase) else variable
    if label not in expr.free_symbols:
        terms: list[Variation] = []
    elif expr == variable:
        terms = [Variation(sp.S.One, ())]
    elif isinstance(expr, sp.Indexed):
        if expr.base != variable or any(label in k.free_symbols for k in expr.indices):
            raise SymbolicError(f"{variable} stands inside an index of {expr}")
        terms = [Variation(sp.S.One, tuple(expr.indices))]
    elif isinstance(expr, sp.Sum):
        dummied = fresh(expr)
        limits = tuple((i, lo, hi) for i, lo, hi in dummied.limits)
        if any(label in bound.free_symbols for _, lo, hi in limits for bound in (lo, hi)):
            raise SymbolicError(f"{variable} stands inside a bound of {expr}")
        body = _variation(dummied.function, variable, {})
        for index_map in {k for v in body for k in v.indices}:
            check_index(index_map, expr, [limit[0] for limit in limits])
        terms = [replace(v, sums=v.sums + limits) for v in body]
    elif isinstance(expr, sp.Piecewise):
        terms, earlier = [], []
        for value, condition in expr.args:
            here = sp.And(condition, *(sp.Not(c) for c in earlier))
            terms += [
                replace(v, conditions=(*v.conditions, here)) for v in _variation(value, variable, cache)
            ]
            earlier.append(condition)
    elif isinstance(expr, sp.Add):
        terms = [v for arg in expr.args for v in _variation(arg, variable, cache)]
    else:
        terms = []
        for position, arg in enumerate(expr.args):
            inner = _variation(arg, variable, cache)
            if inner:
                slope = partial(expr, position)
                terms += [replace(v, coefficient=slope * v.coefficient) for v in inner]
    cache[expr] = terms
    return terms


def partial(expr: sp.Basic, position: int) -> sp.Expr:
    """The partial derivative of one node by its argument at ``position``."""
    if isinstance(expr, sp.Mul):
        return sp.Mul(*(arg for k, arg in enumerate(expr.args) if k != position))
    hole = sp.Dummy(real=True)
    args = list(expr.args)
    inner, args[position] = args[position], hole
    slope = expr.func(*args).diff(hole)
    if slope.has(sp.Derivative, sp.Subs):
        raise SymbolicError(f"no derivative of {expr.func.__name__} is known, in {expr}")
    return slope.xreplace({hole: inner})


def tangent(expr: sp.Basic, directions: Mapping[Variable, Variable | sp.Expr]) -> sp.Expr:
    """The directional derivative Σ ∂E/∂x[m]·ẋ[m], each variable moving with its direction."""
    total = sp.S.Zero
    for variable, direction in directions.items():
        for term in variation(expr, variable):
            step = direction[term.indices] if isinstance(direction, sp.IndexedBase) else direction
            total += term.contract(step)
    return total


def derivative(expr: sp.Basic, reference: sp.Symbol | sp.Indexed, ranges: Ranges | None = None) -> sp.Expr:
    """∂expr/∂x[j] for a free index j, exact for every j, of a size that does not grow with x.

    ``reference`` is a symbol or ``x[j]``, ``x[j, k]`` with index symbols (or integers). ``ranges`` bounds
    further free indices of ``expr``; those of ``reference`` follow from x's shape. Conditions appear as
    ``Piecewise``, gathers as sums over ``KroneckerDelta``.

    Raises ``SymbolicError`` for an index map that is not supported.
    """
    if isinstance(reference, sp.Symbol):
        return collected(variation(expr, reference))
    targets = tuple(reference.indices)
    bounds = {k: (sp.sympify(lower), sp.sympify(upper)) for k, (lower, upper) in (ranges or {}).items()}
    unknown = ((-sp.oo, sp.oo),) * len(targets)
    shape = reference.base.shape
    extents = unknown if shape is None else [(sp.S.Zero, extent - 1) for extent in shape]
    bounds |= {k: extent for k, extent in zip(targets, extents, strict=True) if isinstance(k, sp.Symbol)}
    return collected([component(term, targets, bounds) for term in variation(expr, reference.base)])


def component(term: Variation, targets: tuple[sp.Expr, ...], ranges: Ranges) -> Variation:
    """One variation contracted with the unit vector at ``targets``: its sums solved for their owners.

    The result has no indices; what cannot be solved (a gather) is a ``KroneckerDelta`` in its coefficient.
    """
    sums = list(term.sums)
    pending = list(zip(term.indices, targets, strict=True))
    coefficient, conditions = term.coefficient, list(term.conditions)
    progress = True
    while progress:
        progress = False
        for (index_map, target), limit in ((p, s) for p in pending for s in _solvable(p[0], sums)):
            index, lower, upper = limit
            known = {**ranges, **{i: (lo, hi) for i, lo, hi in sums if i != index}}
            owner = solve(index_map, index, (lower, upper), target, known)
            if owner is None:
                continue
            put: Callable = lambda e, index=index, owner=owner: e.xreplace({index: owner.value})  # noqa: E731
            sums = [(i, put(lo), put(hi)) for i, lo, hi in sums if i != index]
            pending.remove((index_map, target))
            pending = [(put(m), tgt) for m, tgt in pending]
            coefficient, conditions = put(coefficient), [put(c) for c in conditions] + list(owner.conditions)
            progress = True
            break
    for index_map, target in pending:
        coefficient *= sp.KroneckerDelta(index_map, target)
    known = {**ranges, **{i: (lo, hi) for i, lo, hi in sums}}
    return Variation(unwrap(coefficient, known), (), tuple(sums), prune(conditions, known))


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
    parts = [summed(guarded(sp.Add(*c), key[1]), key[0]) for key, c in groups.items()]
    return sp.Add(*(canonical(part) for part in parts))


def unwrap(expr: sp.Expr, ranges: Ranges) -> sp.Expr:
    """``Mod(e, n)`` written as e wherever 0 <= e < n can be proved."""
    plain = {
        m: m.args[0]
        for m in expr.atoms(sp.Mod)
        if never_negative(m.args[0], ranges) and never_negative(m.args[1] - 1 - m.args[0], ranges)
    }
    return expr.xreplace(plain) if plain else expr


def canonical(expr: sp.Expr) -> sp.Expr:
    """Readable, reproducible names for the dummies: i, j, k, ... that clash with no other symbol."""
    expr = sp.sympify(expr)
    dummies = [
        limit[0] for node in sp.preorder_traversal(expr) if isinstance(node, sp.Sum) for limit in node.limits
    ]
    dummies = [d for d in dict.fromkeys(dummies) if isinstance(d, sp.Dummy)]
    if not dummies:
        return expr
    taken = {s.name for s in expr.atoms(sp.Symbol) - set(dummies)}
    names = (f"{letter}{number}" for number in ("", *range(1, 1000)) for letter in "ijklmnpqrs")
    free_names = (name for name in names if name not in taken)
    return expr.xreplace({d: sp.Symbol(next(free_names), integer=True) for d in dummies})
