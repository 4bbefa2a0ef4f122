"""Elimination along the chains of a bordered matrix: where its numbers lie, and the lines of code that work on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from symdfi.compile.program.loops import Loop
from symdfi.dynamics.assembly import Assembly, Part, row_major
from symdfi.dynamics.forces import Sweep
from symdfi.linalg.structured import narrow
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
    #: What gives the forcing, where the kernel writes it; whether its elimination is that of ``narrow``.
    sweep: Sweep | None = None
    narrow: bool = False

    def __post_init__(self) -> None:
        sites, chain = self.chain.sites, self.chain
        self.blocks = chain.is_blocks and sites.is_full and not self.narrow
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

    def along(self, strand: Strand, expr: sp.Expr, offset: sp.Expr | int, step: int) -> Iterator[Part]:
        """An expression along a strand, into an array with ``step`` numbers a site."""
        for ranges, ahead in self.chain.sites.pieces(strand):
            loops = tuple(Loop(index, lower, upper) for index, (lower, upper) in ranges.items())
            start = offset + step * ahead + sum(k * loop.lower for k, loop in zip(self.steps(step), loops, strict=True))
            yield expr, loops, sp.expand(start), self.steps(step)

    def steps(self, step: int) -> tuple[sp.Expr, ...]:
        """Steps through an array with ``step`` numbers a site, by the indices of the sites."""
        extents = self.chain.sites.extents
        return tuple(step * sp.Mul(*extents[k + 1 :]) for k in range(len(extents)))

    def fill(self) -> list[str]:
        """Allocates; the kernel's outputs on the side."""
        chain, assembly, count = self.chain, self.assembly, self.chain.sites.count
        parts: list[Part] = []
        written = set()
        for (a, d), expr in chain.bands.items():
            strand = chain.sites.strands[a]
            if self.blocks:
                written.add((a, d))
                parts += self.along(strand, expr, (a * self.breadth + a + d) * count, 1)
            elif d >= 0 or not self.symmetric:
                written.add((a, d))
                first = 0 if self.symmetric else self.width
                parts += self.along(strand, expr, a * self.across + d + first, self.breadth * self.across)
        assembly.output(self.a, parts)
        lines = [f"{self.n} = {assembly.code(count if self.blocks else self.length)}"]
        each = self.breadth if self.blocks else self.across
        lines += self._take(self.a, self.length * each, len(written) == self.breadth * each)
        for name, entries in ((self.c, chain.columns), (self.r, chain.rows)):
            if name == self.c and entries is chain.rows:
                continue
            parts = []
            for (a, b), expr in entries.items():
                strand = chain.sites.strands[a]
                if self.blocks:
                    parts += self.along(strand, expr, (a * self.borders + b) * count, 1)
                else:
                    parts += self.along(strand, expr, a * self.borders + b, self.breadth * self.borders)
            assembly.output(name, parts)
            lines += self._take(name, self.length * self.borders, len(entries) == self.breadth * self.borders)
        return lines + (self._forced(self.sweep) if self.sweep is not None else [])

    def _forced(self, sweep: Sweep) -> list[str]:
        """The forcing along the chain as an output of the kernel."""
        parts: list[Part] = []
        for a, strand in enumerate(self.chain.sites.strands):
            offset = a * self.chain.sites.count if self.blocks else sp.Integer(a)
            forcing = sweep.forcing_at(strand.coordinate, strand.place)
            parts += self.along(strand, forcing, offset, 1 if self.blocks else self.breadth)
        self.assembly.output(self.f, parts)
        return self._viewed() or self._take(self.f, self.length, True)

    def _take(self, name: str, length: sp.Expr, written: bool) -> list[str]:
        """A part of the work array; zeros, unless all of it is written."""
        lines = [f"{name} = work[end : end + {self.assembly.code(length)}]", f"end += {self.assembly.code(length)}"]
        self.room += length
        return lines if written and self.chain.sites.is_full else [*lines, f"{name}[:] = 0.0"]

    def pads(self) -> list[str]:
        """Ones on the diagonal where a site lacks a strand."""
        lines, code = [], self.assembly.code
        for a, strand in enumerate(self.chain.sites.strands):
            place = (
                f"{self.a}[k*{self.breadth * self.across} + {a * self.across + (0 if self.symmetric else self.width)}]"
            )
            end, last = sp.expand(strand.first + strand.count), self.chain.sites.count
            for start, stop in ((sp.Integer(0), sp.Integer(strand.first)), (end, last)):
                if sp.expand(stop - start) != 0:
                    lines += [f"for k in range({code(start)}, {code(stop)}):", f"    {place} = 1.0"]
        return lines

    def functions(self) -> dict[str, str]:
        """The names of ``factor``, ``forward`` and ``backward``, or of those of ``narrow``, for this chain."""
        if self.narrow:
            load, suffix = f"narrow.load({self.width}, {self.borders})", f"{self.width}_{self.borders}"
            names = {name: f"{name}_{suffix}" for name in ("eliminate", "substitute")}
            self.assembly.modules |= {own: f"{load}.{name}" for name, own in names.items()}
            return names
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
        return f"({self.n} - {self.width}*opened)" if self.chain.ring else self.n

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
        if sites.is_turned:
            return None
        start, _ = self.natural(sites.strands[0])
        for a, strand in enumerate(sites.strands):
            own, step = self.natural(strand)
            expected = (start + a * sites.count, 1) if self.blocks else (start + a, self.breadth)
            if sp.expand(own - expected[0]) != 0 or step != expected[1]:
                return None
        return start if sites.is_full else None

    def _viewed(self) -> list[str]:
        start = self.view()
        if start is None:
            return []
        return [f"{self.f} = out[{self.assembly.code(start)}:{self.assembly.code(start + self.length)}]"]

    def gather(self) -> list[str]:
        """The right-hand side along the chain, which the kernel writes or ``out`` holds."""
        if self.sweep is not None:
            return []
        moved = [*self._take(self.f, self.length, True), *self._moves(f"{self.f}[{{there}}] = out[{{here}}]")]
        return self._viewed() or moved

    def scatter(self) -> list[str]:
        return [] if self.view() is not None else self._moves(f"out[{{here}}] = {self.f}[{{there}}]")

    def put(self, start: str, wraps: str) -> str:
        """The line that puts the chain from ``start`` on where ``pivoted`` takes it."""
        kind, own = ("put_blocks", [self.breadth]) if self.blocks else ("put_band", [self.width, self.symmetric, wraps])
        given = [start, self.cut, *own, self.borders, self.a, self.c, self.r, self.f]
        put = self.assembly.load(kind, "bordered", kind)
        return f"{put}({', '.join(map(str, given))}, reach, band, columns, rows, rest)"

    def take(self, start: str) -> list[str]:
        """Lines that take the solution from there."""
        if self.blocks:
            take = self.assembly.load("take_blocks", "bordered", "take_blocks")
            return [f"{take}({start}, {self.n}, {self.breadth}, rest, {self.f})"]
        return [f"for k in range({self.cut}):", f"    {self.f}[k] = rest[{start} + k]"]

    def _moves(self, line: str) -> list[str]:
        lines, code = [], self.assembly.code
        for a, strand in enumerate(self.chain.sites.strands):
            first, step = self.place(a)
            start, own = (code(e) for e in self.natural(strand))
            if not strand.turn:
                ahead = f"{first} + {step}*({strand.first} + k)" if strand.first else f"{first} + {step}*k"
                pieces = [(f"range({code(strand.count)})", ahead)]
            else:
                lines += [f"turn = {strand.turn} % {code(strand.count)}"]
                pieces = [
                    (f"range({code(strand.count)} - turn)", f"{first} + {step}*(k + turn)"),
                    (f"range({code(strand.count)} - turn, {code(strand.count)})",
                     f"{first} + {step}*(k + turn - ({code(strand.count)}))"),
                ]  # fmt: skip
            for numbers, there in pieces:
                lines += [f"for k in {numbers}:", "    " + line.format(there=there, here=f"{start} + {own}*k")]
        return lines


