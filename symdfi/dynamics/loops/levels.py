"""When constraints hold. Run from the kernel cache, not imported."""

from symdfi.compile.source.runtime import jit

V = "float64[::1]"
#: Constraints hold where they are off by so much of what they are measured by, or by less than LOOSE where steps
#: bring them no nearer.
STRICT, LOOSE = 8 * 2.0**-52, 1e-10


@jit(f"float64({V}, {V})")
def relative(levels, scale):
    """The largest of |levels| / scale, 0 where a level is 0."""
    worst = 0.0
    for k in range(levels.size):
        if levels[k] != 0.0:
            found = abs(levels[k]) / scale[k]
            worst = found if not found <= worst else worst
    return worst


@jit("boolean(float64, float64)")
def hold(worst, before):
    """Whether a Newton iteration is done: off by ``worst``, and by ``before`` a step earlier."""
    return worst <= STRICT or (worst <= LOOSE and worst >= 0.5 * before)
