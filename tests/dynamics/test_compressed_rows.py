"""Couplings by compressed rows, e = ptr[i]..ptr[i + 1] - 1 for each i, against brute force."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked
from symdfi.dynamics.plans import with_plans
from tests.fuzz import lagrangians
from tests.fuzz.expressions import INDICES, col, e, m, n, ptr, w, world
from tests.fuzz.lagrangians import FAMILIES

i, j, k, l = INDICES[:4]
EVERY, ROW = (i, 0, n - 1), (k, ptr[i], ptr[i + 1] - 1)
x, v = FAMILIES["x"]
y, dy = FAMILIES["y"]
r, dr = FAMILIES["r"]
Z, dZ = FAMILIES["Z"]
X, DX = FAMILIES["X"]


def over(term, *limits):
    return sp.Sum(term, *limits, EVERY)


#: Couplings of velocities and of coordinates.
TERMS = {
    "nested": sp.Sum(sp.Sum(v[i] * v[col[k]] * w[k], ROW), EVERY) / 9,
    "differences": over(w[k] ** 2 * (v[col[k]] - v[i]) ** 2, ROW) / 2,
    "angles": over(w[k] * sp.cos(x[col[k]] - x[i]) * v[i] * v[col[k]], ROW) / 9,
    "bonds": over(w[k] * sp.sin(x[col[k]] - x[i]) ** 2, ROW),
    "components": over(w[k] ** 2 * (dr[col[k], j] - dr[i, j]) ** 2, (j, 0, 2), ROW),
    "a component": over(w[k] * dr[i, 0] * dr[col[k], 1] * sp.cos(r[i, 2]), ROW) / 9,
    "fields": over(w[k] ** 2 * (dZ[col[k], j] - dZ[i, j]) ** 2, (j, 0, m - 1), ROW),
    "two families": over(w[k] * v[i] * dy[col[k]] * sp.cos(x[i]), ROW) / 9,
    "next but one": over(w[k] * v[sp.Mod(i + 1, n)] * v[col[k]], ROW) / 9,
    "where": over(sp.Piecewise((w[k] * v[i] * v[col[k]], col[k] > i), (0, True)), ROW) / 9,
    "later rows": sp.Sum(w[k] * v[i] * v[col[k]], ROW, (i, 1, n - 1)) / 9,
    "of values": over(sp.Piecewise((v[i] * v[col[k]], x[i] > 0), (v[i] ** 2, True)), ROW) / 9,
    "with a scalar": over(w[k] * v[i] * v[col[k]], ROW) / 9 + DX * over(v[i] * sp.cos(x[i])) / 9,
    "upwards": over(w[k] * v[i] * v[col[ptr[i + 1] - 1 - k + ptr[i]]], ROW) / 9,
    "a row at a time": over(sp.Sum(w[k] * x[col[k]], ROW) ** 2),
    "distances": over(1 / (1 + (x[i] - x[col[k]]) ** 2) + 1 / (2 + (x[i] - x[col[k]]) ** 2), ROW),
}  # fmt: skip
FAMILY = {"components": "r", "a component": "r", "fields": "Z", "two families": "xy", "with a scalar": "Xx"}


def kinetic(name):
    return sum(
        speed**2 if not isinstance(speed, sp.IndexedBase)
        else lagrangians._everywhere(speed, lambda at, speed=speed: speed[at] ** 2)
        for speed in (FAMILIES[f][1] for f in name)
    )  # fmt: skip


def rows(*lengths):
    return np.concatenate([[0], np.cumsum(lengths)])


#: Starts of rows: empty ones at the ends and inside, all in one, and one row alone.
SHAPES = ([0], [3], [2, 0, 1], [0, 0, 4], [3, 0, 0, 2], [1, 1, 1, 1])


def worlds(families):
    for seed, lengths in enumerate(SHAPES):
        count = max(1, sum(lengths))
        base = lagrangians._with_states(world((len(lengths), 2, count), seed), [FAMILIES[f] for f in families], seed)
        # The same pair more than once, and pairs of an element with itself.
        columns = np.arange(count) // 2 % len(lengths)
        yield replace(base, integers={**base.integers, ptr: rows(*lengths), col: columns})


@pytest.mark.parametrize("name", TERMS)
def test_against_brute_force(name):
    families = tuple(FAMILY.get(name, "x"))
    system = lagrangians.System(kinetic(families) + TERMS[name], families, tuple(worlds(families)), 0)
    outcome = lagrangians.judge(system)
    assert outcome.kind == "right", outcome


# Other ways to write the same


ROW_OF = sp.IndexedBase("row", shape=(e,))
CUTS, COLUMNS = rows(2, 0, 3, 1), np.array([1, 1, 3, 0, 2, 0])
NUMBERS = {ptr: CUTS, col: COLUMNS, w: np.array([0.2, 0.4, -0.3, 0.1, 0.25, 0.3])}
Q, V = np.array([0.3, -0.2, 0.5, 0.1]), np.array([1.0, 0.4, -0.6, 0.2])


def by_list(term):
    """Σ over all entries of what is Σ over the entries of each row."""
    return sp.Sum(term.xreplace({i: ROW_OF[k]}), (k, 0, e - 1))


def bond(k):
    stretch = x[col[k]] - x[i]
    return w[k] * (sp.cos(stretch) * v[i] * v[col[k]] - sp.sin(stretch) ** 2) / 4


def test_implicit_steps_as_of_a_list_of_pairs():
    """The Newton matrix of a step of the midpoint rule, solved with."""
    listed, found = {ROW_OF: np.repeat(np.arange(4), [2, 0, 3, 1])}, []
    for coupling, more in ((over(bond(k), ROW), {}), (by_list(bond(k)), listed)):
        with bounds_checked():
            system = sd.Lagrangian(kinetic("x") + coupling, x, v).compile()
            kernel = system.midpoint_kernel
            params = {p: value for p, value in {**NUMBERS, **more}.items() if p in system.system.parameters}
            sizes, ints, packed = system.pack(params, 4)
            ints = with_plans(ints, {kernel.slot: kernel.plans.make(sizes, ints)})
            solution = np.array([1.0, -0.5, 0.25, 2.0])
            kernel.function(sizes, ints, Q, V, packed, np.empty(0), 0.0, 0.05, solution)
        found.append(solution)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12, atol=1e-12)


def test_stored_by_entry():
    system = sd.Lagrangian(kinetic("x") + over(bond(k), ROW), x, v).compile()
    assert system.model.mass_structure.kind == "sparse"
    count = system.acceleration_kernel.plans.count
    assert sp.Poly(count, *count.free_symbols).total_degree() == 1


def test_blocks_without_a_gather():
    """Row i holds the elements ptr[i]..ptr[i + 1] - 1 of another family."""
    with bounds_checked():
        s, ds = FAMILIES["s"]
        starts = sp.IndexedBase("start", shape=(n + 1,))
        blocks = over(v[i] * ds[k] * sp.cos(x[i]), (k, starts[i], starts[i + 1] - 1)) / 4
        system = sd.Lagrangian(kinetic("xs") + blocks, (x, s), (v, ds)).compile()
        assert system.model.mass_structure.kind == "sparse"
        state = np.linspace(0.1, 0.9, 9), np.linspace(-1, 1, 9)
        params = {starts: rows(2, 0, 4)}
        expected = np.linalg.solve(system.mass_matrix(*state, params), system.forcing(*state, params))
        np.testing.assert_allclose(system.acceleration(*state, params), expected, rtol=1e-12, atol=1e-12)


def test_other_rows_in_every_call():
    L = kinetic("x") + over(w[k] * v[i] * v[col[k]], ROW) + over(sp.sin(x[i]))
    system = sd.Lagrangian(L, x, v).compile()
    for lengths, columns in (([2, 0, 3, 1], COLUMNS), ([0, 0, 0, 6], COLUMNS), ([2, 0, 3, 1], COLUMNS[::-1])):
        for scale in (1.0, -0.5):
            params = {ptr: rows(*lengths), col: columns, w: scale * NUMBERS[w]}
            M = 2 * np.eye(4)
            for row, (start, stop) in enumerate(itertools.pairwise(params[ptr])):
                for at in range(start, stop):
                    M[row, columns[at]] += params[w][at]
                    M[columns[at], row] += params[w][at]
            np.testing.assert_allclose(system.mass_matrix(Q, V, params), M, rtol=1e-14, atol=1e-15)
            expected = np.linalg.solve(M, np.cos(Q))
            np.testing.assert_allclose(system.acceleration(Q, V, params), expected, rtol=1e-12, atol=1e-12)
            bound = system.bind(params, n_dof=4)
            np.testing.assert_allclose(bound.acceleration(Q, V), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "cuts, message",
    [
        ([0, 3, 2, 4, 6], r"ptr must not decrease: a range i = ptr\[j\]\.\.ptr\[j \+ 1\] - 1 ends before it begins"),
        ([0, 2, 5, 6, 7], r"the index of (col|w)\[.*\] is 6 at .*, outside 0\.\.e - 1"),
        ([-1, 2, 5, 6, 6], r"the index of (col|w)\[.*\] is -1 at .*, outside 0\.\.e - 1"),
    ],
)
def test_rows_that_are_none(cuts, message):
    system = sd.Lagrangian(kinetic("x") + over(w[k] * v[i] * v[col[k]], ROW), x, v).compile()
    with pytest.raises(ValueError, match=message):
        system.acceleration(Q, V, {**NUMBERS, ptr: np.array(cuts)})


def test_under_constraints():
    """x[i] = Σ_e w[e] x[col[e]] / 2 over the entries of row i, for all but the first: by multipliers in full."""
    with bounds_checked():
        held = x[i] - sp.Sum(w[k] * x[col[k]], ROW) / 2
        L = kinetic("x") / 2 + over(w[k] * v[i] * v[col[k]], ROW) / 8 - over(x[i] ** 4)
        system = sd.Lagrangian(L, x, v, constraints=[(held, (i, 1, n - 1))]).compile()
        G = np.eye(4)
        for row, (start, stop) in enumerate(itertools.pairwise(CUTS)):
            np.add.at(G[row], COLUMNS[start:stop], -NUMBERS[w][start:stop] / 2)
        G = G[1:]
        M, F = system.mass_matrix(Q, V, NUMBERS), system.forcing(Q, V, NUMBERS)
        full = np.block([[M, G.T], [G, np.zeros((3, 3))]])
        expected = np.linalg.solve(full, np.concatenate([F, np.zeros(3)]))[:4]
        np.testing.assert_allclose(system.acceleration(Q, V, NUMBERS), expected, rtol=1e-12, atol=1e-12)
        with pytest.raises(ValueError, match="ptr must not decrease"):
            system.acceleration(Q, V, {**NUMBERS, ptr: np.array([0, 3, 2, 4, 6])})
        with pytest.raises(ValueError, match=r"the index of x(dot)?\[col\[.*\]\] is 4 at .*, outside 0\.\.n - 1"):
            system.acceleration(Q, V, {**NUMBERS, col: np.array([1, 4, 3, 0, 2, 0])})
