"""Systems of up to four equations, solved by straight-line code: in the kernel of a double pendulum a loop would take
as long as everything else."""

from __future__ import annotations

import functools

from symdfi.compile.kernels import cache

#: Up to so many equations.
LARGEST = 4
#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
_TINY = 16 * 2.0**-52


@functools.cache
def source(n: int, scaled: bool = False) -> str:
    """``solve_small(a, b)``: overwrite ``b`` (n) with A⁻¹b by LU with partial pivoting, A by rows in ``a``; a matrix
    that is singular to working precision gives NaN.

    ``scaled``: ``solve_small(a, size, b)`` is given the sizes of the columns, of an A that is a difference of others.
    """
    rows = range(n)
    lines = [f"a{i}_{j} = a[{i * n + j}]" for i in rows for j in rows] + [f"b{i} = b[{i}]" for i in rows]
    for k in rows:
        sizes = [f"abs(a{i}_{k})" for i in rows]
        # Nested, as Numba's max of many is no one instruction.
        own = functools.reduce(lambda x, y: f"max({x}, {y})", sizes)
        lines.append(f"size{k} = " + (f"size[{k}]" if scaled else own))
    for k in rows:
        for i in range(k + 1, n):
            one, other = (", ".join([*(f"a{r}_{j}" for j in range(k, n)), f"b{r}"]) for r in (k, i))
            lines += [f"if abs(a{i}_{k}) > abs(a{k}_{k}):", f"    {one}, {other} = {other}, {one}"]
        lines += [
            f"if not abs(a{k}_{k}) > {_TINY!r} * size{k}:",
            f"    {' = '.join(f'b[{i}]' for i in rows)} = np.nan",
            "    return",
            f"inverse{k} = 1.0 / a{k}_{k}",
        ]
        for i in range(k + 1, n):
            lines.append(f"factor = a{i}_{k} * inverse{k}")
            lines += [f"a{i}_{j} -= factor * a{k}_{j}" for j in range(k + 1, n)] + [f"b{i} -= factor * b{k}"]
    for k in reversed(rows):
        known = "".join(f" - a{k}_{j} * b{j}" for j in range(k + 1, n))
        lines += [f"b{k} = (b{k}{known}) * inverse{k}", f"b[{k}] = b{k}"]
    body = "\n".join(f"    {line}" for line in lines)
    arguments = ["a", "size", "b"] if scaled else ["a", "b"]
    signature = ", ".join(["float64[::1]"] * len(arguments))
    return f'@borrowing("void({signature})")\ndef solve_small({", ".join(arguments)}):\n{body}\n'


def load(n: int, scaled: bool = False):
    """The compiled ``solve_small`` of n equations."""
    return cache.load(source(n, scaled)).solve_small
