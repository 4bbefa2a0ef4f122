"""Elimination along the chains of a bordered matrix: where its numbers lie, and the lines of code that work on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdfi.compile.program.loops import Loop
from symdfi.dynamics.assembly import Assembly, row_major
from symdfi.symbolic.chains import Strand
from symdfi.symbolic.structure import Bordered, Chain


@dataclass
class Storage:
    """Where the numbers of one chain lie, and the lines that work on them."""

    assembly: Assembly
    chain: Chain
    number: int
    borders: int
    #: The border's place from which on a ring has the unknowns at which it was cut.
    first: int
    symmetric: bool

    def __post_init__(self) -> None:
        sites, chain = self.chain.sites, self.chain
        self.blocks = chain.is_blocks and sites.is_full
        self.breadth, self.width = chain.breadth, max(chain.width, 0)
        self.length = sp.expand(sites.count * self.breadth)
        self.a, self.c, self.f = (f"{letter}{self.number}" for letter in "acf")
        self.r = self.c if self.symmetric else f"r{self.number}"
        self.n = f"n{self.number}"
        #: How many numbers of the work array it takes.
        self.room: sp.Expr = sp.S.Zero

    @property
    def across(self) -> int:
        """Numbers in a row of the bands."""
        return self.width + 1 if self.symmetric else 2 * self.width + 1

    def loops(self, strand: Strand) -> tuple[Loop, ...]:
        return tuple(Loop(index, lower, upper) for index, (lower, upper) in self.chain.sites.ranges(strand).items())

    def steps(self, step: int) -> tuple[sp.Expr, ...]:
        """Steps through an array with ``step`` numbers a site, by the indices of the sites."""
        extents = self.chain.sites.extents
        return tuple(step * sp.Mul(*extents[k + 1 :]) for k in range(len(extents)))

    def fill(self) -> list[str]:
        """Allocates; the kernel's outputs on the side."""
        chain, assembly, count = self.chain, self.assembly, self.chain.sites.count
        parts = []
        for (a, d), expr in chain.bands.items():
            loops = self.loops(chain.sites.strands[a])
            if self.blocks:
                parts.append((expr, loops, (a * self.breadth + a + d) * count, self.steps(1)))
            elif d >= 0 or not self.symmetric:
                first = 0 if self.symmetric else self.width
                parts.append((expr, loops, a * self.across + d + first, self.steps(self.breadth * self.across)))
        assembly.output(self.a, parts)
        each = self.breadth if self.blocks else self.across
        lines = [f"{self.n} = {assembly.code(count if self.blocks else self.length)}"]
        lines += self._take(self.a, self.length * each, len(parts) == self.breadth * each)
        for name, entries in ((self.c, chain.columns), (self.r, chain.rows)):
            if name == self.c and entries is chain.rows:
                continue
            parts = []
            for (a, b), expr in entries.items():
                loops = self.loops(chain.sites.strands[a])
                if self.blocks:
                    parts.append((expr, loops, (a * self.borders + b) * count, self.steps(1)))
                else:
                    parts.append((expr, loops, a * self.borders + b, self.steps(self.breadth * self.borders)))
            assembly.output(name, parts)
            lines += self._take(name, self.length * self.borders, len(parts) == self.breadth * self.borders)
        return lines

    def _take(self, name: str, length: sp.Expr, written: bool) -> list[str]:
        """A part of the work array; zeros, unless all of it is written."""
        lines = [f"{name} = work[end : end + {self.assembly.code(length)}]", f"end += {self.assembly.code(length)}"]
        self.room += length
        return lines if written and self.chain.sites.is_full else [*lines, f"{name}[:] = 0.0"]

    def pads(self) -> list[str]:
        """Ones on the diagonal where a site lacks a strand."""
        lines = []
        for a, strand in enumerate(self.chain.sites.strands):
            short = sp.expand(self.chain.sites.count - strand.count)
            if short != 0:
                first = a * self.across + (0 if self.symmetric else self.width)
                lines.append(
                    f"for k in range({self.assembly.code(strand.count)}, {self.assembly.code(strand.count + short)}):"
                )
                lines.append(f"    {self.a}[k*{self.breadth * self.across} + {first}] = 1.0")
        return lines

    def functions(self) -> dict[str, str]:
        """The names of ``factor``, ``forward`` and ``backward`` for this chain."""
        if self.blocks:
            kind, constants = "blocks", {"SIZE": self.breadth, "BORDERS": self.borders}
        else:
            kind = "banded"
            constants = {"WIDTH": self.width, "BORDERS": self.borders, "SYMMETRIC": int(self.symmetric)}
        suffix = "_".join([kind, *(str(value) for value in constants.values())])
        return {name: self.assembly.load(f"{name}_{suffix}", kind, name, **constants) for name in _STEPS}

    @property
    def cut(self) -> str:
        """How many unknowns are eliminated along the chain itself."""
        return f"{self.n} - {self.width}" if self.chain.ring else self.n

    def place(self, strand: int) -> tuple[str, str]:
        """``(start, step)`` of a strand among the unknowns of the chain."""
        if self.blocks:
            return self.assembly.code(strand * self.chain.sites.count), "1"
        return str(strand), str(self.breadth)

    def natural(self, strand: Strand) -> tuple[sp.Expr, sp.Expr]:
        return sp.expand(self.assembly.starts[strand.coordinate] + strand.start), strand.step

    def view(self) -> sp.Expr | None:
        """Where the unknowns of the chain lie one after the other in the state, if they do."""
        sites = self.chain.sites
        start, _ = self.natural(sites.strands[0])
        for a, strand in enumerate(sites.strands):
            own, step = self.natural(strand)
            expected = (start + a * sites.count, 1) if self.blocks else (start + a, self.breadth)
            if sp.expand(own - expected[0]) != 0 or step != expected[1]:
                return None
        return start if sites.is_full else None

    def gather(self) -> list[str]:
        start = self.view()
        if start is not None:
            return [f"{self.f} = out[{self.assembly.code(start)}:{self.assembly.code(start + self.length)}]"]
        return [*self._take(self.f, self.length, True), *self._moves(f"{self.f}[{{there}}] = out[{{here}}]")]

    def scatter(self) -> list[str]:
        return [] if self.view() is not None else self._moves(f"out[{{here}}] = {self.f}[{{there}}]")

    def order(self, start: sp.Expr) -> list[str]:
        """Lines that say where in the state each unknown of the full matrix lies."""
        return self._moves(f"order[{self.assembly.code(start)} + {{there}}] = {{here}}")

    def _moves(self, line: str) -> list[str]:
        lines = []
        for a, strand in enumerate(self.chain.sites.strands):
            first, step = self.place(a)
            start, own = (self.assembly.code(e) for e in self.natural(strand))
            lines.append(f"for k in range({self.assembly.code(strand.count)}):")
            lines.append("    " + line.format(there=f"{first} + {step}*k", here=f"{start} + {own}*k"))
        return lines


