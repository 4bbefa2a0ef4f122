"""Whether all numbers are finite. Run from the kernel cache, not imported."""

from symdfi.compile.source.runtime import borrowing


@borrowing("boolean(float64[::1])")
def all_finite(x):
    """Zeros add up to zero, infinities and NaN times zero do not."""
    total = 0.0
    for i in range(x.size):
        total += 0.0 * x[i]
    return total == 0.0
