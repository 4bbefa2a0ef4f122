"""Elimination in the loop over the sites: blocks of a few unknowns on the diagonal, with a border of a few more.

With A = diag(D), D one block a site, the border's columns C, its rows R and its corner K, and right-hand sides f and g:

    (K - Σ R D⁻¹C) z = g - Σ R D⁻¹f,        x = D⁻¹f - D⁻¹C z

All of D, C, R and f are what a loop over the sites computes anyway; the matrix itself is never stored, and of D⁻¹C only
what differs from site to site.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symdfi.compile.program.loops import Loop
from symdfi.dynamics.assembly import Assembly, Part, row_major
from symdfi.dynamics.elimination import natural
from symdfi.dynamics.forces import Sweep
from symdfi.symbolic.chains import Strand
from symdfi.symbolic.couplings import COMPONENTS
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.segments import least_count, segments
from symdfi.symbolic.structures import Bordered, Chain, Diagonal
from symdfi.symbolic.sums import PlainSum

#: The largest blocks, and the most unknowns in the border.
_SIZE, _BORDER = 4, 4
#: 16 units of rounding: a pivot below this times the size of its column holds rounding errors only.
_TINY = sp.Float(16 * 2.0**-52)


def fits(found: Bordered) -> bool:
    """Whether the matrix, symmetric but for what auxiliary unknowns bring in, can be eliminated so."""
    return found.borders <= _BORDER and all(
        chain.is_blocks and chain.breadth <= _SIZE and (chain.sites.is_full or len(chain.sites.indices) == 1)
        for chain in found.chains
    )


def may_need_pivots(found: Bordered) -> bool:
    """Whether a regular matrix may be refused, with NaN: blocks of one and two without a border have Cramer's rule."""
    return bool(found.borders) or any(chain.breadth > 2 for chain in found.chains) or bool(too_short(found))


def too_short(found: Bordered) -> list[tuple[sp.Expr, int]]:
    """The numbers of elements of chains that may be too small for their segments, each with the least that is not."""
    least = {least_count(chain.sites) for chain in found.chains if len(chain.sites.indices) == 1}
    return [(count, most) for count, most in sorted(least, key=str) if not (count - most).is_nonnegative]


class _NeedsPivots(Exception):
    """A pivot is zero, or of the wrong sign, whatever the state."""


def sitewise(assembly: Assembly, found: Bordered, sweep: Sweep, otherwise: str) -> list[str] | None:
    """The lines that put M⁻¹F into ``out``; where that needs pivots they do what the line ``otherwise`` says. None
    where it needs pivots at every state."""
    try:
        return _Solution(assembly, found, sweep).lines(otherwise)
    except _NeedsPivots:
        return None


def diagonal(assembly: Assembly, found: Diagonal, sweep: Sweep) -> None:
    """Put F / m into the output ``out``: the components of an element apart, where they are told apart by name."""
    program, parts = assembly.builder.program, []
    for r, (force, loops) in enumerate(zip(sweep.forcing, sweep.loops, strict=True)):
        both, steps = [force, sweep.over_loops(r, found.entries[r])], row_major(loops)
        named = any(expr.has(sp.KroneckerDelta) for expr in both)
        axes = [k for k, loop in enumerate(loops) if named and loop.extent.is_Integer and loop.extent <= COMPONENTS]
        rest = tuple(loop for k, loop in enumerate(loops) if k not in axes)
        for place in itertools.product(*(range(int(loops[k].extent)) for k in axes)):
            numbers = {loops[k].index: sp.Integer(c) for k, c in zip(axes, place, strict=True)}
            own = [expr.xreplace(numbers) for expr in both]
            own = [program.define(expr, rest) if expr.has(sp.KroneckerDelta) else expr for expr in own]
            start = assembly.starts[r] + sp.Add(*(c * steps[k] for k, c in zip(axes, place, strict=True)))
            parts.append((own[0] / own[1], rest, start, [step for k, step in enumerate(steps) if k not in axes]))
    assembly.output("out", parts)


