"""The second derivatives of a nudged system entry by entry: of graphs and chains, where blocks d × d would be zeros.

Which row meets which column follows from the symbols and the index arrays (see ``symdfi.symbolic.couplings``), so that
neither the kernels nor what they fill grows with d².
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.sparse import csr_array

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.jacobian import jacobian
from symdfi.dynamics.assembly import Assembly, row_major
from symdfi.dynamics.forces import Sweep
from symdfi.dynamics.nests import Nest, Rows, number
from symdfi.dynamics.solver import nest_of, write_places
from symdfi.ep.blocks import Pattern
from symdfi.ep.kernels import PointKernels
from symdfi.ep.setting import Setting
from symdfi.symbolic.couplings import Coupling

#: ∂G/∂q, ∂G/∂v, ∂P/∂q and ∂P/∂v: whether rows are momenta P, and columns velocities v.
PARTS = ((False, False), (False, True), (True, False), (True, True))


@dataclass(frozen=True)
class Part:
    """One of the four matrices: its entries in index form, and where they are stored."""

    couplings: tuple[Coupling, ...]
    nests: tuple[Nest, ...]

    @property
    def count(self) -> sp.Expr:
        """How many entries there are."""
        return sp.Add(*(nest.count for nest in self.nests))


class Entries:
    """The kernels of the entries of a system."""

    def __init__(self, kernels: PointKernels) -> None:
        self.kernels = kernels

    def _assembly(self, builder: KernelBuilder) -> Assembly:
        model = self.kernels.model
        return Assembly(builder, model.coordinates, model.indices, model.column_indices)

    @functools.cached_property
    def _built(self) -> tuple[tuple[Part, ...], CompiledKernel]:
        kernels, model = self.kernels, self.kernels.model
        builder = kernels.builder()
        assembly, sweep, parts = self._assembly(builder), Sweep(builder.program, model), []
        rows = sweep.assigned(sweep.generalized_forces), sweep.momenta
        columns = model.coordinates, model.velocities
        for by_momentum, by_velocity in PARTS:
            moves = {x: (c, sp.S.One) for c, x in enumerate(columns[by_velocity])}
            couplings = jacobian(builder.program, model.rows, rows[by_momentum], moves)
            parts.append(Part(tuple(couplings), tuple(nest_of(assembly, c) for c in couplings)))
        for k, part in enumerate(parts):
            written, offset = [], sp.S.Zero
            for coupling, nest in zip(part.couplings, part.nests, strict=True):
                written.append((nest.stored(coupling.value), nest.loops, offset, tuple(row_major(nest.loops))))
                offset += nest.count
            assembly.output(f"entries{k}", written, per_sample=True)
        known = [Part(part.couplings, tuple(nest.whatever(builder.program) for nest in part.nests)) for part in parts]
        return tuple(known), builder.build()

    @property
    def parts(self) -> tuple[Part, ...]:
        return self._built[0]

    @property
    def values(self) -> CompiledKernel:
        """The entries of those parts that have any, an output each."""
        return self._built[1]

    @functools.cached_property
    def _places(self) -> tuple[CompiledKernel, Rows]:
        kernels = self.kernels
        builder = KernelBuilder(kernels.compiled.groups, kernels.model.sizes, kernels.compiled.renaming)
        nests = [nest for part in self.parts for nest in part.nests]
        write_places(self._assembly(builder), [c for part in self.parts for c in part.couplings], nests)
        rows = Rows(nests, kernels.compiled.renaming)
        rows.output(builder)
        return builder.build(), rows

    def counts(self, setting: Setting) -> list[int]:
        """How many entries each part has."""
        known = self._known(setting)
        return [number(part.count, known) for part in self.parts]

    def places(self, setting: Setting) -> Places:
        """Where the entries lie, at the sizes and index arrays of a setting. ``ValueError`` for ranges of index arrays
        that overlap."""
        key = setting.sizes.tobytes(), setting.ints.tobytes()
        if (kept := self._kept) is None or kept[0] != key:
            self._kept = kept = key, self._found(setting)
        return kept[1]

    _kept: tuple[tuple[bytes, bytes], Places] | None = None

    def _found(self, setting: Setting) -> Places:
        (kernel, told), known, counts = self._places, self._known(setting), self.counts(setting)
        if not sum(counts):
            return Places(setting.places.n_dof, tuple((np.empty(0, np.int64), np.empty(0, np.int64)) for _ in counts))
        rows, columns = np.empty((2, sum(counts)))
        nothing, more = np.empty(0), told.arrays(known)
        kernel.function(
            setting.sizes, setting.ints, nothing, nothing, nothing, nothing, 0.0, rows, columns, *more
        )  # fmt: skip
        told.check(more, known)
        ends = np.cumsum(counts)[:-1]
        pairs = zip(*(np.split(x.astype(np.int64), ends) for x in (rows, columns)), strict=True)
        return Places(setting.places.n_dof, tuple(pairs))

    def at(
        self, setting: Setting, at: tuple[np.ndarray, np.ndarray], signals: np.ndarray, times: np.ndarray
    ) -> list[np.ndarray]:
        """The entries of each part at any states, a row each, with signals and times of theirs."""
        kernel, counts = self.values, self.counts(setting)
        kernel.check(setting.index_values)
        given = (*at, setting.params, signals, times)
        if any(map(np.iscomplexobj, given)):
            kernel, given = kernel.complexified, [x.astype(complex, copy=False) for x in given]
        out = [np.empty((len(signals), count), given[0].dtype) for count in counts]
        written = [rows for rows, part in zip(out, self.parts, strict=True) if part.nests]
        threads.run(kernel.function, len(signals), setting.sizes, setting.ints, *given, *written, least=1)
        return out

    def _known(self, setting: Setting) -> dict[sp.Basic, int]:
        of = self.kernels.compiled.renaming.of
        return {of(s): int(value) for s, value in zip(self.values.sizes, setting.sizes, strict=True)}


@dataclass(frozen=True, eq=False)
class Places:
    """Rows and columns of the entries of each part, -1 where there is none."""

    d: int
    parts: tuple[tuple[np.ndarray, np.ndarray], ...]

    @functools.cached_property
    def flat(self) -> tuple[np.ndarray, ...]:
        """Their places in a matrix by rows, -1 where there is none."""
        return tuple(np.where((r >= 0) & (c >= 0), r * self.d + c, -1) for r, c in self.parts)

    @functools.cached_property
    def pattern(self) -> Pattern:
        """All places of the four parts, each once."""
        found = np.unique(np.concatenate(self.flat))
        return Pattern(self.d, found[found >= 0].astype(np.intp).tobytes())

    @functools.cached_property
    def _onto(self) -> list[csr_array]:
        """What adds up the entries of each part at the places of the pattern, (size, entries)."""
        found = []
        for flat in self.flat:
            kept = np.flatnonzero(flat >= 0)
            own = np.searchsorted(self.pattern.at, flat[kept])
            shape = (self.pattern.size, flat.size)
            found.append(csr_array((np.ones(kept.size), (own, kept)), shape=shape))
        return found

    def gathered(self, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Of the entries of each part, a row a point, what stands at the places of the pattern."""
        return [np.ascontiguousarray((onto @ own.T).T) for onto, own in zip(self._onto, rows, strict=True)]