_STEPS = ("factor", "forward", "backward")


def bordered(assembly: Assembly, found: Bordered) -> list[str]:
    symmetric = assembly.symmetric and not found.auxiliaries
    first, storages = found.borders, []
    rings = sum(chain.width for chain in found.chains if chain.ring)
    borders = found.borders + rings
    for number, chain in enumerate(found.chains):
        storages.append(Storage(assembly, chain, number, borders, first, symmetric))
        first += chain.width if chain.ring else 0
    fill = [line for s in storages for line in s.fill()]
    corner = [(expr, (), sp.Integer(b * borders + d), ()) for (b, d), expr in found.corner.items() if expr != 0]
    if assembly.output("corner", corner) or borders:
        fill.append(f"corner = np.zeros({borders**2})")
    fill += ["FILL", *(line for s in storages for line in s.pads())]
    lines = _opened(assembly, storages, borders)
    lines += _eliminated(assembly, found, storages, borders)
    # One array: what is given back as a whole is at hand for the next call.
    work = f"work = np.empty({assembly.code(sum((s.room for s in storages), sp.S.Zero))})"
    again = ["end = 0", *fill, *_in_full(assembly, found, storages, borders)]
    return [work, "end = 0", *fill, *lines, *(f"    {line}" for line in again)]


def _corner(borders: int) -> str:
    return "corner" if borders else "out"


def _opened(assembly: Assembly, storages: Sequence[Storage], borders: int) -> list[str]:
    """``good`` where every ring is long enough to be cut open, which is then done."""
    rings = [s for s in storages if s.chain.ring]
    long = " and ".join(f"{s.n} > {2 * s.width}" for s in rings)
    lines = [f"good = {long or 'True'}"]
    if rings:
        ring = assembly.load("open_ring", "bordered", "open_ring")
        lines.append("if good:")
        for s in rings:
            lines.append(
                f"    {ring}({s.n}, {s.width}, {s.symmetric}, {borders}, {s.first}, {s.a}, {s.c}, {s.r}, corner)"
            )
    return lines


