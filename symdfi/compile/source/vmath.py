# pyright: reportCallIssue=false
"""Elementary functions that LLVM inlines into a loop and vectorises.

Numba lowers ``math.exp`` and its kin to library calls, which stop the loop vectoriser. The functions here are
straight-line float64 arithmetic: no branch, no table, no call. Inlined into ``y[i] = exp(x[i])`` they become
packed instructions of whatever width the machine has. Each is right to 2 ulp or better over its range (the
docstrings give the largest error measured against mpmath), and nan, infinities, overflow and underflow come
out as from a C library.

Accuracy hangs on the order of operations, so nothing here carries a fast-math flag. LLVM keeps such flags an
instruction at a time: a caller compiled with ``reassoc`` or ``contract`` inlines these functions unharmed.
Every fused multiply-add is written out, so that all machines give the same bits (slowly, where the processor
has no such instruction).

Polynomials are minimax, by Remez exchange in 60-digit arithmetic, weighted for the relative error of the
function. The lowest coefficient is rounded to float64 and the others fitted again, until all are rounded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from symdfi.compile.source.instructions import bits, copysign, fma, from_bits, select

# forceinline is LLVM's alwaysinline: a call left standing would stop the vectoriser. (Numba's inline="always"
# would put the body under the caller's fast-math flags.) fastmath=False has to be said: without it Numba
# compiles the function with the flags of whichever caller comes first.
_elementary = njit(fastmath=False, error_model="numpy", forceinline=True)

# Constants
# ---------

# Adding and subtracting 1.5 * 2**52 rounds to the nearest integer, which then sits in the low bits of the
# sum: no conversion between floats and integers is needed (x86 has none for vectors before AVX-512).
_ROUND = 6755399441055744.0
_ROUND_BIASED = _ROUND + 1023.0
_INF = float("inf")
_NAN = float("nan")

# ln 2 and pi as sums of float64, each the rounding of what the ones before it leave.
_LN2 = (0.6931471805599453, 2.3190468138462996e-17)
_PI = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)
_INV_LN2 = 1.4426950408889634
_INV_PI = 0.3183098861837907

# sinh(r) = r + r**3 S(r**2), cosh(r) = 1 + r**2 C(r**2) on |r| <= ln(2)/2; errors 2**-61.7 and 2**-58.0.
_SINH = (
    0.16666666666666677,
    0.008333333333321386,
    0.00019841269886814543,
    2.7557243455561333e-06,
    2.51093184500772e-08,
)
_COSH = (
    0.5000000000000012,
    0.041666666666519296,
    0.001388888894609204,
    2.480149082823445e-05,
    2.763098400443598e-07,
)
# 2 atanh(s) = 2 s + s**3 L(s**2) on |s| <= (sqrt 2 - 1)/(sqrt 2 + 1); relative error 2**-59.5.
_ATANH = (
    0.6666666666666734,
    0.39999999999416636,
    0.2857142874203011,
    0.22222198604816062,
    0.18183562864785693,
    0.15314084483948628,
    0.14795636948856997,
)
# sin(r) = r + r**3 S(r**2) on |r| <= pi/2; relative error 2**-61.5.
_SIN = (
    -0.16666666666666666,
    0.008333333333333205,
    -0.00019841269841211481,
    2.7557319211355255e-06,
    -2.5052106881846076e-08,
    1.6058939749325935e-10,
    -7.642984220949818e-13,
    2.721026588194766e-15,
)

_U52 = np.uint64(52)
_U63 = np.uint64(63)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_SQRT_HALF_BITS = np.uint64(0x3FE6A09E667F3BCD)
_ONE_MINUS_SQRT_HALF_BITS = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_TWO52_BITS = np.uint64(0x4330000000000000)
_NEGATED_EXPONENT = np.uint64(2 * (1023 - 2) << 52)
_TWO52 = 4503599627370496.0
_MIN_NORMAL = 2.2250738585072014e-308
_TINY = 7.450580596923828e-09  # 2**-27: below it x**3/6 is under half an ulp of x

TRIG_RANGE = 2.0**47  # where sin and cos stop; see sin

# The exponential family: x = n ln 2 + r, |r| <= ln(2)/2
# ------------------------------------------------------


@_elementary
def _clamp(x: float, low: float, high: float) -> float:
    """min(max(x, low), high); nan passes."""
    y = select(x < low, low, x)
    return select(y > high, high, y)


@_elementary
def _power_of_two(t: float) -> float:
    """2**n for t = _ROUND_BIASED + n, n an integer, -1022 <= n <= 1023."""
    return from_bits(bits(t) << _U52)


@_elementary
def _reduce(x: float, offset: float) -> tuple[float, float, float]:
    """t, r, c with x = n ln 2 + r + c, c the rounding error of r, t = _ROUND_BIASED + offset + n.

    The first step to r is exact by its fma. t is what _power_of_two wants; an offset costs nothing here.
    """
    t = fma(x, _INV_LN2, _ROUND_BIASED + offset)
    n = t - (_ROUND_BIASED + offset)
    a = fma(-n, _LN2[0], x)
    r = fma(-n, _LN2[1], a)
    return t, r, fma(-n, _LN2[1], a - r)


@_elementary
def _sinh_tail(z: float) -> float:
    """(sinh(r) - r) / r**3, z = r**2."""
    s = fma(z, _SINH[4], _SINH[3])
    s = fma(z, s, _SINH[2])
    s = fma(z, s, _SINH[1])
    return fma(z, s, _SINH[0])


@_elementary
def _cosh_tail(z: float) -> float:
    """(cosh(r) - 1) / r**2, z = r**2."""
    c = fma(z, _COSH[4], _COSH[3])
    c = fma(z, c, _COSH[2])
    c = fma(z, c, _COSH[1])
    return fma(z, c, _COSH[0])


@_elementary
def _exp_tail(r: float, c: float) -> float:
    """e**(r + c) - 1 - r."""
    z = r * r
    return fma(z, fma(r, _sinh_tail(z), _cosh_tail(z)), c)


@_elementary
def exp(x: float) -> float:
    """e**x for every float64, subnormal results included; error <= 1.0 ulp.

    2**n (1 + r + ...). The power is applied as 2**(m - 1) 2**(n - m + 1), m = max(n, -1000): neither factor
    leaves the normal range, and the second product overflows large results and rounds subnormal ones.
    """
    t, r, _ = _reduce(_clamp(x, -746.0, 710.0), -1.0)
    m = select(t < _ROUND_BIASED - 1001.0, _ROUND_BIASED - 1001.0, t)
    power = _power_of_two(m)
    y = fma(power, r + _exp_tail(r, 0.0), power)
    return y * _power_of_two((t - m) + (_ROUND_BIASED + 1.0))


@_elementary
def exp_flushed(x: float) -> float:
    """e**x as `exp`, but 0 below x = -690 (1e-300): what kernels use.

    A subnormal operand costs a processor a hundred times a normal one. The far tails of localised functions
    are full of them, and of products of tiny numbers that become subnormal later; the margin of 1e-8 above the
    smallest normal number keeps those away too.
    """
    t, r, _ = _reduce(_clamp(x, -690.0, 710.0), -1.0)
    power = _power_of_two(t)
    y = 2.0 * fma(power, r + _exp_tail(r, 0.0), power)
    return select(x < -690.0, 0.0, y)


@_elementary
def expm1(x: float) -> float:
    """e**x - 1 for every float64; error <= 1.3 ulp.

    2**n (r + ...) + (2**n - 1); half of it is summed, since 2**1024 is no float64.
    """
    t, r, c = _reduce(_clamp(x, -40.0, 710.0), -1.0)
    half = _power_of_two(t)
    y = fma(half, _exp_tail(r, c), fma(half, r, half - 0.5))
    # The halving would cost a subnormal its last bit, and -0 its sign.
    return select(abs(x) < 1e-300, x, y + y)


@_elementary
def _hyperbolic(a: float) -> tuple[float, float, float, float, float]:
    """s, k, r, u, w with sinh a = 2 (s (1 + u) + k (r + w)), cosh a = 2 (k (1 + u) + s (r + w)) for a >= 0.

    The addition theorem for n ln 2 + r; s and k are half of sinh and cosh of n ln 2, lest they overflow.
    """
    t, r, c = _reduce(select(a > 710.5, 710.5, a), -2.0)
    up = _power_of_two(t)
    # 2**(-n - 2) by negating the exponent; past 2**60 it is lost in the sum anyway.
    down = from_bits(_NEGATED_EXPONENT - bits(select(up > 2.0**60, 2.0**60, up)))
    z = r * r
    return up - down, up + down, r, z * _cosh_tail(z), fma(r * z, _sinh_tail(z), c)


@_elementary
def sinh(x: float) -> float:
    """sinh x for every float64; error <= 1.5 ulp."""
    a = abs(x)
    s, k, r, u, w = _hyperbolic(a)
    y = fma(k, r, s) + fma(s, u, k * w)
    return select(a < 1e-300, x, copysign(y + y, x))


@_elementary
def cosh(x: float) -> float:
    """cosh x for every float64; error <= 1.1 ulp."""
    s, k, r, u, w = _hyperbolic(abs(x))
    y = k + fma(s, r, fma(k, u, s * w))
    return y + y


@_elementary
def tanh(x: float) -> float:
    """tanh x for every float64; error <= 1.3 ulp.

    E / (E + 2) with E = e**(2|x|) - 1 and both sums kept to twice the precision, by one division.
    """
    a = abs(x)
    a = select(a > 20.0, 20.0, a)
    t, r, c = _reduce(a + a, 0.0)
    power = _power_of_two(t)
    head, tail = fma(power, r, power - 1.0), power * _exp_tail(r, c)
    e = head + tail
    e_low = tail - (e - head)
    d = e + 2.0
    d_low = (e - (d - 2.0)) + e_low  # d - 2 is exact for every e >= 0
    inverse = 1.0 / d
    q = e * inverse
    residual = fma(-q, d_low, fma(-q, d, e) + e_low)
    return copysign(fma(residual, inverse, q), x)


# Logarithms: 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2)
# ------------------------------------------------------


@_elementary
def _split(x: float) -> tuple[float, float]:
    """k, m with x = 2**k m, sqrt(1/2) <= m < sqrt(2), for positive normal x."""
    shifted = bits(x) + _ONE_MINUS_SQRT_HALF_BITS
    k = from_bits((shifted >> _U52) | _TWO52_BITS) - (_TWO52 + 1023.0)
    return k, from_bits((shifted & _MANTISSA) + _SQRT_HALF_BITS)


@_elementary
def _log_sum(k: float, f: float, c: float) -> float:
    """k ln 2 + log(1 + f + c), c small.

    log(1 + f) = 2 atanh s with s = f / (2 + f), written f - (f**2/2 - s (f**2/2 + s**2 L(s**2))) so that f,
    which is exact, is added last.
    """
    s = f / (2.0 + f)
    w = s * s
    p = fma(w, _ATANH[6], _ATANH[5])
    p = fma(w, p, _ATANH[4])
    p = fma(w, p, _ATANH[3])
    p = fma(w, p, _ATANH[2])
    p = fma(w, p, _ATANH[1])
    p = fma(w, p, _ATANH[0])
    h = 0.5 * f * f
    low = fma(k, _LN2[1], c)
    tail = h - fma(s, fma(w, p, h), low)
    head = fma(k, _LN2[0], f)
    # head is rounded where k is not 0; its error goes to the tail.
    return head - (tail - (f - fma(-k, _LN2[0], head)))


@_elementary
def log(x: float) -> float:
    """log x for every float64, log(0) = -inf and nan below; error <= 0.9 ulp."""
    small = x < _MIN_NORMAL
    k, m = _split(select(small, x * 18014398509481984.0, x))
    y = _log_sum(k - select(small, 54.0, 0.0), m - 1.0, 0.0)
    y = select(x < _INF, y, x)  # inf and nan
    return select(x > 0.0, y, select(x == 0.0, -_INF, _NAN))


@_elementary
def log1p(x: float) -> float:
    """log(1 + x) for every float64, log1p(-1) = -inf and nan below; error <= 0.8 ulp.

    1 + x is split, and what its rounding lost goes back in at the scale of the mantissa.
    """
    u = 1.0 + x
    lost = x - (u - 1.0)  # exact up to 2**53, past which it does not matter
    k, m = _split(u)
    f = m - 1.0
    scaled = lost * _power_of_two(_ROUND_BIASED - select(k > 1000.0, 1000.0, k))
    g = f + scaled
    y = _log_sum(k, g, scaled - (g - f))
    y = select(abs(x) < 1e-300, x, y)
    y = select(x < _INF, y, x)
    return select(x > -1.0, y, select(x == -1.0, -_INF, _NAN))


# Sine and cosine: x = n pi/2 + r, |r| <= pi/2
# --------------------------------------------


@_elementary
def _sin_reduced(r: float) -> float:
    """sin r, |r| <= pi/2. Held to [-1, 1]: near pi/2 the sum may round to the float64 above 1."""
    z = r * r
    p = fma(z, _SIN[7], _SIN[6])
    p = fma(z, p, _SIN[5])
    p = fma(z, p, _SIN[4])
    p = fma(z, p, _SIN[3])
    p = fma(z, p, _SIN[2])
    p = fma(z, p, _SIN[1])
    p = fma(z, p, _SIN[0])
    return _clamp(fma(r, z * p, r), -1.0, 1.0)


@_elementary
def sin(x: float) -> float:
    """sin x for |x| <= 2**47 (1.4e14), nan beyond; error <= 1.7 ulp.

    (-1)**k sin(x - k pi), pi in three parts. x - k pi_1 is exact by its fma, k pi_2 is kept as a product and
    its error, and the difference of the two as a sum and its error. No float64 in the range is nearer than
    2**-60.5 to a multiple of pi/2. Beyond it three parts no longer resolve the nearest ones, and a table of
    1/pi, by gather loads, would slow every call.
    """
    t = fma(x, _INV_PI, _ROUND)
    k = t - _ROUND
    a = fma(-k, _PI[0], x)
    h = k * _PI[1]
    r = a - h
    # Dekker's sum: valid although |a| may be below |h|, because a is then a multiple of the last bit of h.
    low = fma(-k, _PI[2], ((a - r) - h) - fma(k, _PI[1], -h))
    y = _sin_reduced(r + low)
    y = from_bits(bits(y) ^ (bits(t) << _U63))
    y = select(abs(x) < _TINY, x, y)
    return select(abs(x) <= TRIG_RANGE, y, _NAN)


@_elementary
def cos(x: float) -> float:
    """cos x for |x| <= 2**47 (1.4e14), nan beyond as in sin; error <= 1.7 ulp.

    (-1)**k sin(|x| - (2k - 1) pi/2), reduced as in sin.
    """
    v = abs(x)
    t = fma(v, _INV_PI, 0.5) + _ROUND
    n = fma(2.0, t - _ROUND, -1.0)
    a = fma(-n, 0.5 * _PI[0], v)
    lost = v - fma(n, 0.5 * _PI[0], a)  # not 0 where v < 1 has finer bits than pi/2
    h = n * (0.5 * _PI[1])
    r = a - h
    low = fma(-n, 0.5 * _PI[2], ((a - r) - h) - fma(n, 0.5 * _PI[1], -h))
    y = _sin_reduced(r + (low + lost))
    y = from_bits(bits(y) ^ (bits(t) << _U63))
    return select(v <= TRIG_RANGE, y, _NAN)


FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "sin": sin,
    "cos": cos,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
}