@dataclass
class _Site:
    """The block of one chain: what is computed at a site, as references to what its loop holds."""

    assembly: Assembly
    chain: Chain
    loops: tuple[Loop, ...] = field(init=False)

    def __post_init__(self) -> None:
        ranges = self.chain.sites.ranges(self.chain.sites.strands[0])
        self.loops = tuple(Loop(index, lower, upper) for index, (lower, upper) in ranges.items())

    def varies(self, expr: sp.Expr) -> bool:
        """Whether it differs from site to site."""
        return not expr.free_symbols.isdisjoint(self.chain.sites.indices)

    def parts(self, expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """``(factor, rest)`` of a product: what is the same at all sites, and what is not."""
        return expr.as_independent(*self.chain.sites.indices, as_Add=False)

    def held(self, expr: sp.Expr) -> sp.Expr:
        """``expr`` computed once: at every site, and what is the same at all of them before the loop."""
        factor, rest = self.parts(expr)
        return self._defined(factor, ()) * self._defined(rest, self.loops)

    def _defined(self, expr: sp.Expr, loops: tuple[Loop, ...]) -> sp.Expr:
        if expr.is_number or expr.is_Atom or isinstance(expr, sp.Indexed):
            return expr
        return self.assembly.builder.program.define(expr, loops)

    def total(self, expr: sp.Expr) -> sp.Expr:
        """Σ over the sites."""
        factor, rest = self.parts(expr)
        if rest == 1:
            return factor * self.chain.sites.count
        limits = [(loop.index, loop.lower, loop.upper) for loop in reversed(self.loops)]
        return factor * self.assembly.builder.program.define(PlainSum(rest, *limits))

    def vector(self, found: dict[tuple[int, int], sp.Expr], b: int) -> list[sp.Expr]:
        """What of a border lies at the site."""
        return [self.held(normalise(found.get((a, b), sp.S.Zero))) for a in range(self.chain.breadth)]

    def steps(self, step: sp.Expr | int) -> tuple[sp.Expr, ...]:
        return tuple(step * k for k in row_major(self.loops))

    def start(self, strand: Strand) -> sp.Expr:
        return sp.expand(self.assembly.starts[strand.coordinate] + strand.start)


class _Block:
    """D⁻¹ of a symmetric block: Cramer's rule for one and two unknowns, else D = L P Lᵀ without pivoting.

    NaN where a block of two is singular and where a larger one is not positive definite.
    """

    def __init__(self, site: _Site) -> None:
        self.site, self.size = site, site.chain.breadth
        bands, each = site.chain.bands, range(self.size)
        self.rows = [[site.held(normalise(bands.get((a, b - a), sp.S.Zero))) for b in each] for a in each]
        self.factors: dict[tuple[int, int], sp.Expr] = {}
        if self.size == 1:
            if self.rows[0][0] == 0:
                raise _NeedsPivots
            self.inverse = [site.held(1 / self.rows[0][0])]
        elif self.size == 2:
            (a, b), (_, c) = self.rows
            first, second = site.held(a * c), site.held(b * b)
            self.inverse = [self._inverse(first - second, sp.Abs(first) + second, sp.Abs)]
        else:
            self._factorise()

    def _inverse(self, pivot: sp.Expr, size: sp.Expr, measure: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
        pivot = self.site.held(pivot)
        if pivot == 0 or (pivot.is_number and size.is_number and not measure(pivot) > _TINY * size):
            raise _NeedsPivots
        return self.site.held(sp.Piecewise((1 / pivot, measure(pivot) > _TINY * size)))

    def _factorise(self) -> None:
        upper = [list(row) for row in self.rows]
        self.inverse = []
        for k in range(self.size):
            self.inverse.append(self._inverse(upper[k][k], self.rows[k][k], lambda pivot: pivot))
            for i in range(k + 1, self.size):
                factor = self.factors[i, k] = self.site.held(upper[k][i] * self.inverse[k])
                for j in range(i, self.size):
                    upper[i][j] = self.site.held(upper[i][j] - factor * upper[k][j])

    def solve(self, f: Sequence[sp.Expr]) -> list[sp.Expr]:
        """D⁻¹f."""
        held, x = self.site.held, list(f)
        if all(expr == 0 for expr in f):
            return x
        if self.size == 1:
            return [held(x[0] * self.inverse[0])]
        if self.size == 2:
            (a, b), (_, c) = self.rows
            return [held((c * x[0] - b * x[1]) * self.inverse[0]), held((a * x[1] - b * x[0]) * self.inverse[0])]
        for i in range(self.size):
            x[i] = held(x[i] - sp.Add(*(self.factors[i, k] * x[k] for k in range(i))))
        for i in reversed(range(self.size)):
            after = sp.Add(*(self.factors[k, i] * x[k] for k in range(i + 1, self.size)))
            x[i] = held(x[i] * self.inverse[i] - after)
        return x


class _Solution:
    """What the loops over the sites write, and the lines that follow them."""

    def __init__(self, assembly: Assembly, found: Bordered, sweep: Sweep) -> None:
        self.assembly, self.found = assembly, found
        self.forcing = sweep.forcing_at
        self.out: list[Part] = []
        #: D⁻¹C: what differs from site to site, and what does not.
        self.varying: list[Part] = []
        self.fixed: list[sp.Expr] = []
        self.room: sp.Expr = sp.S.Zero
        self.taken: dict[tuple[int, int], sp.Expr] = defaultdict(lambda: sp.S.Zero)
        self.tail = [self.forcing(r, at) for r, at in found.border] + [sp.S.Zero] * found.auxiliaries
        self.check: sp.Expr = sp.S.Zero
        #: By number of sites: where the strands lie, and what is taken off them.
        self.moves: dict[str, list[str]] = {}
        self.before: list[str] = []
        for chain in found.chains:
            for segment in segments(chain):
                self.eliminate(_Site(assembly, segment))

    def eliminate(self, site: _Site) -> None:
        block, strands = _Block(site), site.chain.sites.strands
        y = block.solve([site.held(self.forcing(s.coordinate, s.place, site.loops)) for s in strands])
        for x, s in zip(y, strands, strict=True):
            if x != 0:
                self.out.append((x, site.loops, site.start(s), site.steps(s.step)))
        if block.size > 2:
            self.check += site.total(block.inverse[-1])
        borders = range(self.found.borders)
        z = [block.solve(site.vector(site.chain.columns, d)) for d in borders]
        for b in borders:
            row = site.vector(site.chain.rows, b)
            self.tail[b] -= self._product(site, row, y)
            for d in borders:
                self.taken[b, d] += self._product(site, row, z[d])
        for a, strand in enumerate(strands):
            self._move(site, strand, [z[d][a] for d in borders], "=" if y[a] == 0 else "-=")

    def _product(self, site: _Site, row: list[sp.Expr], x: list[sp.Expr]) -> sp.Expr:
        found = sp.Add(*(r * value for r, value in zip(row, x, strict=True)))
        return sp.S.Zero if found == 0 else site.total(found)

    def _move(self, site: _Site, strand: Strand, z: list[sp.Expr], operator: str) -> None:
        """Lines that take D⁻¹C z off a strand, or set it to the negative of that.

        By ``rest``, what differs from site to site, with the products of ``factor`` and an unknown of the border that
        it is multiplied with: columns in proportion are one.
        """
        code, sign = self.assembly.code, "" if operator == "-=" else "-"
        terms: dict[sp.Expr, list[str]] = {}
        for d, value in enumerate(z):
            if value != 0:
                factor, rest = site.parts(value)
                unknown = f"tail[{d}]" if factor == 1 else f"fixed[{len(self.fixed)}]*tail[{d}]"
                terms.setdefault(rest, []).append(unknown)
                self.fixed += [] if factor == 1 else [factor]
        shown = []
        for rest, products in terms.items():
            name = f"same{len(self.before)}"
            self.before.append(f"{name} = {sign}({' + '.join(products)})")
            if rest == 1:
                shown.append(name)
                continue
            shown.append(f"{name}*moved[U({code(self.room)} + k)]")
            self.varying.append((rest, site.loops, self.room, site.steps(1)))
            self.room = sp.expand(self.room + site.chain.sites.count)
        if shown or operator == "=":
            place = f"out[U({code(site.start(strand))} + {code(strand.step)}*k)]"
            line = f"{place} {operator} {' + '.join(shown) or '0.0'}"
            self.moves.setdefault(code(site.chain.sites.count), []).append(line)

    def lines(self, otherwise: str) -> list[str]:
        assembly, borders = self.assembly, self.found.borders
        short = " or ".join(f"{assembly.code(count)} < {least}" for count, least in too_short(self.found))
        lines = [f"if {short}:", f"    {otherwise}", "    return"] if short else []
        for name, values, length in (
            ("corner", {b * borders + d: expr for (b, d), expr in self.found.corner.items()}, borders**2),
            ("taken", {b * borders + d: expr for (b, d), expr in self.taken.items()}, borders**2),
            ("tail", dict(enumerate(self.tail)), borders),
            ("fixed", dict(enumerate(self.fixed)), len(self.fixed)),
            ("check", {0: self.check} if self.check != 0 else {}, 1 if self.check != 0 else 0),
        ):
            parts: list[Part] = [(expr, (), sp.Integer(k), ()) for k, expr in values.items() if expr != 0]
            assembly.output(name, parts)
            if length:
                lines.append(f"{name} = stack({length})")
                lines += [f"{name}[{k}] = 0.0" for k in range(length) if values.get(k, sp.S.Zero) == 0]
        if assembly.output("moved", self.varying):
            lines.append(f"moved = {assembly.array(self.room)}")
        assembly.output("out", self.out)
        return [*lines, "FILL", *self.after(otherwise)]

    def after(self, otherwise: str) -> list[str]:
        """Lines that solve for the border and put its unknowns to use."""
        assembly, found, borders = self.assembly, self.found, self.found.borders
        lines = []
        if self.check != 0:
            lines.append("good = abs(check[0]) < np.inf")
        if borders:
            assembly.modules["solve_scaled"] = f"small.load({borders}, scaled=True)"
            lines.append(f"scale = stack({borders})")
            for d in range(borders):
                lines.append(f"scale[{d}] = 0.0")
                for k in range(d, borders**2, borders):
                    lines.append(f"scale[{d}] = max(scale[{d}], abs(corner[{k}]), abs(taken[{k}]))")
            # What sums over the sites are off by grows like the root of their number.
            lines += [f"scale[{d}] *= np.sqrt(1.0 + out.size)" for d in range(borders)]
            lines += [f"corner[{k}] -= taken[{k}]" for k in range(borders**2)]
            lines.append("solve_scaled(corner, scale, tail)")
            own = " and ".join(f"abs(tail[{b}]) < np.inf" for b in range(borders))
            lines.append(f"good = good and {own}" if self.check != 0 else f"good = {own}")
        if lines:
            lines += ["if not good:", f"    {otherwise}", "    return"]
        lines += self.before
        for count, moves in self.moves.items():
            lines.append(f"for k in range({count}):")
            lines += [f"    {line}" for line in moves]
        lines += [f"out[{natural(assembly, r, at)}] = tail[{b}]" for b, (r, at) in enumerate(found.border)]
        return lines
