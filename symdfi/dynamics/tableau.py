"""The coefficients of the Dormand–Prince method of order 8, as SciPy has them, written out as code."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np


@functools.cache
def source() -> str:
    """Functions that ``symdfi.dynamics.loops.dop853`` calls, for the kernel cache.

    ``combine`` forms the state of a stage, ``increment`` what the step adds, ``extra`` the state of a stage of the
    dense output, ``estimates`` both error estimates of a component, ``highest`` the last four coefficients of its dense
    output; ``C`` holds the nodes.
    Weights are literals and those that are zero left out: a loop over the components of one expression is what the
    compiler makes most of.
    """
    from scipy.integrate import DOP853 as table  # slow to import

    nodes = (*table.C, 1.0, *table.C_EXTRA)
    return f"""C = ({", ".join(map(repr, map(float, nodes)))})


@borrowing("void(int64, float64, float64[::1], float64[:, ::1], float64[::1])")
def combine(s, h, y, K, out):
{_branches(1, table.A[1:])}

@borrowing("void(float64, float64[:, ::1], float64[::1])")
def increment(h, K, out):
    for i in range(out.size):
        out[i] = h * ({_sum(table.B)})


@borrowing("void(int64, float64, float64[::1], float64[:, ::1], float64[::1])")
def extra(s, h, y, K, out):
{_branches(13, table.A_EXTRA)}

@borrowing("UniTuple(float64, 2)(float64[:, ::1], int64)")
def estimates(K, i):
    return {_sum(table.E3)}, {_sum(table.E5)}


@borrowing("UniTuple(float64, 4)(float64, float64[:, ::1], int64)")
def highest(h, K, i):
    return {", ".join(f"h * ({_sum(row)})" for row in table.D)}


"""


def _branches(first: int, rows: Iterable[np.ndarray]) -> str:
    return "".join(
        f"    {'if' if s == first else 'elif'} s == {s}:\n"
        f"        for i in range(y.size):\n            out[i] = y[i] + h * ({_sum(row)})\n"
        for s, row in enumerate(rows, first)
    )


def _sum(weights: np.ndarray) -> str:
    return " + ".join(f"{float(weight)!r} * K[{j}, i]" for j, weight in enumerate(weights) if weight)
