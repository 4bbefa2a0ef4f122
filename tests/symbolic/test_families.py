"""Which axes of arrays belong together, and what the dimensions of datasets are called."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.results import Families
from symdfi.symbolic.families import families

i, j = sp.symbols("i j", integer=True)
n = sp.Symbol("n", integer=True, positive=True)


def chain(size):
    """Five masses with a spring each; five bonds, which have as many of their own by accident, and a full coupling."""
    (x, v), (y, w) = sd.coordinates("x", size), sd.coordinates("y", size)
    k, bond = (sp.IndexedBase(name, shape=(size,)) for name in "kb")
    K = sp.IndexedBase("K", shape=(size, size))
    L = sp.Sum(v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2, (i, 0, size - 1)) + sp.Sum(w[j] ** 2 / 2, (j, 0, size - 1))
    L -= sum(bond[s] * (x[s] - y[s]) ** 2 / 2 for s in range(5)) + sp.Sum(
        K[i, j] * x[i] * x[j], (i, 0, size - 1), (j, 0, size - 1)
    )
    return sd.Lagrangian(L, [x, y], [v, w], parameters=[k, bond, K])


def test_what_is_met_with_one_index_is_one_family():
    found = families(chain(5))
    assert found["x", 0] == found["xdot", 0] == found["k", 0] == found["K", 0] == found["K", 1]
    assert found["y", 0] == found["ydot", 0] != found["x", 0]
    assert ("b", 0) not in found


def test_arrays_of_one_length_by_accident_have_dimensions_of_their_own(tmp_path):
    motion = sd.integrate(chain(5), np.ones(10), np.zeros(10), (0, 1), 0.25,
                          params={"k": np.ones(5), "b": np.ones(5), "K": np.zeros((5, 5))})  # fmt: skip
    data = motion.dataset
    assert data["x"].dims == data["xdot"].dims == ("time", "index_5") and data["k"].dims == ("index_5",)
    assert data["y"].dims == data["ydot"].dims == ("time", "index_5_y")
    assert data["b"].dims == ("index_5_b",) and data["K"].dims == ("index_5", "index_5_2")
    assert sd.load(motion.save(tmp_path / "run.nc")) == motion


def test_a_symbol_is_one_dimension():
    axes = Families(["time", "index_3"])
    assert axes.of("x", (n, 3)) == ("n", "index_3_")
    assert axes.of("k", (n,)) == ("n",) and axes.of("m", (3, n)) == ("index_3_m", "n")
    assert axes.of("m", (3, n)) == ("index_3_m", "n") and axes.of("x", (n, 3)) == ("n", "index_3_")
