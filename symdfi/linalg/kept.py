"""What files may hold of this room: the solvers."""

from symdfi.archive import keep
from symdfi.linalg.anchored import LSMR, QR, SVD, Auto, Cholesky, Dual, RandomizedSVD, TruncatedSVD

keep(LSMR, QR, SVD, Auto, Cholesky, Dual, RandomizedSVD, TruncatedSVD)