def _eliminated(assembly: Assembly, found: Bordered, storages: Sequence[Storage], borders: int) -> list[str]:
    """Elimination along the chains, then of the border; up to the ``else`` of where that breaks down."""
    corner, lines = _corner(borders), []
    if borders:
        lines.append(f"scale = np.empty({borders})")
        lines.append(f"{assembly.load('measure', 'dense', 'measure', PANEL=0)}({borders}, corner, scale)")
    functions = [s.functions() for s in storages]
    for s, step in zip(storages, functions, strict=True):
        lines.append(f"good = good and {step['factor']}({s.cut}, {s.a}, {s.c}, {s.r}, {corner})")
    if borders:
        lines.append(f"pivots = np.empty({borders}, np.int64)")
        factor = assembly.load("factor_dense", "dense", "factor", PANEL=0)
        lines.append(f"good = good and {factor}({borders}, corner, scale, pivots)")
    inside = [line for s in storages for line in s.gather()]
    tail = "tail" if borders else "out"
    places = [natural(assembly, r, at) for r, at in found.border]
    if borders:
        inside.append(f"tail = np.zeros({borders})")
        inside += [f"tail[{b}] = out[{place}]" for b, place in enumerate(places)]
    for s in storages:
        if s.chain.ring:
            inside += [f"for k in range({s.width}):", f"    tail[{s.first} + k] = {s.f}[{s.cut} + k]"]
    for s, step in zip(storages, functions, strict=True):
        inside.append(f"{step['forward']}({s.cut}, {s.a}, {s.c}, {s.r}, {s.f}, {tail})")
    if borders:
        inside.append(f"{assembly.load('solve_dense', 'dense', 'solve', PANEL=0)}({borders}, corner, pivots, tail)")
    for s, step in zip(storages, functions, strict=True):
        inside.append(f"{step['backward']}({s.cut}, {s.a}, {s.c}, {s.r}, {s.f}, {tail})")
        if s.chain.ring:
            inside += [f"for k in range({s.width}):", f"    {s.f}[{s.cut} + k] = tail[{s.first} + k]"]
        inside += s.scatter()
    inside += [f"out[{place}] = tail[{b}]" for b, place in enumerate(places)]
    return [*lines, "if good:", *(f"    {line}" for line in inside), "else:"]


def _in_full(assembly: Assembly, found: Bordered, storages: Sequence[Storage], borders: int) -> list[str]:
    """The solution by a full matrix, of systems that are not too large for that."""
    total = sp.expand(sp.Add(*(s.length for s in storages)) + borders)
    limit = assembly.load("largest", "bordered", "FULL")
    lines = [f"total = {assembly.code(total)}", f"if total > {limit}:", "    out[:] = np.nan", "    return"]
    lines += ["full = np.zeros(total*total)", "order = np.full(total, -1)"]
    start: sp.Expr = sp.S.Zero
    for s in storages:
        kind, own = ("add_blocks", [s.breadth]) if s.blocks else ("add_band", [s.width, s.symmetric])
        add = assembly.load(kind, "bordered", kind)
        arguments = [s.n, *own, borders, s.a, s.c, s.r]
        lines.append(f"{add}(total, {assembly.code(start)}, {', '.join(map(str, arguments))}, full)")
        lines += s.order(start)
        start = sp.expand(start + s.length)
    if borders:
        for k in range(found.borders, borders):
            lines.append(f"corner[{k * borders + k}] = 1.0")
        lines.append(f"{assembly.load('add_corner', 'bordered', 'add_corner')}(total, {borders}, corner, full)")
        for b, (r, at) in enumerate(found.border):
            lines.append(f"order[{assembly.code(start)} + {b}] = {natural(assembly, r, at)}")
    lines.append(f"{assembly.load('solve_in_full', 'bordered', 'solve_in_full')}(total, order, full, out)")
    return lines


def natural(assembly: Assembly, r: int, at: tuple[sp.Expr, ...]) -> str:
    """Where one element of a coordinate lies in the state."""
    steps = row_major(assembly.row_loops(r))
    return assembly.code(assembly.starts[r] + sum((k * step for k, step in zip(at, steps, strict=True)), sp.S.Zero))