_STEPS = ("factor", "forward", "backward")


def bordered(assembly: Assembly, found: Bordered, sweep: Sweep | None = None, *, pivots: bool = False) -> list[str]:
    """Lines that solve with a bordered matrix: for ``out``, or for the forcing that a ``sweep`` gives. By elimination
    without pivots, and with them where that breaks down or, if ``pivots``, at once."""
    symmetric = assembly.symmetric and not found.auxiliaries
    first, storages = found.borders, []
    borders = found.borders + sum(chain.width for chain in found.chains if chain.ring)
    bands = all(chain.width <= narrow.WIDTH for chain in found.chains) and borders <= narrow.BORDERS
    held = symmetric and bands and sweep is not None
    for number, chain in enumerate(found.chains):
        storages.append(Storage(assembly, chain, number, borders, first, symmetric, sweep, held))
        first += chain.width if chain.ring else 0
    fill = [line for s in storages for line in s.fill()]
    if borders:
        square, few = (assembly.array(sp.Integer(length)) for length in (borders**2, borders))
        fill += [f"corner, tail = {square}, {few}", "corner[:], tail[:] = 0.0, 0.0"]
        corner = [(expr, (), sp.Integer(b * borders + d), ()) for (b, d), expr in found.corner.items() if expr != 0]
        assembly.output("corner", corner)
        if sweep is not None:
            assembly.output(
                "tail", [(sweep.forcing_at(*at), (), sp.Integer(b), ()) for b, at in enumerate(found.border)]
            )
    fill += ["FILL", *(line for s in storages for line in s.pads()), *_opened(assembly, storages, borders)]
    places = [natural(assembly, r, at) for r, at in found.border]
    tail = [] if sweep is not None else [f"tail[{b}] = out[{place}]" for b, place in enumerate(places)]
    right = [*(line for s in storages for line in s.gather()), *tail]
    for s in storages:
        if s.chain.ring:
            right += [f"for k in range({s.width} if opened else 0):", f"    tail[{s.first} + k] = {s.f}[{s.cut} + k]"]
    # One array: what is given back as a whole is at hand for the next call.
    work = f"work = {assembly.array(sp.expand(sum((s.room for s in storages), sp.S.Zero)))}"
    begin = [work, "end = 0", *fill, *right]
    exactly = _pivoted(assembly, storages, borders)
    if pivots:
        lines = [*begin, *exactly]
    else:
        again = ["end = 0", *fill, *right, *exactly]
        lines = [*begin, *_eliminated(assembly, storages, borders), "if not good:", *(f"    {line}" for line in again)]
    for s in storages:
        if s.chain.ring:
            lines += [f"for k in range({s.width} if opened else 0):", f"    {s.f}[{s.cut} + k] = tail[{s.first} + k]"]
        lines += s.scatter()
    return [*lines, *(f"out[{place}] = tail[{b}]" for b, place in enumerate(places))]


