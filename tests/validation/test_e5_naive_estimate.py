"""E5: free and nudged from the same initial state a system does not give the gradient: refused with the reason,
whatever the scheme; made by hand it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.validation.propagation import Figure

q, v = sd.coordinates("q")
k, soft = sp.symbols("k soft")
L = v**2 / 2 - k * q**2 / 2 - soft * q**4 / 4 + sp.cos(sp.Rational(13, 10) * sd.t) * q
COST = (q - sp.sin(sd.t) / 2) ** 2 / 2
STARTS = (sd.InitialState(0.5, 0.3, 4.0), sd.InitialState(0.5, T=4.0, p0=0.3), sd.AtRest(4.0, 0.5))
SCHEMES = (sd.OneSided(), sd.Centered(), sd.Holomorphic(4), sd.Centered(1e-3))
VALUES = {k: 1.1, soft: 0.7}


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@pytest.mark.parametrize("start", STARTS, ids=("v0", "p0", "at rest"))
def test_refused(start: sd.InitialState, scheme: sd.ep.Nudging) -> None:
    trainer = sd.EPTrainer(sd.Lagrangian(L, q, v), sd.Cost(COST), start, 40, [k], scheme)
    with pytest.raises(sd.SymbolicError, match=r"the boundary term ∂_βp·∂_θq at T does not vanish.* Echo\(\)"):
        trainer.gradient(VALUES)
    row = sd.schemes(sd.Lagrangian(L, q, v), start)["Centered()"]
    assert not row.admitted and "∂_βp·∂_θq at T does not vanish" in row.condition


def by_hand(beta: float) -> tuple[np.ndarray, np.ndarray]:
    """(∂_θS(β) − ∂_θS(−β))/2β from one initial state, and the gradient."""
    trainer = sd.EPTrainer(sd.Lagrangian(L, q, v), sd.Cost(COST), STARTS[0], 40, [k, soft])
    exact, impulses = trainer.response(trainer.free(VALUES)), []
    for share in (beta, -beta):
        path = sd.extremize(sd.Lagrangian(L + share * COST, q, v), STARTS[0], 40, VALUES)
        impulses.append(np.array([float(path.gradient()[name]) for name in ("k", "soft")]))
    return (impulses[0] - impulses[1]) / (2 * beta), np.array([float(exact[name]) for name in ("k", "soft")])


def figures() -> list[Figure]:
    naive, exact = by_hand(1e-5)
    wrong = np.linalg.norm(naive - exact) / np.linalg.norm(exact)
    return [Figure("refused; made by hand wrong by one part in", float(1 / wrong), 10.0)]


def test_it_would_be_wrong() -> None:
    for figure in figures():
        assert figure.holds, figure
