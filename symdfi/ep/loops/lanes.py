"""What loops over ``LANES`` samples at once, whose numbers lie side by side, have in common. Run from the kernel cache
before the text of such loops, not imported."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false


@borrowing("void(float64[::1], float64[::1])")
def measure(x, sums):
    """Adds |x| of each lane: what is not finite shows, as a sum that is not below infinity. Where sums may be taken in
    any order, x − x, by which Numba tells what is finite, may be 0 for all x."""
    restricted()  # else a sum goes through memory at every number
    for i in range(x.size // LANES):
        for lane in range(LANES):
            sums[lane] += abs(x[i * LANES + lane])
