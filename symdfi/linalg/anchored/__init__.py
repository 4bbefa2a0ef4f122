"""Anchored least squares: the one linear problem behind Dirac-Frenkel, Tikhonov, inertial and SPRING steps.

    v+ = argmin_v ||J v - f||^2 + gamma ||v - mu v_n||^2            (theory of DFI, "The step")

with the Jacobian J (n, p), the right-hand side f (n,), the anchor v_n (p,), gamma >= 0 and the damping mu:

    Dirac-Frenkel             gamma = 0 (or `TruncatedSVD`)
    Tikhonov, regularised DF  gamma > 0, mu = 0
    DFI, inertia              gamma = epsilon / h, mu = 1
    SPRING                    gamma > 0, mu = 0.99

What is minimised is chosen by the caller, how it is minimised by the solver:

    solver          factorises             cost              relative error of the increment
    Cholesky        J^T J + gamma I        n p^2 + p^3/3     roundoff * sigma_1^2 / gamma
    QR              [J; sqrt(gamma) I]     2 (n + p) p^2     roundoff * sigma_1 / sqrt(gamma)
    SVD             J                      several QR        roundoff * sigma_1 / sqrt(gamma)
    Dual            J J^T + gamma I        p n^2 + n^3/3     as Cholesky, for n < p
    LSMR            nothing: J v, J^T r    4 n p a product   rtol * sigma_1 / sqrt(gamma), or its square
    RandomizedSVD   leading part of J      10 n p rank       what lies beyond the rank keeps the anchor
    Auto            chooses one of these by shape and conditioning
    TruncatedSVD    J, cut at rtol sigma_1 several QR        no anchor: the minimum-norm solution

Every solver computes the increment v+ - mu v_n from the residual f - J mu v_n, so rounding errors scale with
how far the velocity moves in the step, not with the velocity.

`solve` does it at once. `init` factorises and `compute` solves, so that Runge-Kutta stages, Newton steps or nudged
phases with the same J and gamma share one factor:

    factor = solver.init(rows, gamma)                  the expensive part; reads J, no anchor yet
    solver.compute(factor, rows, anchor)               about n p operations: the same J, any f and anchor

`compute` reads the rows again, for the residual needs J and no solver holds J for that alone.

Rows are blocks of J and f, or a `Source`: it makes them in the form that the solver asks for, so that J as a whole is
in memory only where a factor of it is. `Products(jv, jtr, f, p)` is one that has no J.
"""

from symdfi.linalg.anchored.auto import Auto
from symdfi.linalg.anchored.base import AnchoredSolution, AnchoredSolver, Factor
from symdfi.linalg.anchored.cholesky import Cholesky
from symdfi.linalg.anchored.dual import Dual
from symdfi.linalg.anchored.lsmr import LSMR
from symdfi.linalg.anchored.qr import QR
from symdfi.linalg.anchored.randomized_svd import RandomizedSVD
from symdfi.linalg.anchored.source import Normal, Products, Source
from symdfi.linalg.anchored.svd import SVD
from symdfi.linalg.anchored.truncated_svd import TruncatedSVD

__all__ = [
    "LSMR",
    "QR",
    "SVD",
    "AnchoredSolution",
    "AnchoredSolver",
    "Auto",
    "Cholesky",
    "Dual",
    "Factor",
    "Normal",
    "Products",
    "RandomizedSVD",
    "Source",
    "TruncatedSVD",
]
