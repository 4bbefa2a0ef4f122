"""Anchored least squares: the one linear problem behind Dirac-Frenkel, Tikhonov, inertial and SPRING steps.

    v+ = argmin_v ||J v - f||^2 + gamma ||v - mu v_n||^2            (THEORY-DFI, section 1)

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
    TruncatedSVD    J, cut at rtol sigma_1 several QR        no anchor: the minimum-norm solution

Every solver computes the increment v+ - mu v_n from the residual f - J mu v_n, so rounding errors scale with
how far the velocity moves in the step, not with the velocity.

`solve` does it at once. `init` factorises and `compute` solves, so that Runge-Kutta stages, Newton steps or nudged
phases with the same J and gamma share one factor:

    factor = solver.init(rows, gamma)                  the expensive part; reads J, no anchor yet
    solver.compute(factor, rows, anchor)               about n p operations: the same J, any f and anchor

`compute` reads the rows again, for the residual needs J and no solver holds J for that alone.
"""

from symdfi.linalg.anchored.base import AnchoredSolution, AnchoredSolver, Factor
from symdfi.linalg.anchored.cholesky import Cholesky
from symdfi.linalg.anchored.dual import Dual
from symdfi.linalg.anchored.qr import QR
from symdfi.linalg.anchored.svd import SVD
from symdfi.linalg.anchored.truncated_svd import TruncatedSVD

__all__ = ["QR", "SVD", "AnchoredSolution", "AnchoredSolver", "Cholesky", "Dual", "Factor", "TruncatedSVD"]