def _border(borders: int) -> tuple[str, str]:
    """Corner and right-hand side of the border; without one any arrays, as nothing is read there."""
    return ("corner", "tail") if borders else ("work", "work")


def _opened(assembly: Assembly, storages: Sequence[Storage], borders: int) -> list[str]:
    """Every ring cut open if all of them are long enough: ``opened``."""
    rings = [s for s in storages if s.chain.ring]
    if not rings:
        return []
    ring = assembly.load("open_ring", "bordered", "open_ring")
    lines = [f"opened = {' and '.join(f'{s.n} > {2 * s.width}' for s in rings)}", "if opened:"]
    for s in rings:
        arguments = [s.n, s.width, s.symmetric, borders, s.first, s.a, s.c, s.r, "corner"]
        lines.append(f"    {ring}({', '.join(map(str, arguments))})")
    return lines


def _eliminated(assembly: Assembly, storages: Sequence[Storage], borders: int) -> list[str]:
    """Elimination along the chains, then of the border; ``good`` where that does without pivots."""
    corner, tail = _border(borders)
    lines = ["good = " + ("opened" if any(s.chain.ring for s in storages) else "True")]
    if borders:
        lines.append(f"scale = {assembly.array(sp.Integer(borders))}")
        lines.append(f"{assembly.load('measure', 'dense', 'measure')}({borders}, corner, scale)")
        # What sums along the chains are off by grows like the root of their length.
        lines += [f"for k in range({borders}):", "    scale[k] *= np.sqrt(1.0 + out.size)"]
    steps = [s.functions() for s in storages]
    for s, step in zip(storages, steps, strict=True):
        if s.narrow:
            lines.append(f"good = good and {step['eliminate']}({s.cut}, {s.a}, {s.c}, {s.f}, {corner}, {tail})")
        else:
            lines.append(f"good = good and {step['factor']}({s.cut}, {s.a}, {s.c}, {s.r}, {corner})")
    if borders:
        lines.append(f"pivots = np.empty({borders}, np.int64)")
        factor = assembly.load("factor_dense", "dense", "factor")
        lines.append(f"good = good and {factor}({borders}, corner, scale, pivots)")
    lines.append("if good:")
    for s, step in zip(storages, steps, strict=True):
        if not s.narrow:
            lines.append(f"    {step['forward']}({s.cut}, {s.a}, {s.c}, {s.r}, {s.f}, {tail})")
    if borders:
        lines.append(f"    {assembly.load('solve_dense', 'dense', 'solve')}({borders}, corner, pivots, tail)")
    for s, step in zip(storages, steps, strict=True):
        if s.narrow:
            lines.append(f"    {step['substitute']}({s.cut}, {s.a}, {s.c}, {s.f}, {tail})")
        else:
            lines.append(f"    {step['backward']}({s.cut}, {s.a}, {s.c}, {s.r}, {s.f}, {tail})")
    return lines


