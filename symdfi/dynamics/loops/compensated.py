"""Sums with what rounding takes off them. Run from the kernel cache, not imported."""

import numba


@numba.njit("UniTuple(float64, 2)(float64, float64)", cache=True, nogil=True)
def two_sum(a, b):
    """a + b, and what rounding takes off it: without the leave to reorder sums that the rest has."""
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)
