"""The making of a kernel: arguments in groups, outputs, one compiled function."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group, count_of, shape_of
from symdfi.compile.kernels.spread import Spread, row_kernel
from symdfi.compile.passes.accumulate import accumulated
from symdfi.compile.passes.align import aligned
from symdfi.compile.passes.components import apart
from symdfi.compile.passes.fuse import Plan, planned
from symdfi.compile.passes.inlined import inlined
from symdfi.compile.passes.lanes import innermost, side_by_side, widened
from symdfi.compile.passes.split import definition
from symdfi.compile.program.bounds import Check, checks
from symdfi.compile.program.loops import Assignment, Definition, Variable, box, is_storable, room, variables
from symdfi.compile.program.lower import Program
from symdfi.compile.source import checked
from symdfi.compile.source.assemble import Layout, Parameter, source
from symdfi.compile.source.emit import Storage, Writer, strides
from symdfi.compile.source.printing import Names, index_code
from symdfi.errors import CompileError
from symdfi.symbolic import private
from symdfi.symbolic.maps import is_known
from symdfi.symbolic.renaming import Renaming


def _split(assignments: Iterable[Assignment], program: Program) -> list[Definition]:
    """The definitions of assignments, in order. What splitting shows to be zero everywhere is zero to its readers: they
    then add to what is cleared at the start, in nests of their own choice."""
    zero: set[Variable] = set()
    found: list[Definition] = []
    for a in assignments:
        nodes = a.expr.atoms(sp.Indexed, sp.Symbol) if zero else ()
        put = {k: sp.S.Zero for k in nodes if (k.base if isinstance(k, sp.Indexed) else k) in zero}
        expr = a.expr.xreplace(put) if put else a.expr
        finite = not expr.has(sp.zoo, sp.nan, sp.oo, -sp.oo)
        found.append(definition(replace(a, expr=expr) if finite else a, program))
        if not found[-1].pieces:
            zero.add(a.target)
    return found


def _live(definitions: list[Definition], outputs: frozenset) -> list[Definition]:
    """The definitions that an output needs: splitting may have shown that a branch is never taken."""
    needed, kept = set(outputs), []
    for d in reversed(definitions):
        if d.target in needed:
            needed |= d.reads
            kept.append(d)
    return kept[::-1]


def _without_room(plan: Plan, among: set[Variable]) -> set[Variable]:
    """Which of ``among`` no nest keeps, and sizes do not tell how many there are of."""
    local = plan.once.local | plan.each.local
    apart = (d for d in plan.definitions if d.target in among and d.target not in local)
    return {d.target for d in apart if not is_storable(d.assignment.loops)}


class KernelBuilder:
    """Collects assignments and outputs over grouped arguments, then emits the kernel.

    Where the variables stand for a user's, ``renaming`` says for which. A row is that of one sample, or of so many
    ``lanes`` at once (see ``passes.lanes``).
    """

    def __init__(
        self,
        groups: Iterable[Group],
        sizes: Iterable[sp.Symbol] = (),
        renaming: Renaming | None = None,
        lanes: int = 1,
    ) -> None:
        self.groups, self.lanes = tuple(groups), lanes
        self._renaming = renaming
        self._legend = {g.name: g.shown for g in self.groups if g.shown}
        floats = [m for g in self.groups if not g.integer for m in g.members]
        self.program = Program(floats, [m for g in self.groups if g.batched for m in g.members])
        self.sizes = {s for g in self.groups for m in g.members for e in shape_of(m) for s in e.free_symbols}
        self.sizes |= set(sizes)
        self._outputs: dict[str, list[tuple[Assignment, tuple[sp.Expr, ...]]]] = {}
        self._layouts: dict[str, list[tuple[sp.Expr, tuple]]] = {}
        self._per_sample: set[str] = set()
        self._adding: set[str] = set()

    def output(
        self,
        name: str,
        assignments: Iterable[Assignment],
        layout: Iterable[tuple[sp.Expr, tuple]] | None = None,
        *,
        per_sample: bool = False,
        adds: bool = False,
        shown: str = "",
    ) -> None:
        """Write the assignments into the flat output ``name``: one after the other, or each from its
        ``(offset, strides)`` of ``layout`` on. ``per_sample`` asks for a row a sample even of constants; ``adds`` for
        what is written to be added to what is there."""
        if per_sample:
            self._per_sample.add(name)
        if adds:
            self._adding.add(name)
        if shown:
            self._legend[name] = shown
        self._outputs[name] = [(a, tuple(loop.extent for loop in a.loops)) for a in assignments]
        if layout is not None:
            self._layouts[name] = [(sp.sympify(offset, strict=True), steps) for offset, steps in layout]

    def build(self) -> CompiledKernel:
        """Emit the kernel. ``CompileError`` for a symbol that no argument and no shape declares."""
        outputs, assignments = self._place_outputs()
        self._check_symbols(assignments)
        if self.lanes > 1:
            outputs, assignments = self._widened(outputs, assignments)
        sizes = tuple(sorted(self.sizes, key=sp.default_sort_key))
        self._checked = checked.is_active()
        names = Names(checked=self._checked)
        plan = self._planned(assignments, outputs)
        while lost := _without_room(plan, {a.target for a in assignments if not a.sums} - outputs.keys()):
            assignments = inlined(assignments, lost)
            plan = self._planned(assignments, outputs)
        definitions, once, each = plan.definitions, plan.once, plan.each

        batched, batched_outputs = any(g.batched for g in self.groups), self._batched_outputs()
        layout = Layout([Parameter("sizes", "int64[::1]")], on_stack=self.lanes > 1)
        layout.parameters += [Parameter(g.name, g.type) for g in self.groups]
        layout.parameters += [
            Parameter(n, "float64[:, ::1]" if n in batched_outputs else "float64[::1]") for n in self._outputs
        ]
        layout.declared |= {names[s]: f"sizes[U({k})]" for k, s in enumerate(sizes)}
        storage = self._storage(definitions, outputs, once.local | each.local, names, layout)
        for group in self.groups:
            for member in group.members:
                place = storage[member]
                if not isinstance(member, sp.IndexedBase) and place.array is not None:
                    element, scalar = Storage(place.array, place.offset, (), place.batched), names[member]
                    layout.declared[scalar] = element.element(())
                    storage[member] = Storage(None, scalar=scalar)
                    if group.batched:
                        layout.per_sample.add(scalar)
        spread = None
        if not batched and not self._checked:
            by_row = functools.partial(row_kernel, once, definitions, outputs, names, storage, layout)
            spread = Spread(sizes, once, by_row)
        before, inside = Writer(names, storage), Writer(names, storage)
        before.write(once)
        inside.write(each)
        text = source(layout, before.segments, inside.segments, batched)
        count = len(self._outputs) if self._checked else None
        found, legend = self._checks(definitions), {**self._legend, **names.legend}
        if self._renaming is not None:
            sizes = tuple(map(self._renaming.back, sizes))
            found = tuple(check.mapped(self._renaming.back) for check in found)
        return CompiledKernel(text, sizes, batched_outputs, batched, found, legend=legend, spread=spread, checked=count)

    def _planned(self, assignments: list[Assignment], outputs: Mapping[Variable, Storage]) -> Plan:
        """The nests that compute the assignments."""
        definitions = _live(_split(assignments, self.program), frozenset(outputs))
        definitions = accumulated(definitions, frozenset(outputs), self.program)
        definitions = list(map(innermost, aligned(apart(definitions, frozenset(outputs)))))
        given = [count_of([v]) for v in (*(m for g in self.groups for m in g.members), *outputs)]
        return planned(definitions, frozenset(outputs), self.program, given)

    def _widened(
        self, outputs: dict[Variable, Storage], assignments: list[Assignment]
    ) -> tuple[dict[Variable, Storage], list[Assignment]]:
        """Outputs and assignments over all lanes, and the arguments as well."""
        differ = [v for g in self.groups if g.batched and not g.common for v in g.members]
        differ += [v for v, where in outputs.items() if where.batched]
        assignments, wide = side_by_side(assignments, {v: widened(v, self.lanes) for v in differ}, self.lanes)
        self.program.values.update(wide.values())
        self.program.assignments = {a.target: a for a in assignments}
        self.groups = tuple(replace(g, members=tuple(wide.get(v, v) for v in g.members)) for g in self.groups)
        for variable in outputs.keys() & wide.keys():
            start, steps = self._offsets[variable]
            apart = None if steps is None else (*(self.lanes * step for step in steps), sp.S.One)
            self._offsets[wide[variable]] = self.lanes * start, apart
        return {wide.get(v, v): where for v, where in outputs.items()}, assignments

    def _checks(self, definitions: list[Definition]) -> tuple[Check, ...]:
        """The checks of what the kernel reads, and of what it is a derivative of.

        A scatter leaves out what lies beyond its target, where the value that it belongs to cannot be had. For the
        same reason a delta of a gathered index does not excuse what is read under it.
        """
        live = {d.target for d in definitions}
        unread = [a for target, a in self.program.differentiated.items() if target not in live]
        for assignment in [*(d.assignment for d in definitions), *unread]:
            deltas = {d: sp.S.One for d in assignment.expr.atoms(sp.KroneckerDelta) if d.has(sp.Indexed)}
            if deltas:
                unread.append(replace(assignment, expr=assignment.expr.xreplace(deltas)))
        return checks([*(definition(a, self.program) for a in unread), *definitions])

    def _batched_outputs(self) -> frozenset[str]:
        found = {n for n, parts in self._outputs.items() if any(a.batched for a, _ in parts)}
        return frozenset(found | self._per_sample)

    def _place_outputs(self) -> tuple[dict[Variable, Storage], list[Assignment]]:
        """Output variables with their places, and the assignments needed, in order.

        An assignment that only an output needs is computed in place; one that others read too is copied.
        """
        wanted = [a for parts in self._outputs.values() for a, _ in parts]
        times = Counter(a.target for a in wanted)
        needed: set[Variable] = set(times)
        order: list[Assignment] = []
        read: set[Variable] = set()
        for a in reversed(list(self.program.assignments.values())):
            if a.target in needed:
                order.append(a)
                read |= variables(a.expr)
                needed |= variables(a.expr)
        order.reverse()
        places: dict[Variable, Storage] = {}
        renamed: dict[Variable, Assignment] = {}
        copies: list[Assignment] = []
        batched_names = self._batched_outputs()
        for name, parts in self._outputs.items():
            offset: sp.Expr = sp.S.Zero
            for position, (a, shape) in enumerate(parts):
                label = private.Private("o", len(places))
                variable: Variable = sp.IndexedBase(label, shape=shape) if shape else label
                batched = name in batched_names
                alone = a.target not in read and times[a.target] == 1 and batched == a.batched
                if alone:
                    renamed[a.target] = Assignment(variable, a.loops, a.sums, a.expr, a.batched)
                else:
                    value = a.at(tuple(loop.index for loop in a.loops))
                    copies.append(Assignment(variable, a.loops, (), value, batched))
                places[variable] = Storage(name, batched=batched)
                start, steps = self._layouts[name][position] if name in self._layouts else (offset, None)
                self._offsets[variable] = (start, steps)
                offset = sp.expand(offset + room(shape))
        return places, [renamed.get(a.target, a) for a in order] + copies

    @functools.cached_property
    def _offsets(self) -> dict[Variable, tuple[sp.Expr, tuple | None]]:
        return {}

    def _check_symbols(self, assignments: list[Assignment]) -> None:
        known = self.program.values | self.sizes | {m for g in self.groups for m in g.members}
        known |= {v.label for v in known if isinstance(v, sp.IndexedBase)}
        for a in assignments:
            own = {loop.index: private.dummy(loop.name) for loop in a.loops + a.sums}
            unknown = sorted(variables(a.value) - known - set(own), key=str)
            undefined = (f for f in a.value.atoms(sp.core.function.AppliedUndef) if is_known(f))
            functions = sorted(undefined, key=str)
            if not unknown and not functions and not a.value.has(sp.I):
                continue
            term = self.program.in_words(a.value.xreplace(own))
            if a.value.has(sp.I):
                raise CompileError(f"I has no value in real arithmetic, in {term}")
            if unknown:
                one = unknown[0]
                is_index = any(one in k.free_symbols for e in a.value.atoms(sp.Indexed) for k in e.indices)
                remedy = (
                    f"an index is that of a Sum, (..., ({one}, 0, n - 1)), or of an array, (expr, ({one}, 0, n - 1))"
                    if is_index
                    else "list it among the arguments"
                )
                raise CompileError(f"the symbol {one} in {term} is neither an argument nor a size: {remedy}")
            function = self.program.in_words(functions[0].xreplace(own))
            raise CompileError(f"{function} in {term} is an undefined function")

    def _storage(
        self,
        definitions: list[Definition],
        outputs: dict[Variable, Storage],
        local: frozenset,
        names: Names,
        layout: Layout,
    ) -> dict[Variable, Storage]:
        storage: dict[Variable, Storage] = {}

        def place(
            variable: Variable, array: str, offset: sp.Expr, batched: bool, steps: tuple | None = None
        ) -> Storage:
            start = "" if offset == 0 else index_code(offset, names)
            if start:
                name = names.fresh("_o")
                layout.declared[name] = start
                layout.offsets.add(name)
                start = name
            own = strides(shape_of(variable), names)
            if steps is not None:
                own = tuple(f"({index_code(step, names)})" for step in steps)
            extents = self._extents(shape_of(variable), names)
            return Storage(array, start, own, batched, extents=extents, adds=array in self._adding)

        for group in self.groups:
            offset: sp.Expr = sp.S.Zero
            for member in group.members:
                if group.scalar:
                    storage[member] = Storage(None, scalar=group.name)
                elif group.integer:
                    self._integer_member(group, member, offset, names, layout)
                    storage[member] = Storage(group.name, integer=True)
                else:
                    storage[member] = place(member, group.name, offset, group.batched)
                offset = sp.expand(offset + sp.Mul(*shape_of(member)))
        for variable, where in outputs.items():
            offset, steps = self._offsets[variable]
            storage[variable] = place(variable, str(where.array), offset, where.batched, steps)
        for d in definitions:
            if d.target in storage or d.target in local:
                continue
            box(d.assignment.loops)
            label = d.target.label if isinstance(d.target, sp.IndexedBase) else d.target
            name = names[label]
            if d.shape:
                layout.arrays[name] = index_code(room(d.shape), names)
                storage[d.target] = Storage(name, "", strides(d.shape, names), extents=self._extents(d.shape, names))
            else:
                layout.scalars.append(name)
                storage[d.target] = Storage(None, scalar=name)
        return storage

    def _extents(self, shape: tuple[sp.Expr, ...], names: Names) -> tuple[str, ...] | None:
        return tuple(index_code(extent, names) for extent in shape) if self._checked else None

    @staticmethod
    def _integer_member(group: Group, member: Variable, offset: sp.Expr, names: Names, layout: Layout) -> None:
        if not isinstance(member, sp.IndexedBase):
            raise CompileError(f"the integer argument {member} must be an index array")
        stop = index_code(sp.expand(offset + sp.Mul(*shape_of(member))), names)
        start = index_code(offset, names)
        name = names[member.label]
        layout.declared[name] = f"{group.name}[{start}:{stop}]"