def _pivoted(assembly: Assembly, storages: Sequence[Storage], borders: int) -> list[str]:
    """The solution by a band with pivots. A ring that is too short to be opened lies in the band as a whole."""
    wraps = "not opened" if any(s.chain.ring for s in storages) else "False"
    reach = max(2 * s.width if s.chain.ring else s.breadth - 1 if s.blocks else s.width for s in storages)
    room, more = assembly.load("room", "pivoted", "ROOM"), assembly.load("more", "pivoted", "MORE")
    lines = []
    starts, start = [], "0"
    for s in storages:
        starts.append(start)
        held = f"{s.breadth}*{s.n}" if s.blocks else s.cut
        start = f"{start} + {held}" if start != "0" else held
    lines += [f"reach, total, most = {reach}, {start}, {borders} + {more}"]
    lines += [f"if total > {room} // (3*reach + 1):", "    out[:] = np.nan", "    return"]
    lines += ["band, rest = np.zeros((total, 3*reach + 1)), np.empty(total)"]
    lines += ["columns, rows = np.zeros((total, most)), np.zeros((most, total))"]
    lines += ["whole, ends = np.zeros((most, most)), np.zeros(most)"]
    lines += [s.put(start, wraps) for s, start in zip(storages, starts, strict=True)]
    if borders:
        lines += [f"for k in range({borders}):", "    ends[k] = tail[k]"]
        lines += [f"    for j in range({borders}):", f"        whole[k, j] = corner[{borders}*k + j]"]
    for s in storages:
        if s.chain.ring:
            # Of a ring that is not opened nothing lies in the border.
            lines += [f"for k in range(0 if opened else {s.width}):", f"    whole[{s.first} + k, {s.first} + k] = 1.0"]
    solve = assembly.load("solve_pivoted", "pivoted", "solve")
    lines += [
        f"if not {solve}(reach, {borders}, band, columns, rows, whole, rest, ends):",
        "    out[:] = np.nan",
        "    return",
    ]
    for s, start in zip(storages, starts, strict=True):
        lines += s.take(start)
    if borders:
        lines += [f"for k in range({borders}):", "    tail[k] = ends[k]"]
    return lines


def natural(assembly: Assembly, r: int, at: tuple[sp.Expr, ...]) -> str:
    """Where one element of a coordinate lies in the state."""
    steps = row_major(assembly.row_loops(r))
    return assembly.code(assembly.starts[r] + sum((k * step for k, step in zip(at, steps, strict=True)), sp.S.Zero))
