"""Derivatives of a loop program, assignment by assignment: tangents forward, adjoints in reverse.

Both are new assignments of the same program. The cost of a tangent or an adjoint is a small multiple of the
program's own, whatever the depth of nesting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp

from symdfi.compile.program.loops import Assignment, Loop, Variable, hull, ranges, variables
from symdfi.compile.program.lower import Program
from symdfi.symbolic import private
from symdfi.symbolic.indexed import Hit, Variation, collected, component, guarded, variation


def tangent(program: Program, target: Variable, directions: Mapping[Variable, Variable | sp.Expr]) -> Variable | None:
    """The directional derivative of ``target`` (an assignment's) as another assignment's target.

    ``directions`` gives ẋ for every variable x that moves. None if ``target`` does not depend on them.
    Shared work is stored once, so the tangent of a tangent (u_xx) costs about two more evaluations.
    """
    moving = dict(directions)
    for assignment in needed(program, target):
        read = variables(assignment.expr)
        if assignment.target in moving:
            continue
        total = sp.S.Zero
        for variable, direction in [(x, along) for x, along in moving.items() if x in read]:
            for term in almost_everywhere(program, assignment.value, variable):
                at = direction[term.indices] if isinstance(direction, sp.IndexedBase) else direction
                total += term.contract(at)
        if total != 0:
            moving[assignment.target] = program.assign(total, assignment.loops).target
    return moving.get(target)


def adjoint(
    program: Program, target: Variable, wrt: Iterable[Variable], seed: sp.Expr = sp.S.One
) -> dict[Variable, sp.Expr | None]:
    """``seed * ∂target/∂x`` of a scalar assignment for each x in ``wrt``: a right-hand side over x's indices.

    The result for an ``IndexedBase`` x is an expression in the indices of ``gradient_loops(x)``, to be stored or
    written out; None where the target does not depend on x.
    """
    wrt = tuple(wrt)
    order = needed(program, target)
    active: set[Variable] = set(wrt)
    for assignment in order:
        if variables(assignment.expr) & active:
            active.add(assignment.target)
            program.differentiated[assignment.target] = assignment
    terms: dict[Variable, list[Variation]] = {target: [Variation(seed, ())]}
    for assignment in reversed(order):
        if assignment.target not in active or assignment.target not in terms:
            continue
        # Over its own loops alone: no element outside of them is ever read.
        loops, found = _named(assignment.loops), terms.pop(assignment.target)
        lowers = [loop.lower for loop in hull(assignment.loops)]
        found = [replace(t, indices=tuple(map(sp.Add, t.indices, lowers))) for t in found]
        bar = _collect(loops, found)
        # Its loops become sums of the terms it hands on, so they need names of their own.
        names = {k.index: private.dummy(k.name) for k in assignment.loops + assignment.sums}
        own = tuple(loop.subs(names) for loop in assignment.loops)
        sums = tuple((loop.index, loop.lower, loop.upper) for loop in reversed(own))
        if isinstance(bar, sp.Symbol | sp.Number) and bar not in {loop.index for loop in loops}:
            weight = bar
        else:
            weight = program.assign(bar, loops).at(tuple(loop.index for loop in own))
        value = assignment.value.xreplace(names)
        for variable in sorted(variables(assignment.expr) & active, key=sp.default_sort_key):
            for term in almost_everywhere(program, value, variable):
                term = replace(term, coefficient=term.coefficient * weight, sums=term.sums + sums)
                terms.setdefault(variable, []).append(term)
    return {x: _collect(gradient_loops(x), terms[x]) if x in terms else None for x in wrt}


def gradient_loops(variable: Variable) -> tuple[Loop, ...]:
    """The loops over all elements of a variable."""
    if not isinstance(variable, sp.IndexedBase):
        return ()
    return tuple(
        Loop(private.index("g", k), sp.S.Zero, sp.sympify(extent, strict=True) - 1, "jkl"[k] if k < 3 else f"j{k}")
        for k, extent in enumerate(variable.shape)
    )


def _named(loops: Iterable[Loop]) -> tuple[Loop, ...]:
    """Loops under the standard names of a gradient's indices."""
    loops = tuple(loops)
    names = {loop.index: private.index("g", k) for k, loop in enumerate(loops)}
    return tuple(loop.subs(names) for loop in loops)


def almost_everywhere(program: Program, expr: sp.Expr, variable: Variable) -> list[Variation]:
    """The variation almost everywhere: a kink (of ``Max``, ``Abs``) has a derivative, but no second one."""
    terms = variation(expr, variable, program.in_words)
    smooth = [t.coefficient.xreplace({d: sp.S.Zero for d in t.coefficient.atoms(sp.DiracDelta)}) for t in terms]
    return [replace(t, coefficient=c) for t, c in zip(terms, smooth, strict=True) if c != 0]


def _collect(loops: tuple[Loop, ...], terms: list[Variation]) -> sp.Expr:
    """The terms as one expression over the loops that the elements of their variable are numbered by.

    Those of one component (x[i, 0]) stand under a condition on its index: split into ranges, the components then
    share the loop over the other indices.
    """
    targets = tuple(loop.index for loop in loops)
    parts: dict[tuple[sp.Expr | None, ...], list[Variation]] = {}
    for term in terms:
        parts.setdefault(tuple(k if k.is_Integer else None for k in term.indices), []).append(term)
    total = []
    for fixed, found in parts.items():
        here = [(own, at) for own, at in zip(targets, fixed, strict=True) if at is not None]
        free = tuple(own for own, at in zip(targets, fixed, strict=True) if at is None)
        varying = [replace(term, indices=tuple(k for k in term.indices if not k.is_Integer)) for term in found]
        single = _together(component(term, free, ranges(loops), Hit) for term in varying)
        # A scatter is compiled as one only where its deltas multiply all of the term.
        scattered = [term for term in single if term.coefficient.has(sp.KroneckerDelta)]
        deltas = sp.Mul(*(Hit(at, own) for own, at in here))
        total.append(collected(replace(term, coefficient=term.coefficient * deltas) for term in scattered))
        plain = collected(term for term in single if term not in scattered)
        total.append(guarded(plain, (sp.Eq(own, at) for own, at in here)))
    return sp.Add(*total)


def _together(terms: Iterable[Variation]) -> list[Variation]:
    """Terms that are scattered alike, or summed over one index alike, in one: what they share is computed once.

    Not those under several sums: a product is summed one index at a time (see ``Program``), a sum of products not.
    """
    groups: dict[tuple, tuple[Variation, list[sp.Expr]]] = {}
    for term in terms:
        names = {own: private.index("s", k) for k, (own, _, _) in enumerate(term.sums)}
        put = lambda expr, names=names: expr.xreplace(names)  # noqa: E731
        sums = tuple((names[own], put(lower), put(upper)) for own, lower, upper in term.sums)
        deltas = [f for f in sp.Mul.make_args(put(term.coefficient)) if isinstance(f, sp.KroneckerDelta)]
        alone = len(groups) if not deltas and len(sums) != 1 else None
        key = (sums, frozenset(map(put, term.conditions)), frozenset(deltas), alone)
        first, factors = groups.setdefault(key, (term, []))
        back = {private.index("s", k): own for k, (own, _, _) in enumerate(first.sums)}
        factors.append((put(term.coefficient) / sp.Mul(*deltas)).xreplace(back))
    together = []
    for first, factors in groups.values():
        deltas = [f for f in sp.Mul.make_args(first.coefficient) if isinstance(f, sp.KroneckerDelta)]
        together.append(replace(first, coefficient=sp.Mul(*deltas) * sp.Add(*factors)))
    return together


def needed(program: Program, *targets: Variable) -> list[Assignment]:
    """The assignments that ``targets`` depend on, themselves included, in the order of evaluation."""
    needed = set(targets)
    order = []
    for assignment in reversed(list(program.assignments.values())):
        if assignment.target in needed:
            needed |= variables(assignment.expr)
            order.append(assignment)
    return order[::-1]
