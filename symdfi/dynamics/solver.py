"""Kernels that fill a matrix of known structure and solve with it, in one compiled function.

The function ``kernel`` writes the entries, in O(entries), where the solvers of ``linalg.structured`` take them;
``solve`` hands them on. Where elimination without pivoting breaks down the matrix is filled again and solved in full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy as sp

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group, count_of, shape_of
from symdfi.compile.source import assemble
from symdfi.dynamics.assembly import Assembly, dense_parts, row_major
from symdfi.dynamics.elimination import bordered
from symdfi.dynamics.forces import Sweep
from symdfi.dynamics.nests import Nest, Rows, bounded
from symdfi.dynamics.plans import Plans
from symdfi.dynamics.sitewise import may_need_pivots, sitewise, too_short
from symdfi.linalg import small, structured
from symdfi.symbolic.couplings import COMPONENTS, Coupling
from symdfi.symbolic.renaming import Renaming
from symdfi.symbolic.structure import Bordered, Dense, Diagonal, Sparse, Structure

#: The arguments of every state kernel before its output.
_STATE = "int64[::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64"

_ARGUMENTS = ("sizes", "ints", "q", "v", "params", "inputs", "t")


def _dense(assembly: Assembly, found: Dense) -> list[str]:
    assembly.output("matrix", dense_parts(assembly, found))
    total = assembly.code(assembly.total)
    if _is_small(assembly):
        assembly.modules["solve_small"] = f"small.load({total})"
        return [f"matrix = stack({assembly.code(assembly.total**2)})", "FILL", "solve_small(matrix, out)"]
    matrix = f"matrix = np.empty({assembly.code(assembly.total**2)})"
    if assembly.total.is_Integer and assembly.total <= structured.AT_ONCE:
        return [matrix, "FILL", f"{assembly.load('solve_dense', 'dense', 'solve_with')}({total}, matrix, out)"]
    solve = assembly.load("solve_full", "full", "solve")
    return [matrix, "FILL", f"{solve}({total}, {assembly.symmetric}, matrix, out)"]


def _is_small(assembly: Assembly) -> bool:
    return bool(assembly.total.is_Integer and assembly.total <= small.LARGEST)


def _diagonal(assembly: Assembly, found: Diagonal) -> list[str]:
    parts = [
        (entry, loops := assembly.row_loops(r), assembly.starts[r], tuple(row_major(loops)))
        for r, entry in enumerate(found.entries)
    ]
    assembly.output("matrix", parts)
    total = assembly.code(assembly.total)
    return [
        f"matrix = np.empty({total})",
        "FILL",
        f"for k in range({total}):",
        "    out[k] = out[k] / matrix[k] if matrix[k] != 0.0 else np.nan",
    ]


def _sparse(assembly: Assembly, found: Sparse) -> list[str]:
    parts, offset = [], sp.S.Zero
    for coupling in found.entries:
        nest = nest_of(assembly, coupling)
        parts.append((nest.stored(coupling.value), nest.loops, offset, tuple(row_major(nest.loops))))
        offset += nest.count
    assembly.output("entries", parts)
    symmetric = assembly.symmetric and not found.auxiliaries
    solve = assembly.load("solve_sparse", "sparse", "solve")
    return [
        f"entries = np.empty({assembly.code(offset)})",
        "FILL",
        f"plan = ints[ints[{assembly.code(assembly.ints + assembly.slot)}]:]",
        f"{solve}(plan, {symmetric}, entries, out)",
    ]


def nest_of(assembly: Assembly, coupling: Coupling) -> Nest:
    """The loops of an entry."""
    shapes = dict(enumerate(map(shape_of, assembly.coordinates)))  # auxiliary unknowns have no indices
    sides = (coupling.row, coupling.at_row), (coupling.column, coupling.at_column)
    at = [pair for r, indices in sides for pair in zip(indices, shapes.get(r, ()), strict=True)]
    read = (*coupling.at_row, *coupling.at_column, coupling.value, *coupling.conditions)
    return Nest(coupling.limits, coupling.conditions, bounded(read, at))


def plans_of(assembly: Assembly, found: Sparse, renaming: Renaming) -> Plans:
    """The plans of an elimination, from the pattern of the entries; ``assembly`` has a builder of its own."""
    starts = assembly.starts
    nests = [nest_of(assembly, coupling).whatever(assembly.builder.program) for coupling in found.entries]
    write_places(assembly, found.entries, nests, found.auxiliaries)
    rows = Rows(nests, renaming)
    rows.output(assembly.builder)
    hubs = [
        starts[r] + k
        for r, q in enumerate(assembly.coordinates)
        if all(extent.is_Integer and extent <= COMPONENTS for extent in shape_of(q))
        for k in range(int(count_of([q])))
    ]
    hubs += [assembly.total + k for k in range(found.auxiliaries)]
    unknowns = assembly.total + found.auxiliaries
    places = tuple(sp.expand(place) for place in hubs)
    count = sp.Add(*(nest.count for nest in nests))
    return Plans(assembly.builder.build(), renaming, rows, count, unknowns, places)


def write_places(assembly: Assembly, entries: Sequence[Coupling], nests: Sequence[Nest], auxiliaries: int = 0) -> None:
    """Outputs ``rows`` and ``columns``: where each entry of its nest lies, -1 where there is none."""
    starts = assembly.starts
    positions = [(starts[r], row_major(assembly.row_loops(r))) for r in range(len(assembly.coordinates))]
    positions += [(assembly.total + k, []) for k in range(auxiliaries)]
    for name, side in (("rows", lambda c: (c.row, c.at_row)), ("columns", lambda c: (c.column, c.at_column))):
        parts = []
        for coupling, nest in zip(entries, nests, strict=True):
            r, at = side(coupling)
            start, steps = positions[r]
            place = start + sum((k * step for k, step in zip(at, steps, strict=True)), sp.S.Zero)
            parts.append(assembly.assign(nest.stored(sp.expand(place), -1), nest.loops))
        assembly.builder.output(name, parts)


_LINES: dict[type, Callable] = {Dense: _dense, Diagonal: _diagonal, Sparse: _sparse}


def solving_kernel(
    assembly: Assembly, found: Structure, sweep: Sweep | None, renaming: Renaming, more: tuple[Group, ...] = ()
) -> CompiledKernel:
    """A kernel ``out = A⁻¹F``, or, without the ``sweep`` that gives the forcing F, ``out = A⁻¹ out``."""
    if isinstance(found, Bordered):
        lines = bordered(assembly, found, sweep)
    else:
        lines = _LINES[type(found)](assembly, found)
    if sweep is not None and not isinstance(found, Bordered):
        assembly.builder.output("out", sweep.assigned(sweep.forcing))
        assembly.outputs.append("out")
    # Of a system as small as that a call of ``kernel`` would take as long as what it does.
    inlined = isinstance(found, Dense) and _is_small(assembly)
    built, functions = _functions(assembly, lines, renaming, more, inlined=inlined)
    return replace(built, source=_module(assembly.modules, functions), entry="solve", spread=None)


def sitewise_kernel(
    assembly: Assembly, found: Bordered, sweep: Sweep, renaming: Renaming, other: tuple[Assembly, Sweep]
) -> CompiledKernel:
    """A kernel ``out = A⁻¹F`` that eliminates in the loop over the sites; ``other``, for another kernel with A and F,
    serves where that needs pivots."""
    lines = sitewise(assembly, found, sweep, f"pivoting({', '.join([*_ARGUMENTS, 'out'])})")
    if lines is None:
        return solving_kernel(other[0], found, other[1], renaming)
    built, functions = _functions(assembly, lines, renaming, inlined=True)
    modules = dict(assembly.modules)
    if may_need_pivots(found):
        slow, again = other
        steps = bordered(slow, found, again, pivots=True)
        general, whole = _functions(slow, steps, renaming, names=("fill", "pivoting"))
        if too_short(found):
            # Segments read what a shorter chain does not have, and then are left to the other kernel.
            built = replace(built, checks=general.checks)
        functions, modules = [*whole, "", *functions], {**slow.modules, **modules}
    return replace(built, source=_module(modules, functions), entry="solve", spread=None)


def _module(modules: dict[str, str], functions: list[str]) -> str:
    loads = (f"{name} = {load}" for name, load in modules.items())
    head = [
        "from symdfi.linalg import small, structured",
        "from symdfi.linalg.structured import narrow",
        "",
        f"# {structured.version()}",
        *loads,
    ]
    return "\n".join([*head, "", "", *functions])


def _functions(
    assembly: Assembly,
    lines: list[str],
    renaming: Renaming,
    more: tuple[Group, ...] = (),
    *,
    inlined: bool = False,
    names: tuple[str, str] = ("kernel", "solve"),
) -> tuple[CompiledKernel, list[str]]:
    """The kernel that fills the outputs of ``assembly``, and its source with that of the function around it."""
    fill, solve = names
    arguments = [*_ARGUMENTS, *(group.name for group in more)]
    call = f"{fill}({', '.join([*arguments, *assembly.outputs])})"
    built = assembly.builder.build()
    own = built.source.replace("def kernel(", f"def {fill}(")
    # Two such kernels may stand in one module, each with its own parts.
    own = re.sub(r"\bpart(\d+)\(", rf"{fill}_part\1(", own)
    makes_arrays = any(re.search(r"np\.(empty|zeros)\(", line) for line in (own, *lines))
    decorator = "allocating" if makes_arrays else "borrowing"
    unpack = [f"{assembly.names[renaming.of(s)]} = sizes[U({k})]" for k, s in enumerate(built.sizes)]
    text = [
        assemble.inlined(own) if inlined else own,
        "",
        f'@{decorator}("void({_STATE}{", float64" * len(more)}, float64[::1])")',
        f"def {solve}({', '.join([*arguments, 'out'])}):",
        *(f"    {line}" for line in [*unpack, *(line.replace("FILL", call) for line in lines)]),
        "",
    ]
    return built, text
