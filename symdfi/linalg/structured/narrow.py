"""Narrow symmetric bands with a narrow border: elimination that holds all rows in reach in registers.

    [A   C] [x]   [f]
    [Cᵀ  K] [z] = [g],        A = L diag(p) Lᵀ

``a[p*(width + 1) + d]`` holds A[p, p + d] for d >= 0, ``c[p*borders + b]`` holds C[p, b].
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from symdfi.compile.kernels import cache

#: Wider bands and borders take more registers than there are.
WIDTH, BORDERS = 3, 3
#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
_TINY = 16 * 2.0**-52

_V = "float64[::1]"


@functools.cache
def source(width: int, borders: int) -> str:
    """``eliminate(n, a, c, f, corner, tail)`` puts L, L⁻¹C and L⁻¹f, the latter over the pivots, in place of A, C and
    f, and takes CᵀA⁻¹C off the corner and CᵀA⁻¹f off ``tail``; False where A is not positive definite.
    ``substitute(n, a, c, f, tail)`` then makes f the solution x, ``tail`` being z."""
    head = f'@borrowing("boolean(int64, {", ".join([_V] * 5)})")\ndef eliminate(n, a, c, f, corner, tail):\n'
    last = f'@borrowing("void(int64, {", ".join([_V] * 4)})")\ndef substitute(n, a, c, f, tail):\n'
    return head + _body(_forward(width, borders)) + "\n\n" + last + _body(_backward(width, borders))


def _body(lines: Iterator[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def _forward(width: int, borders: int) -> Iterator[str]:
    """The window w of the rows and columns p..p + width of what is left of A, with f and c beside it."""
    rows, edge, step = range(width + 1), range(borders), width + 1
    pairs = [(b, d) for b in edge for d in range(b, borders)]
    yield from (f"k{b}_{d} = 0.0" for b, d in pairs)
    yield from (f"t{b} = 0.0" for b in edge)
    for s in rows:
        yield from _enter(width, borders, s, str(s))
    yield "for p in range(n):"
    for line in (
        f"if not w0_0 > {_TINY!r} * size0:",
        "    return False",
        "inverse = 1.0 / w0_0",
        "g = f0 * inverse",
        *(f"e{b} = c0_{b} * inverse" for b in edge),
        *(f"r{i} = w0_{i}" for i in rows[1:]),
        *(f"a[np.uint64(p*{step} + {i})] = r{i} * inverse" for i in rows[1:]),
        "f[np.uint64(p)] = g",
        *(f"c[np.uint64(p*{borders} + {b})] = e{b}" for b in edge),
        *(f"k{b}_{d} += e{b} * c0_{d}" for b, d in pairs),
        *(f"t{b} += c0_{b} * g" for b in edge),
        # The window a row further.
        *(f"w{i - 1}_{j - 1} = w{i}_{j} - (r{i} * r{j}) * inverse" for i in rows[1:] for j in rows[i:]),
        *(f"f{i - 1} = f{i} - r{i} * g" for i in rows[1:]),
        *(f"c{i - 1}_{b} = c{i}_{b} - r{i} * e{b}" for i in rows[1:] for b in edge),
        *(f"size{i - 1} = size{i}" for i in rows[1:]),
        f"q = p + {step}",
        *_enter(width, borders, width, "q"),
    ):
        yield f"    {line}"
    for b, d in pairs:
        yield f"corner[{b * borders + d}] -= k{b}_{d}"
        if b != d:
            yield f"corner[{d * borders + b}] -= k{b}_{d}"
    yield from (f"tail[{b}] -= t{b}" for b in edge)
    yield "return True"


def _enter(width: int, borders: int, s: int, column: str) -> list[str]:
    """What comes into the window with a column of A; beyond the last one a row of the identity."""
    step = width + 1
    inside = [f"w{r}_{s} = a[np.uint64(({column} - {s - r})*{step} + {s - r})]" for r in range(s + 1)]
    inside += [f"f{s} = f[np.uint64({column})]"]
    inside += [f"c{s}_{b} = c[np.uint64({column}*{borders} + {b})]" for b in range(borders)]
    outside = [f"w{r}_{s} = {float(r == s)}" for r in range(s + 1)] + [f"f{s} = 0.0"]
    outside += [f"c{s}_{b} = 0.0" for b in range(borders)]
    indented = [f"if {column} < n:", *(f"    {line}" for line in inside), "else:", *(f"    {line}" for line in outside)]
    return [*indented, f"size{s} = w{s}_{s}"]


def _backward(width: int, borders: int) -> Iterator[str]:
    step = width + 1
    yield from (f"x{i} = 0.0" for i in range(1, step))
    yield from (f"t{b} = tail[{b}]" for b in range(borders))
    yield "for k in range(n):"
    yield "    p = n - 1 - k"
    known = [f"a[np.uint64(p*{step} + {i})] * x{i}" for i in range(1, step)]
    known += [f"c[np.uint64(p*{borders} + {b})] * t{b}" for b in range(borders)]
    yield f"    x0 = {' - '.join(['f[np.uint64(p)]', *reversed(known)])}"
    yield "    f[np.uint64(p)] = x0"
    yield from (f"    x{i} = x{i - 1}" for i in range(width, 0, -1))


def load(width: int, borders: int):
    """The compiled ``eliminate`` and ``substitute``."""
    return cache.load(source(width, borders))
