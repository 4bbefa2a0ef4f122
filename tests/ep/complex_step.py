"""An independent gradient of a discrete cost: dense algebra and the complex step, from formulas in plain symbols.

Nothing of the project is used: the discrete equations are written out anew, G and P come from SymPy's ``diff`` and
``lambdify``, the path is taken from outside and its residual is returned, so that it is checked, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

TINY = 1e-30
ROOT = 1 / np.sqrt(3)
#: Values, slopes, weights and places of the points of an interval, and the places of its nodes.
RULES = {
    "midpoint": ([[0.5, 0.5]], [[-1, 1]], [1], [0.5], [0, 1]),
    "trapezoidal": ([[1, 0], [0, 1]], [[-1, 1], [-1, 1]], [0.5, 0.5], [0, 1], [0, 1]),
    "galerkin": (
        [[x * (x - 1) / 2, 1 - x * x, x * (x + 1) / 2] for x in (-ROOT, ROOT)],
        [[2 * x - 1, -4 * x, 2 * x + 1] for x in (-ROOT, ROOT)],
        [0.5, 0.5], [(1 - ROOT) / 2, (1 + ROOT) / 2], [0, 0.5, 1],
    ),
}  # fmt: skip


@dataclass
class Written:
    """L, R, forces Q, running cost c and terminal cost Ψ in symbols q, v, t and parameters."""

    L: sp.Expr
    R: sp.Expr
    Q: Sequence[sp.Expr]
    c: sp.Expr
    psi: sp.Expr
    q: Sequence[sp.Symbol]
    v: Sequence[sp.Symbol]
    t: sp.Symbol
    parameters: Sequence[sp.Symbol]

    def __post_init__(self) -> None:
        pairs = zip(self.q, self.v, self.Q, strict=True)
        forces = [sp.diff(self.L, q) + force - sp.diff(self.R, v) for q, v, force in pairs]
        momenta = [sp.diff(self.L, v) for v in self.v]
        blocks = [[[sp.diff(f, x) for x in xs] for f in fs] for fs in (forces, momenta) for xs in (self.q, self.v)]
        given = [*self.q, *self.v, self.t, *self.parameters]
        self.terms = sp.lambdify(given, [forces, momenta, blocks, self.c], cse=True)
        self.end = sp.lambdify([*self.q, self.t, *self.parameters], self.psi)
        self.momentum = sp.lambdify(given, momenta)

    def assembled(self, path: np.ndarray, values: np.ndarray, rule: str, T: float) -> tuple:
        """Equations and their matrix at all nodes, and the running cost."""
        phi, slope, weights, places, nodes = (np.asarray(x, float) for x in RULES[rule])
        m, d = len(nodes) - 1, path.shape[1]
        steps = (len(path) - 1) // m
        h, total = T / steps, 0.0
        r, matrix = np.zeros(path.shape, complex), np.zeros((*path.shape, *path.shape), complex)
        for k in range(steps):
            local = path[k * m : k * m + m + 1]
            for s, weight in enumerate(weights):
                q, v, time = phi[s] @ local, slope[s] @ local / h, (k + places[s]) * h
                forces, momenta, blocks, cost = self.terms(*q, *v, time, *values)
                gq, gv, pq, pv = (np.array(b, complex).reshape(d, d) for b in blocks)
                total += h * weight * cost
                for a in range(m + 1):
                    fa, sa = h * weight * phi[s, a], weight * slope[s, a]
                    r[k * m + a] += fa * np.array(forces) + sa * np.array(momenta)
                    for b in range(m + 1):
                        fb, sb = phi[s, b], slope[s, b] / h
                        matrix[k * m + a, :, k * m + b] += fa * (fb * gq + sb * gv) + sa * (fb * pq + sb * pv)
        return r, matrix, total

    def cost(self, path, values, rule, boundary, T, start=None, ends=None, newton=3):
        """The cost after Newton's method from ``path``, real or complex, and the residual of ``path`` itself.

        ``boundary`` is "periodic", "initial" (with ``start`` = (q0, v0, p0), the latter or the one before None) or
        "ends" (with ``ends`` = (first, last), NaN where an end is free).
        """
        x, first = np.array(path, complex), 0.0
        n, d = x.shape
        for step in range(newton):
            if boundary == "initial":
                x[0] = start[0]
            if boundary == "ends":
                x[0], x[-1] = (np.where(np.isnan(e), own, e) for e, own in zip(ends, (x[0], x[-1]), strict=True))
            r, matrix, _ = self.assembled(x, values, rule, T)
            rows = columns = np.ones((n, d), bool)
            if boundary == "periodic":
                r, matrix = r.copy(), matrix.copy()
                r[0] += r[-1]
                matrix[0] += matrix[-1]
                matrix[:, :, 0] += matrix[:, :, -1]
                rows = columns = np.arange(n)[:, None] * np.ones(d) < n - 1
            elif boundary == "initial":
                q0, v0, p0 = start
                r[0] += p0 if v0 is None else self.momentum(*q0, *v0, 0.0, *values)
                rows, columns = (np.arange(n)[:, None] * np.ones(d) < n - 1), (np.arange(n)[:, None] * np.ones(d) > 0)
            else:
                held = np.zeros((n, d), bool)
                held[0], held[-1] = (~np.isnan(np.real(e)) for e in ends)
                rows = columns = ~held
            first = np.abs(r[rows]).max() / np.abs(matrix).max() if step == 0 else first
            x[columns] -= np.linalg.solve(matrix[rows][:, columns], r[rows])
            if boundary == "periodic":
                x[-1] = x[0]
        _, _, total = self.assembled(x, values, rule, T)
        return total + self.end(*x[-1], T, *values), first

    def derivatives(self, path, values, *problem, **given) -> tuple[np.ndarray, float]:
        """dC/dθ by all parameters, and the residual of the path."""
        found = []
        for k in range(len(values)):
            moved = np.array(values, complex)
            moved[k] += 1j * TINY
            cost, residual = self.cost(path, moved, *problem, **given)
            found.append(np.imag(cost) / TINY)
        return np.array(found), float(residual)
