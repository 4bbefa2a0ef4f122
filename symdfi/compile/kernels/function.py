"""``compile``: SymPy expressions as one fast function of named arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import call
from symdfi.compile.kernels.call import BoundFunction, Layout
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.counts import counts, sizes_among
from symdfi.compile.kernels.groups import Group, shape_of
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.kernels.outputs import Output, Part, read, sweeps
from symdfi.compile.program.loops import Variable
from symdfi.errors import CompileError
from symdfi.numbers import count
from symdfi.pickling import Rebuilt
from symdfi.showing import table
from symdfi.symbolic import given
from symdfi.symbolic.affine import affine
from symdfi.symbolic.indexed import canonical, index_arrays, normalise
from symdfi.symbolic.renaming import Renaming
from symdfi.symbolic.shapes import shaped

#: How many sets of shapes are remembered.
_LAYOUTS = 1024


class Function(Rebuilt):
    """A compiled function of named arrays, made by ``compile``.

    Every argument may have leading batch axes, which broadcast: results have the batch shape, then their own.
    """

    def __init__(self, outputs: Mapping[str, Part], arguments: Sequence[Variable]) -> None:
        self._counts = counts(outputs, arguments)
        self.arguments = tuple(arguments)
        self._told = sizes_among(self.arguments) | self._counts
        self.names = tuple(given.name_of(a) for a in self.arguments)
        if len(set(self.arguments)) < len(self.arguments):
            raise CompileError(f"an argument is given twice: {', '.join(self.names)}")
        if not outputs:
            raise CompileError("nothing to compile: give at least one output")
        self._lookup = given.Lookup(self.arguments, "arguments")
        self._integer = self._index_arrays(outputs.values())
        self._renaming = Renaming(self.arguments, sizes=self._counts, counts=self._counts)
        self._outputs = {
            name: part.translated(lambda e, indices: self._renaming(e, indices)) for name, part in outputs.items()
        }
        self._layouts: dict[tuple, Layout] = {}
        self._variants: dict[frozenset[Variable], tuple[CompiledKernel, dict[str, tuple]]] = {}
        self.variant()

    def __repr__(self) -> str:
        return f"Function({', '.join(self._outputs)} of {', '.join(self.names)})"

    def _repr_html_(self) -> str:
        shapes = self.variant()[1]
        rows = [("arguments", ", ".join(map(str, self.arguments)))]
        return table("Function", [*rows, *((name, f"shape {shapes[name]}") for name in self._outputs)])

    @property
    def source(self) -> str:
        """The Python source that Numba compiles (for arguments without batch axes), its variables under names that
        remind of the user's, with a legend."""
        return self.variant()[0].readable

    @property
    def njit(self) -> Callable[..., None]:
        """The compiled kernel for use in ``@njit`` code: ``kernel(sizes, [ints,] *arguments, *outputs)``.

        ``sizes`` (int64) are the size symbols in the order in which the shapes of the arguments name them, then
        the integer arguments; every array is flat and float64; outputs are written into the arrays given last.
        """
        return self.variant()[0].function

    def variant(self, batched: frozenset[Variable] = frozenset()) -> tuple[CompiledKernel, dict[str, tuple]]:
        """The kernel for the given arguments batched, and the shapes of its outputs."""
        if batched not in self._variants:
            groups, ints = [], []
            for k, argument in enumerate(self.arguments):
                own = self._renaming.of(argument)
                if argument in self._told:
                    continue
                if argument in self._integer:
                    ints.append(own)
                else:
                    groups.append(Group(f"in{k}", (own,), argument in batched, shown=given.name_of(argument)))
            if ints:
                groups.insert(0, Group("ints", tuple(ints), integer=True))
            builder = KernelBuilder(groups, map(self._renaming.of, self._counts), self._renaming)
            shapes = {}
            gradients = sweeps(builder.program, self._outputs.values())
            for k, (name, output) in enumerate(self._outputs.items()):
                assignments, shape = output.assign(builder.program, gradients)
                shapes[name] = tuple(map(self._renaming.back, shape))
                builder.output(f"out{k}", assignments, shown=name)
            self._variants[batched] = (builder.build(), shapes)
        return self._variants[batched]

    def __call__(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> dict[str, np.ndarray]:
        """Evaluate: one array (or number) for every argument, by name, or in a dict by symbol or name; returns the
        outputs by name.

        Numbers are what NumPy would give: infinite where they overflow, NaN where there is no value, without a warning
        (and, as operations are reordered and a/b may be a·(1/b), not always where NumPy's would be).

        Raises ``TypeError`` for a missing or unknown argument, ``ValueError`` for a wrong shape, an index
        out of range, and for what is no array of real numbers.
        """
        return self._evaluate(self._given(values, named), lambda layout: layout.function)

    def python(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> dict[str, np.ndarray]:
        """The same call through the Python interpreter: slow, for debugging."""
        return self._evaluate(self._given(values, named), lambda layout: layout.kernel.python)

    def _given(self, values: Mapping[Any, Any] | None, named: dict[str, Any]) -> dict[Variable, Any]:
        """The values of all arguments. ``TypeError`` for a missing, unknown or ambiguous one."""
        found: dict[Variable, Any] = {}
        unknown = []
        if values is not None and not isinstance(values, Mapping):
            first = self.names[0] if self.names else "x"
            raise TypeError(f"arguments are given by name, f({first}=...), or in one dict, not as {values!r:.60}")
        for key, value in (*(values or {}).items(), *named.items()):
            try:
                argument = self._lookup.find(key)
            except ValueError as error:
                raise TypeError(str(error)) from None
            if argument is None:
                unknown.append(given.name_of(key))
            elif argument in found:
                raise TypeError(f"two values are given for the argument {given.name_of(argument)}")
            else:
                found[argument] = value
        missing = [n for n, argument in zip(self.names, self.arguments, strict=True) if argument not in found]
        if missing or unknown:
            raise TypeError(f"missing arguments: {missing}; unknown arguments: {unknown}; expected {list(self.names)}")
        return found

    def bind(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> BoundFunction:
        """The function at fixed shapes of the arguments, for many calls: its sizes are settled and its checks done.

        Each argument is given as in a call, by a shape, ``x=(100,)``, or by an array or number of that shape; index
        arrays by what they hold, which is settled with it.

            bound = f.bind(x=(100,), w=(3,))
            bound(x, w)["y"]

        Raises ``TypeError`` and ``ValueError`` as a call does.
        """
        found = self._given(values, named)
        shapes, rest, ints, told = [], [], [], []
        for name, argument in zip(self.names, self.arguments, strict=True):
            value = found[argument]
            if argument in self._told:
                told.append((argument, self._integer_of(argument, name, value)))
                shapes.append(())
                continue
            if argument in self._integer:
                ints.append((argument, call.integers(name, value).copy()))
                shapes.append(ints[-1][1].shape)
                continue
            is_shape = isinstance(value, tuple) and all(isinstance(n, int | np.integer) for n in value)
            shapes.append(tuple(map(int, value)) if is_shape else np.shape(value))
            rest.append((name, shapes[-1]))
        layout = self._layout(tuple(shapes), tuple(told))
        layout.check(ints)
        return BoundFunction(layout, [name for name, _ in rest], [shape for _, shape in rest], _joined(ints))

    def _evaluate(self, values: dict[Variable, Any], form: Callable[[Layout], Callable]) -> dict[str, np.ndarray]:
        arrays, ints, shapes, told = [], [], [], []
        for name, argument in zip(self.names, self.arguments, strict=True):
            if argument in self._told:
                told.append((argument, self._integer_of(argument, name, values[argument])))
                shapes.append(())
                continue
            if argument in self._integer:
                array = call.integers(name, values[argument])
                ints.append((argument, array))
            else:
                array = call.floats(name, values[argument])
                arrays.append(array)
            shapes.append(array.shape)
        layout = self._layout(tuple(shapes), tuple(told))
        layout.check(ints)
        buffers = layout.buffers()
        layout.run(form(layout), _joined(ints), arrays, buffers)
        return layout.results(buffers)

    def _integer_of(self, argument: Variable, name: str, value: Any) -> int:
        """A size, or the one integer that an argument in a bound or an index is."""
        if argument not in self._counts:
            return count(value, f"the size {name}", 1)
        array = call.integers(name, value)
        if array.ndim:
            raise ValueError(f"{name} has shape {array.shape}: it is one integer, in a bound or an index")
        return given.as_declared(argument, int(array))

    def _layout(self, shapes: tuple[tuple[int, ...], ...], told: tuple[tuple[sp.Symbol, int], ...]) -> Layout:
        """What follows from the shapes of the arguments, and the sizes among them, worked out once for each."""
        if (shapes, told) not in self._layouts:
            pending, leading = [], []
            for name, argument, given in zip(self.names, self.arguments, shapes, strict=True):
                shape = shape_of(argument)
                if len(given) < len(shape):
                    raise ValueError(f"{name} has shape {given}, expected {_show(shape)}")
                axes, own = given[: len(given) - len(shape)], given[len(given) - len(shape) :]
                if argument in self._integer and axes:
                    raise ValueError(f"the index array {name} has shape {given}: it takes no batch axes")
                leading.append(axes)
                pending += [(name, shape, own, extent, size) for extent, size in zip(shape, own, strict=True)]
            kernel, results = self.variant(
                frozenset(a for a, axes in zip(self.arguments, leading, strict=True) if axes)
            )
            sizes = solve_sizes(pending, dict(told))
            sizes = dict(sorted(sizes.items(), key=lambda pair: pair[0] in self._counts))
            unknown = [s for s in kernel.sizes if s not in sizes]
            if unknown:
                raise ValueError(f"the shapes of the arguments do not tell {', '.join(map(str, unknown))}")
            outputs = tuple(
                call.Output(name, tuple(max(0, int(extent.subs(sizes))) for extent in shape),
                            f"out{k}" in kernel.batched_outputs)
                for k, (name, shape) in enumerate(results.items())
            )  # fmt: skip
            try:
                common = np.broadcast_shapes(*leading)
            except ValueError:
                shown = ", ".join(f"{lead} of {name}" for name, lead in zip(self.names, leading, strict=True) if lead)
                raise ValueError(f"the batch axes of the arguments do not broadcast: {shown}") from None
            floating = [
                (own[len(axes) :], bool(axes))
                for a, axes, own in zip(self.arguments, leading, shapes, strict=True)
                if a not in self._integer and a not in self._told
            ]
            layout = Layout(
                kernel, tuple(sizes.items()), np.array([sizes[s] for s in kernel.sizes], dtype=np.int64),
                common, tuple(own for own, _ in floating),
                tuple(batched for _, batched in floating), outputs,
            )  # fmt: skip
            if len(self._layouts) == _LAYOUTS:
                self._layouts.clear()
            self._layouts[shapes, told] = layout
            return layout
        return self._layouts[shapes, told]

    def _index_arrays(self, outputs: Iterable[Part]) -> frozenset:
        """The arguments used as indices of others."""
        inside = set().union(*(index_arrays(e) for output in outputs for e in output.exprs))
        declared = {a for a in self.arguments if isinstance(a, sp.IndexedBase) and a.label.is_integer}
        return frozenset(inside | declared)


def _joined(index_arrays: list[tuple[Variable, np.ndarray]]) -> np.ndarray | None:
    """What the kernel takes for all index arrays; None where there are none."""
    return np.concatenate([array.reshape(-1) for _, array in index_arrays]) if index_arrays else None


def solve_sizes(pending: list[tuple], known: dict[sp.Symbol, int]) -> dict[sp.Symbol, int]:
    """Size symbols from ``(name, declared shape, given shape, extent, given extent)``, all checked.

    Raises ``ValueError`` for an array whose shape contradicts what the others say.
    """
    sizes = dict(known)
    for _ in range(len(pending) + 1):
        for name, shape, own, extent, length in pending:
            left = sp.sympify(extent, strict=True).subs(sizes)
            symbols = sorted(left.free_symbols, key=str)
            if len(symbols) == 1:
                line = affine(left, symbols[0])
                if line is None:  # a size is positive, whether its symbol says so or not: n**2 = 25 has one solution
                    solution = [k for k in sp.solve(left - length, symbols[0]) if k.is_positive]
                else:
                    solution = [(length - line[1]) / line[0]]
                if len(solution) != 1 or not solution[0].is_Integer:
                    raise ValueError(f"{name} has shape {own}, expected {_show(shape)}")
                if solution[0] < 1:  # what is proved of indices is proved for sizes of at least one
                    raise ValueError(f"{name} has shape {own}, so {symbols[0]} = {solution[0]}: it must be positive")
                sizes[symbols[0]] = int(solution[0])
            elif not symbols and int(left) != length:
                at = ", ".join(f"{s} = {v}" for s, v in sizes.items())
                raise ValueError(f"{name} has shape {own}, expected {_show(shape)}" + (f" with {at}" if at else ""))
    return sizes


def _show(shape: tuple) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def compile(outputs: Mapping[str, Output], arguments: Sequence[Variable]) -> Function:
    """Compile expressions to one function of named arrays, at a cost that does not depend on their sizes.

    ``outputs`` maps names to a scalar expression, ``(expr, (i, 0, n - 1), ...)`` for an array over free
    indices, ``gradient(expr, x)``, or a matrix or list of expressions. ``arguments`` are symbols and
    ``IndexedBase`` in any order; sizes are read off the arrays given in a call. An ``IndexedBase`` without a
    shape gets the one its indices run over. An integer symbol in a bound or an index, Sum(x[i], (i, 0, k)), is given as
    one integer, and so is a size, which has to be that of the arrays then.

        f = compile({"y": E, "dy": gradient(E, w)}, arguments=[x, w])
        f(x=..., w=...)["dy"]

    A call with batch axes shares the samples out over all cores; one without, of half a million statements or more, the
    rows of its outputs, where these need neither one another nor totals of all. Results do not depend on how many cores
    there are. ``f.njit`` and compiled loops stay on one thread.

    Symbols may have any names: a value is given by keyword, f(**{"x'": 1.0}), or in a dict by symbol, f({x: 1.0}).

    An index must be in range wherever its element is part of the value: not in a sum that is empty, nor in a case that
    conditions on indices exclude. Beside a factor of indices that is zero, as in KroneckerDelta(i, j)*x[k] or
    Mod(n, n)*x[k], one out of range may be refused or not, since SymPy itself turns 0*x[k] into 0 wherever it evaluates
    the factor: the term is zero either way, and nothing out of range is read.

    Raises ``CompileError`` for an unknown symbol or function, ``SymbolicError`` for an unsupported index, ``TypeError``
    for text in place of an expression, which is not evaluated.
    """
    named = given.mapping(outputs, "outputs", "{'y': expr}")
    parts = {str(name): read(str(name), output) for name, output in named.items()}
    for k, argument in enumerate(given.variables(arguments, "arguments")):
        if not isinstance(argument, sp.Symbol | sp.IndexedBase):
            raise CompileError(f"an argument is a Symbol or an IndexedBase, not arguments[{k}] = {argument!r}")
    bare = [a for a in arguments if isinstance(a, sp.IndexedBase) and a.shape is None]
    if bare:
        exprs = [canonical(normalise(e)) for part in parts.values() for e in part.exprs]
        ranges = {i: bounds for part in parts.values() for i, bounds in part.ranges.items()}
        shapes = shaped(sp.Tuple(*exprs), bare, ranges)
        parts = {
            name: part.translated(lambda e, indices: e.xreplace({**shapes, **indices})) for name, part in parts.items()
        }
        arguments = [shapes.get(a, a) for a in arguments]
    return Function(parts, arguments)
