"""Jacobi's iteration for one sparse matrix a frequency. Run from the kernel cache, not imported."""

import numpy as np

from symdfi.compile.source.runtime import jit

C, S, P = "complex64[:, ::1]", "float32[:, ::1]", "int64[::1]"


@jit(f"void(int64, int64, {P}, {P}, {C}, {P}, {P}, {S}, {C})")
def relax(start, stop, frequencies, sweeps, weights, starts, columns, data, x):
    """Of the matrices A_k = Σ_p weights[p, k] data[p], by rows, for the ``frequencies`` k from ``start`` to ``stop``:
    row k of x, a right-hand side, becomes what so many sweeps of y ← D⁻¹(x − (A − D) y) come to."""
    d, count = x.shape[1], data.shape[0]
    values, inverse = np.empty(columns.size, np.complex64), np.empty(d, np.complex64)
    y, z = np.empty(d, np.complex64), np.empty(d, np.complex64)
    for f in range(start, stop):
        k = frequencies[f]
        for e in range(columns.size):
            values[e] = weights[0, k] * data[0, e]
        for p in range(1, count):
            w = weights[p, k]
            for e in range(columns.size):
                values[e] += w * data[p, e]
        for i in range(d):
            for e in range(starts[i], starts[i + 1]):
                if columns[e] == i:
                    inverse[i] = np.complex64(1.0) / values[e]
                    values[e] = np.complex64(0.0)
            y[i] = x[k, i] * inverse[i]
        for _ in range(1, sweeps[f]):
            for i in range(d):
                total = x[k, i]
                for e in range(starts[i], starts[i + 1]):
                    total -= values[e] * y[columns[e]]
                z[i] = total * inverse[i]
            for i in range(d):
                y[i] = z[i]
        for i in range(d):
            x[k, i] = y[i]
