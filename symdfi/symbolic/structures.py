"""The structures a matrix ∂g_j/∂x_k may have, with their entries as expressions in j."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

import sympy as sp

from symdfi.symbolic.chains import Sites
from symdfi.symbolic.couplings import Coupling


class Structure(abc.ABC):
    """A square matrix ∂g/∂x in index form."""

    @property
    @abc.abstractmethod
    def kind(self) -> str:
        """ "diagonal", "blocks", "banded", "periodic", "bordered", "sparse" or "dense"."""

    @property
    @abc.abstractmethod
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Every expression in it."""


@dataclass(frozen=True)
class Diagonal(Structure):
    """``entries``: one expression a variable, in the indices of its rows."""

    entries: tuple[sp.Expr, ...]

    @property
    def kind(self) -> str:
        return "diagonal"

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        return self.entries


@dataclass(frozen=True)
class Dense(Structure):
    """``blocks``: a pair of row and column variable to the entry, in the row's and the column's indices."""

    blocks: dict[tuple[int, int], sp.Expr]

    @property
    def kind(self) -> str:
        return "dense"

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        return tuple(self.blocks.values())


@dataclass(frozen=True)
class Sparse(Structure):
    """``entries``: whatever there is; ``auxiliaries``: how many unknowns follow those of the coordinates."""

    entries: tuple[Coupling, ...]
    auxiliaries: int

    @property
    def kind(self) -> str:
        return "sparse"

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        return tuple(coupling.value for coupling in self.entries)


@dataclass(frozen=True)
class Chain:
    """Sites with the bands of their matrix, and what in them meets the border, all in the indices of the row's strand.

    With B strands the unknown of strand a at site i is number p = i B + a. ``bands`` maps (a, d) to the entry in row
    p, column p + d (modulo the chain's length in a ``ring``); ``columns`` maps (a, b) to the entry in row p, column b
    of the border, ``rows`` to that in row b, column p.
    """

    sites: Sites
    ring: bool = False
    bands: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)
    columns: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)
    rows: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)

    @property
    def breadth(self) -> int:
        """How many unknowns a site has."""
        return len(self.sites.strands)

    @property
    def width(self) -> int:
        """The largest offset of a band."""
        return max((abs(d) for _, d in self.bands), default=0)

    @property
    def is_blocks(self) -> bool:
        """Whether every site meets itself alone."""
        return not self.ring and self.is_within

    @property
    def is_within(self) -> bool:
        """Whether all bands, of a ring or not, are those of blocks on the diagonal."""
        return all(0 <= a + d < self.breadth for a, d in self.bands)


@dataclass(frozen=True)
class Bordered(Structure):
    """``border``: coordinates and indices of the unknowns that may meet everything, then ``auxiliaries`` more.

    ``corner`` has the entries of the border with itself.
    """

    chains: tuple[Chain, ...]
    border: tuple[tuple[int, tuple[sp.Expr, ...]], ...]
    auxiliaries: int
    corner: dict[tuple[int, int], sp.Expr]

    @property
    def borders(self) -> int:
        return len(self.border) + self.auxiliaries

    @property
    def kind(self) -> str:
        if self.borders:
            return "bordered"
        if all(chain.is_blocks for chain in self.chains):
            return "blocks"
        return "periodic" if any(chain.ring for chain in self.chains) else "banded"

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        parts = [p for c in self.chains for p in (c.bands, c.columns, c.rows)]
        return tuple(expr for part in (*parts, self.corner) for expr in part.values())
