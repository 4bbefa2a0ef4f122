"""Which symbols of a system stand for integers: extents of arrays, bounds of sums, what indices are made of."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symdfi.symbolic.indexed import Variable
from symdfi.symbolic.sums import normalise


def integers(exprs: Iterable[sp.Basic], declared: Iterable[Variable], rows: Iterable[sp.Symbol]) -> set[sp.Symbol]:
    """The symbols in extents and in bounds of sums, and the integers in indices and deltas. Neither those that are
    ``declared`` as something else, nor the free indices of ``rows``."""
    declared, exprs = list(declared), [normalise(e) for e in exprs]
    limits = [limit for e in exprs for node in e.atoms(sp.Sum) for limit in node.limits]
    indices = {*(index for index, _, _ in limits), *rows}
    bounds = [bound for _, lower, upper in limits for bound in (lower, upper)]
    found = extents(exprs, declared) | {s for e in bounds for s in e.free_symbols if isinstance(s, sp.Symbol)}
    # x[k], x[Mod(i + k, n)], KroneckerDelta(i, k)
    inside = [sp.Tuple(*r.indices) for e in exprs for r in e.atoms(sp.Indexed)]
    inside += [delta for e in exprs for delta in e.atoms(sp.KroneckerDelta)]
    whole = (e for e in inside if all(s.is_integer for s in e.free_symbols))
    found |= {s for e in whole for s in e.free_symbols if isinstance(s, sp.Symbol)}
    return found - indices - {b.label for b in _arrays(exprs, declared)} - set(declared)


def extents(exprs: Iterable[sp.Basic], declared: Iterable[Variable]) -> set[sp.Symbol]:
    """The symbols in the shapes of arrays."""
    shapes = [sp.sympify(extent, strict=True) for b in _arrays(exprs, declared) for extent in b.shape]
    return {s for extent in shapes for s in extent.free_symbols if isinstance(s, sp.Symbol)}


def _arrays(exprs: Iterable[sp.Basic], declared: Iterable[Variable]) -> set[sp.IndexedBase]:
    found = {*declared, *(b for e in exprs for b in e.atoms(sp.IndexedBase))}
    return {b for b in found if isinstance(b, sp.IndexedBase)}
