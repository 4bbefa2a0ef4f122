"""Integers k that are no sizes, in indices, bounds, strides and conditions of a Lagrangian: against brute force."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.fuzz import lagrangians
from tests.fuzz.expressions import INDICES, A, c, e, n, p, w, world
from tests.fuzz.lagrangians import FAMILIES

i, j, l = INDICES[0], INDICES[1], INDICES[3]
k = sp.Symbol("k_", integer=True)
X, DX = FAMILIES["X"]
x, v = FAMILIES["x"]
y, dy = FAMILIES["y"]
EVERY = (i, 0, n - 1)
T = sp.Sum(v[i] ** 2, EVERY) / 2


def where(value, *conditions):
    return sp.Piecewise((value, sp.And(*conditions)), (0, True))


#: Potentials and couplings, some of them with k in several places.
TERMS = {
    "element": x[k] ** 2 * c,
    "its speed": v[k] ** 2 * (1 + x[k] ** 2) / 4,
    "element of a scalar's": v[k] * v[0] / 4,
    "below": sp.Sum(x[i] ** 2, (i, 0, k)),
    "one below": sp.Sum(sp.sin(x[i]), (i, 0, k - 1)),
    "from": sp.Sum(x[i] ** 2, (i, k, n - 1)),
    "from before": sp.Sum(x[i - 1] * x[i], (i, k + 1, n - 1)),
    "both ends": sp.Sum(x[i] ** 3, (i, k, n - 1 - k)),
    "stride": sp.Sum(w[sp.Mod(k * i, e)] * x[i], EVERY),
    "stride in range": sp.Sum(where(x[k * i] ** 2, k * i >= 0, k * i <= n - 1), EVERY),
    "ring": sp.Sum(x[i] * x[sp.Mod(i + k, n)], EVERY),
    "backwards": sp.Sum(x[i] * x[sp.Mod(k - i, n)], EVERY),
    "condition": sp.Sum(where(x[i] ** 2, i < k), EVERY),
    "other side": sp.Sum(where(x[i] ** 2, i >= k), EVERY),
    "apart": sp.Sum(where(x[i] * x[j], sp.Abs(i - j) <= k), EVERY, (j, 0, n - 1)),
    "delta": sp.Sum(sp.KroneckerDelta(i, k) * x[i] ** 2 * sp.cos(x[i]), EVERY),
    "unless": sp.Sum(where(x[i] ** 2, sp.Ne(i, k)), EVERY),
    "gathered": x[p[k]] ** 2,
    "gathered below": sp.Sum(x[p[i]] ** 2, (i, 0, k)),
    "triangle": sp.Sum(x[i] * x[j], (j, 0, i - k), EVERY),
    "half": sp.Sum(x[i] ** 2, (i, 0, sp.floor(k / 2))),
    "least": sp.Sum(x[i] ** 2, (i, sp.Max(0, k), sp.Min(n - 1, k + 1))),
    "modes": sp.Sum(sp.Sum(sp.cos(l * x[i]), EVERY) ** 2 / (2 + l), (l, 0, k)) / 8,
    "as a number": k * sp.Sum(x[i] ** 2, (i, 0, k)),
    "square": sp.Sum(A[i, k] * x[i] * x[k], EVERY),
    "mass below": sp.Sum(v[i] ** 2, (i, 0, k)) / 4,
    "mass above": sp.Sum((v[i] - v[i - 1]) ** 2, (i, k, n - 1)) / 8,
    "mass ring": sp.Sum(v[i] * v[sp.Mod(i + k, n)] * sp.cos(x[i]), EVERY) / 8,
    "mass of another": sp.Sum(v[i] * dy[i], (i, k, n - 1)) / 8,
    "mass of a scalar": DX * sp.Sum(v[i] * sp.cos(x[i]), (i, 0, k)) / 8,
    "rank one": sp.Sum(v[i], (i, k, n - 1)) ** 2 / 8,
}


def outcomes(L, counts=(-2, -1, 0, 1, 2, 3, 4), sizes=((1, 1, 2), (3, 2, 4))):
    """What becomes of L at each size and k: right, refused where something is read out of range, or neither."""
    used = sp.sympify(L).atoms(sp.IndexedBase, sp.Symbol)
    names = tuple(name for name in ("X", "x", "y") if FAMILIES[name][1] in used)
    pairs = [FAMILIES[name] for name in names]
    worlds = []
    for of, count in ((of, count) for of in sizes for count in counts):
        base = lagrangians._with_states(world(of, 7), pairs, 7)
        worlds.append(replace(base, sizes={**base.sizes, k: count}, values={**base.values, k: np.array(float(count))}))
    return lagrangians.judge(lagrangians.System(L, names, tuple(worlds), 0))


@pytest.mark.parametrize("name", TERMS)
def test_against_brute_force(name):
    term = TERMS[name]
    used = term.atoms(sp.IndexedBase)
    L = T + term + (sp.Sum(dy[i] ** 2, EVERY) / 2 if dy in used else 0) + (DX**2 if DX in term.free_symbols else 0)
    outcome = outcomes(L)
    assert outcome.kind == "right", outcome


def test_beside_a_force_on_one_element():
    """What clears the forces counts by names of its own."""
    system = sd.Lagrangian(T - x[k] - sp.Sum(x[0], (i, 1, k)), x, v, forces={x[0]: sp.S.One})
    found = system.compile().acceleration(np.zeros(4), np.zeros(4), {k: 3})
    np.testing.assert_allclose(found, [-2.0, 0.0, 0.0, -1.0])
