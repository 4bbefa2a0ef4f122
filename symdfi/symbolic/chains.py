"""How coordinates are interleaved to chains: site by site, so that what meets locally lies close together.

A coordinate with one long axis of extent c N + d has c elements a site of a chain of N sites; components and the
coordinates that share N follow one another within a site. x[2i] and y[i] then belong to one site, and a coupling of
neighbours is a matrix of constant bandwidth. A coordinate with several long axes counts its sites in row-major order.
Where the couplings are known the strands are shifted against one another (see ``shifts``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy as sp

from symdfi.symbolic import private
from symdfi.symbolic.affine import affine
from symdfi.symbolic.couplings import Coupling, Row, is_long
from symdfi.symbolic.sets import Ranges

#: The most elements a site may have.
_ELEMENTS = 16
#: By how much extents that are numbers may differ and count the same sites, and the longest step of index maps that
#: makes strands.
_ENDS = 4


@dataclass(frozen=True)
class Strand:
    """One element of every site: ``x[place]`` of a coordinate, at ``start + step*k`` among its elements.

    ``place`` is written in k = 0..count - 1, and the k-th element belongs to site ``first + k``, on a ring to site
    ``turn + k`` modulo the number of sites.
    """

    coordinate: int
    place: tuple[sp.Expr, ...]
    start: sp.Expr
    step: sp.Expr
    count: sp.Expr
    first: int = 0
    turn: int = 0


@dataclass(frozen=True)
class Sites:
    """The sites of a chain by row-major ``indices``, the strands that they hold, and the ``extents`` of these."""

    indices: tuple[sp.Symbol, ...]
    extents: tuple[sp.Expr, ...]
    strands: tuple[Strand, ...]

    @property
    def count(self) -> sp.Expr:
        """How many sites there are: to the end of the strand that ends last."""
        count = self.strands[0].count
        return sp.expand(count + max(int(sp.expand(s.count - count)) + s.first for s in self.strands))

    @property
    def is_full(self) -> bool:
        """Whether every site has every strand."""
        return all(sp.expand(strand.count - self.count) == 0 for strand in self.strands)

    @property
    def is_turned(self) -> bool:
        """Whether the elements of a strand begin at another site than the first one."""
        return any(strand.first or strand.turn for strand in self.strands)

    def pieces(self, strand: Strand) -> list[tuple[Ranges, sp.Expr]]:
        """Ranges of the indices along a strand, each with the number of sites by which its elements lie ahead."""
        whole = self.ranges(strand)
        if not strand.turn:
            return [(whole, sp.Integer(strand.first))]
        (index,), turn = self.indices, sp.Mod(strand.turn, strand.count)
        ahead = {index: (sp.S.Zero, strand.count - turn - 1)}, turn
        behind = {index: (strand.count - turn, strand.count - 1)}, turn - strand.count
        return [ahead, behind]

    def ranges(self, strand: Strand) -> Ranges:
        """The ranges of the indices along a strand."""
        if len(self.indices) == 1:
            return {self.indices[0]: (sp.S.Zero, strand.count - 1)}
        return {i: (sp.S.Zero, extent - 1) for i, extent in zip(self.indices, self.extents, strict=True)}


@dataclass(frozen=True)
class _Axis:
    """A long axis of extent ``stride*sites + rest``."""

    sites: sp.Expr
    stride: int
    rest: int


def interleaved(rows: Sequence[Row], found: Iterable[Coupling]) -> list[Sites] | None:
    """The chains of the coordinates with long axes; None where one of them has too many elements a site, or its
    components on both sides of its elements."""
    found = list(found)
    families = {r: variable.shape for r, (variable, _, _) in enumerate(rows) if _long_axes(variable)}
    axes = _axes({r: shape[_long_axes(rows[r][0])[0]] for r, shape in families.items() if _is_line(rows[r][0])})
    axes = _unsplit(axes, found)
    groups: dict[tuple, list[int]] = {}
    for r, shape in families.items():
        key = (axes[r].sites,) if r in axes else tuple(shape[k] for k in _long_axes(rows[r][0]))
        groups.setdefault(key, []).append(r)
    chains = []
    for extents, members in groups.items():
        indices = tuple(private.index("site", k) for k in range(len(extents)))
        strands: list[Strand] = []
        for r in members:
            own = _strands(r, rows[r][0].shape, axes.get(r), indices)
            if own is None:
                return None
            strands += own
        if len(strands) > _ELEMENTS:
            return None
        if len(extents) == 1:
            extents = (sp.expand(extents[0] + max(int(sp.expand(s.count - extents[0])) for s in strands)),)
        chains.append(Sites(indices, tuple(extents), tuple(strands)))
    return chains


def _long_axes(variable) -> list[int]:
    shape = variable.shape if isinstance(variable, sp.IndexedBase) else ()
    return [k for k, extent in enumerate(shape) if is_long(extent)]


def _is_line(variable) -> bool:
    return len(_long_axes(variable)) == 1


def _axes(extents: dict[int, sp.Expr]) -> dict[int, _Axis]:
    """Every extent as a number of sites times a stride, and a rest."""
    shortest = min((e for e in extents.values() if e.is_Integer), default=sp.S.One)
    axes = {}
    for r, extent in extents.items():
        axes[r] = _Axis(extent, 1, 0)
        symbols = sorted(extent.free_symbols, key=str)
        if extent.is_Integer:
            stride = int(extent) // int(shortest)
            if int(extent) - stride * int(shortest) <= _ENDS:
                axes[r] = _Axis(shortest, stride, int(extent) - stride * int(shortest))
            continue
        line = affine(extent, symbols[0]) if len(symbols) == 1 else None
        if line and line[0].is_Integer and line[0] > 0 and line[1].is_Integer:
            axes[r] = _Axis(symbols[0], int(line[0]), int(line[1]))
    return axes


def _unsplit(axes: dict[int, _Axis], found: list[Coupling]) -> dict[int, _Axis]:
    """Strides only where several are in use or an index map has one; those of equal axes in lowest terms."""
    result = dict(axes)
    for sites in {axis.sites for axis in axes.values()}:
        members = [r for r, axis in axes.items() if axis.sites == sites]
        moduli = _strides(c for c in found if {c.row, c.column} & set(members))
        if len({axes[r] for r in members}) > 1:
            continue
        stride, rest = axes[members[0]].stride, axes[members[0]].rest
        step = math.lcm(*moduli)
        if stride > 1 and not moduli:
            result |= {r: _Axis(sp.expand(stride * sites + rest), 1, 0) for r in members}
        elif stride == 1 and rest == 0 and sites.is_Integer and 1 < step <= _ENDS and sites % step == 0:
            result |= {r: _Axis(sites / step, step, 0) for r in members}
    return result


def _strides(found: Iterable[Coupling]) -> set[int]:
    """The steps in which index maps and conditions go: 2 of x[2i], and of what j mod 2 decides."""
    steps: set[int] = set()
    for coupling in found:
        for expr in (*coupling.at_row, *coupling.at_column):
            for index, _, _ in coupling.limits:
                line = affine(expr, index)
                if line is not None:
                    steps |= {abs(int(line[0].p)), int(line[0].q)}
        for node in sp.Tuple(coupling.value, *coupling.conditions).atoms(sp.Mod):
            if node.args[1].is_Integer:
                steps.add(int(node.args[1]))
    return steps - {1}


def _strands(
    r: int, shape: tuple[sp.Expr, ...], axis: _Axis | None, sites: tuple[sp.Symbol, ...]
) -> list[Strand] | None:
    long = [k for k, extent in enumerate(shape) if is_long(extent)]
    if long != list(range(long[0], long[0] + len(long))):
        return None
    steps = [sp.Mul(*shape[k + 1 :]) for k in range(len(shape))]
    short = [k for k in range(len(shape)) if k not in long]
    strands = []
    stride = 1 if axis is None else axis.stride
    for residue in range(stride):
        for numbers in itertools.product(*(range(int(shape[k])) for k in short)):
            place: list[sp.Expr] = [sp.S.Zero] * len(shape)
            start: sp.Expr = residue * steps[long[-1]]
            for k, number in zip(short, numbers, strict=True):
                place[k] = sp.Integer(number)
                start += number * steps[k]
            for k, site in zip(long, sites, strict=True):
                place[k] = stride * site + (residue if stride > 1 else 0)
            count = sp.Mul(*(shape[k] for k in long))
            if axis is not None:
                count = axis.sites + (axis.rest - residue + stride - 1) // stride
            strands.append(
                Strand(r, tuple(place), sp.expand(start), sp.expand(stride * steps[long[-1]]), sp.expand(count))
            )
    return strands


def place_of(expr: sp.Expr, stride: sp.Expr, extent: sp.Expr) -> tuple[sp.Expr, int, bool] | None:
    """``(site, residue, wraps)`` of an index ``stride*site + residue``, taken modulo ``extent`` if it wraps."""
    wraps = False
    for mod in expr.atoms(sp.Mod):
        hole = sp.Dummy(integer=True)
        line = affine(expr.xreplace({mod: hole}), hole)
        if line is None or sp.expand(line[0] * mod.args[1] - extent) != 0:
            return None
        if not (line[1].is_Integer and 0 <= line[1] < line[0]):
            return None
        expr, wraps = line[0] * mod.args[0] + line[1], True
    expr = sp.expand(expr)
    if expr.has(sp.Mod, sp.floor, sp.Max, sp.Min) or not stride.is_Integer:
        return None
    number = sum((term for term in sp.Add.make_args(expr) if term.is_Integer), sp.S.Zero)
    residue = number % stride
    site = sp.expand((expr - residue) / stride)
    if any(not factor.is_Integer for factor in site.as_coefficients_dict().values()):
        return None
    return site, int(residue), wraps
