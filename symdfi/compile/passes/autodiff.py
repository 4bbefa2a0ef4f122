"""Derivatives of a loop program, assignment by assignment: tangents forward, adjoints in reverse.

Both are new assignments of the same program. The cost of a tangent or an adjoint is a small multiple of the
program's own, whatever the depth of nesting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp

from symdfi.compile.program.loops import Assignment, Loop, Variable, ranges, variables
from symdfi.compile.program.lower import Program
from symdfi.symbolic import private
from symdfi.symbolic.indexed import Variation, collected, component, variation


def tangent(program: Program, target: Variable, directions: Mapping[Variable, Variable | sp.Expr]) -> Variable | None:
    """The directional derivative of ``target`` (an assignment's) as another assignment's target.

    ``directions`` gives ẋ for every variable x that moves. None if ``target`` does not depend on them.
    Shared work is stored once, so the tangent of a tangent (u_xx) costs about two more evaluations.
    """
    moving = dict(directions)
    for assignment in _needed(program, target):
        read = variables(assignment.expr)
        if assignment.target in moving:
            continue
        total = sp.S.Zero
        for variable, direction in [(x, along) for x, along in moving.items() if x in read]:
            for term in _variation(program, assignment.value, variable):
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
    order = _needed(program, target)
    active: set[Variable] = set(wrt)
    for assignment in order:
        if variables(assignment.expr) & active:
            active.add(assignment.target)
            program.differentiated[assignment.target] = assignment
    terms: dict[Variable, list[Variation]] = {target: [Variation(seed, ())]}
    for assignment in reversed(order):
        if assignment.target not in active or assignment.target not in terms:
            continue
        bar = _collect(assignment.target, terms.pop(assignment.target))
        # Its loops become sums of the terms it hands on, so they need names of their own.
        names = {k.index: private.dummy(k.name) for k in assignment.loops + assignment.sums}
        own = tuple(loop.subs(names) for loop in assignment.loops)
        sums = tuple((loop.index, loop.lower, loop.upper) for loop in reversed(own))
        at = gradient_loops(assignment.target)
        if isinstance(bar, sp.Symbol | sp.Number) and bar not in {loop.index for loop in at}:
            weight = bar
        else:
            stored = program.assign(bar, at)
            weight = stored.at(assignment.element(tuple(loop.index for loop in own)))
        value = assignment.value.xreplace(names)
        for variable in sorted(variables(assignment.expr) & active, key=sp.default_sort_key):
            for term in _variation(program, value, variable):
                term = replace(term, coefficient=term.coefficient * weight, sums=term.sums + sums)
                terms.setdefault(variable, []).append(term)
    return {x: _collect(x, terms[x]) if x in terms else None for x in wrt}


def gradient_loops(variable: Variable) -> tuple[Loop, ...]:
    """The loops over all elements of a variable."""
    if not isinstance(variable, sp.IndexedBase):
        return ()
    return tuple(
        Loop(private.index("g", k), sp.S.Zero, sp.sympify(extent) - 1, "jkl"[k] if k < 3 else f"j{k}")
        for k, extent in enumerate(variable.shape)
    )


def _variation(program: Program, expr: sp.Expr, variable: Variable) -> list[Variation]:
    """The variation almost everywhere: a kink (of ``Max``, ``Abs``) has a derivative, but no second one."""
    terms = variation(expr, variable, program.in_words)
    smooth = [t.coefficient.xreplace({d: sp.S.Zero for d in t.coefficient.atoms(sp.DiracDelta)}) for t in terms]
    return [replace(t, coefficient=c) for t, c in zip(terms, smooth, strict=True) if c != 0]


def _collect(variable: Variable, terms: list[Variation]) -> sp.Expr:
    loops = gradient_loops(variable)
    targets = tuple(loop.index for loop in loops)
    return collected(component(term, targets, ranges(loops)) for term in terms)


def _needed(program: Program, target: Variable) -> list[Assignment]:
    """The assignments that ``target`` depends on, itself included, in the order of evaluation."""
    needed = {target}
    order = []
    for assignment in reversed(list(program.assignments.values())):
        if assignment.target in needed:
            needed |= variables(assignment.expr)
            order.append(assignment)
    return order[::-1]
