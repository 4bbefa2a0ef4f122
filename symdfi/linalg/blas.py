"""How many threads BLAS may take."""

from __future__ import annotations

import contextlib
import os

from threadpoolctl import threadpool_limits

#: Set by a user who wants to decide.
_CHOICES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")


def one_blas_thread() -> contextlib.AbstractContextManager:
    """A context in which BLAS runs on one thread, unless the environment says how many it shall have.

    OpenBLAS's threads wait for one another in busy loops. For a Cholesky solve on two cores, two threads were at
    best 1.5 times as fast as one (p = 217, n = 1024), and with other work on the cores, our own kernels' threads
    for instance, 2 to 36 times as slow (p = 217 to 2209; p = 2209, n = 4096: 0.5-0.8 s against 1.8-4.1 s).
    """
    if any(os.environ.get(name) for name in _CHOICES):
        return contextlib.nullcontext()
    return threadpool_limits(1, user_api="blas")
