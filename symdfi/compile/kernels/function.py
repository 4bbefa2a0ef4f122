"""``compile``: SymPy expressions as one fast function of named arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels import threads
from symdfi.compile.kernels.kernel import CompiledKernel, Group, KernelBuilder, shape_of
from symdfi.compile.passes import autodiff
from symdfi.compile.program.loops import Assignment, Loop, Variable
from symdfi.compile.program.lower import Program
from symdfi.errors import CompileError, SymbolicError
from symdfi.symbolic.indexed import canonical, derivative, normalise
from symdfi.symbolic.maps import affine, largest, smallest
from symdfi.symbolic.private import index
from symdfi.symbolic.shapes import shaped


@dataclass(frozen=True)
class Gradient:
    """All ∂expr/∂x[j] of a scalar expression: one reverse sweep when compiled, a formula when indexed.

    ``gradient(E, x)[j]`` is the SymPy expression of ∂E/∂x[j] for a symbolic or integer j.
    """

    expr: sp.Expr
    wrt: Variable

    def __getitem__(self, indices: sp.Basic | int | tuple) -> sp.Expr:
        if not isinstance(self.wrt, sp.IndexedBase):
            raise SymbolicError(f"{self.wrt} has no elements: use .value")
        return derivative(self.expr, self.wrt[indices])

    @property
    def value(self) -> sp.Expr:
        """∂expr/∂x for a plain symbol x."""
        if isinstance(self.wrt, sp.IndexedBase):
            raise SymbolicError(f"{self.wrt} is indexed: use gradient(...)[j]")
        return derivative(self.expr, self.wrt)


def gradient(expr: sp.Basic, wrt: Variable) -> Gradient:
    """The gradient of a scalar expression by a symbol or by every element of an ``IndexedBase``."""
    if not isinstance(wrt, sp.Symbol | sp.IndexedBase):
        raise SymbolicError(f"a gradient is taken by a Symbol or an IndexedBase, not by {wrt!r}")
    return Gradient(sp.sympify(expr), wrt)


#: An output: a scalar, ``(expr, (i, 0, n-1), ...)`` for an array over i, a gradient, a matrix or a list.
Output = sp.Basic | tuple | Gradient | sp.MatrixBase | Sequence


@dataclass(frozen=True)
class _Layout:
    """A kernel, and the sizes, batch and outputs ``(name, shape, one a sample)`` at given argument shapes."""

    kernel: CompiledKernel
    sizes: tuple[tuple[sp.Symbol, int], ...]
    order: np.ndarray
    batch: tuple[int, ...]
    ranks: tuple[int, ...]
    outputs: tuple[tuple[str, tuple[int, ...], bool], ...]

    @property
    def count(self) -> int:
        return math.prod(self.batch)


class Function:
    """A compiled function of named arrays, made by ``compile``.

    Every argument may have leading batch axes, which broadcast: results have the batch shape, then their own.
    """

    def __init__(self, outputs: Mapping[str, Output], arguments: Sequence[Variable]) -> None:
        self._outputs = dict(outputs)
        self.arguments = tuple(arguments)
        self.names = tuple(str(a.label if isinstance(a, sp.IndexedBase) else a) for a in self.arguments)
        if len(set(self.names)) < len(self.names):
            raise CompileError(f"two arguments share a name: {', '.join(self.names)}")
        self._check_outputs()
        self._integer = self._index_arrays()
        self._layouts: dict[tuple, _Layout] = {}
        self._variants: dict[frozenset[str], tuple[CompiledKernel, dict[str, tuple]]] = {}
        self.variant()

    @property
    def source(self) -> str:
        """The Python source that Numba compiles (for arguments without batch axes)."""
        return self.variant()[0].source

    @property
    def njit(self) -> Callable[..., None]:
        """The compiled kernel for use in ``@njit`` code: ``kernel(sizes, [ints,] *arguments, *outputs)``.

        ``sizes`` (int64) are the size symbols in order of name, every array is flat and float64; outputs are
        written into the arrays given last.
        """
        return self.variant()[0].function

    def variant(self, batched: frozenset[str] = frozenset()) -> tuple[CompiledKernel, dict[str, tuple]]:
        """The kernel for the given arguments batched, and the shapes of its outputs."""
        if batched not in self._variants:
            groups, ints = [], []
            for k, (name, argument) in enumerate(zip(self.names, self.arguments, strict=True)):
                if argument in self._integer:
                    ints.append(argument)
                else:
                    groups.append(Group(f"in{k}", (argument,), name in batched))
            if ints:
                groups.insert(0, Group("ints", tuple(ints), integer=True))
            builder = KernelBuilder(groups)
            shapes = {}
            sweeps = _sweeps(builder.program, self._outputs.values())
            for k, (name, output) in enumerate(self._outputs.items()):
                assignments, shapes[name] = _assign(builder.program, output, sweeps)
                builder.output(f"out{k}", assignments)
            self._variants[batched] = (builder.build(), shapes)
        return self._variants[batched]

    def __call__(self, **values: Any) -> dict[str, np.ndarray]:
        """Evaluate: one array (or number) for every argument, by name; returns the outputs by name.

        Raises ``TypeError`` for a missing or unknown argument, ``ValueError`` for a wrong shape or an index
        out of range.
        """
        return self._evaluate(values, lambda kernel: kernel.function)

    def python(self, **values: Any) -> dict[str, np.ndarray]:
        """The same call through the Python interpreter: slow, for debugging."""
        return self._evaluate(values, lambda kernel: kernel.python)

    def _evaluate(self, values: dict[str, Any], form: Callable[[CompiledKernel], Callable]) -> dict[str, np.ndarray]:
        missing = [n for n in self.names if n not in values]
        unknown = [n for n in values if n not in self.names]
        if missing or unknown:
            raise TypeError(f"missing arguments: {missing}; unknown arguments: {unknown}; expected {list(self.names)}")
        arrays = [self._array(n, a, values[n]) for n, a in zip(self.names, self.arguments, strict=True)]
        layout = self._layout(tuple(array.shape for array in arrays))
        flat, ints, ends = [], [], {}
        for argument, array, rank in zip(self.arguments, arrays, layout.ranks, strict=True):
            if argument in self._integer:
                ints.append(array.ravel())
                if array.size:
                    ends[smallest(argument)] = int(array.min())
                    ends[largest(argument)] = int(array.max())
            elif array.ndim == rank:
                flat.append(array.ravel())
            else:
                own = array.shape[array.ndim - rank :]
                full = np.broadcast_to(array, layout.batch + own)
                flat.append(np.require(full, requirements=["C", "W"]).reshape(layout.count, math.prod(own)))
        if ints:
            flat.insert(0, np.concatenate(ints))
        kernel = layout.kernel
        kernel.check_sizes((*layout.sizes, *ends.items()))
        buffers = [np.empty((layout.count, *own) if full else own) for _, own, full in layout.outputs]
        flat += [
            buffer.reshape(layout.count, math.prod(own)) if full else buffer.ravel()
            for (_, own, full), buffer in zip(layout.outputs, buffers, strict=True)
        ]
        if kernel.batched:
            threads.run(form(kernel), layout.count, layout.order, *flat)
        else:
            form(kernel)(layout.order, *flat)
        return {
            name: buffer.reshape(layout.batch + own) if full else np.broadcast_to(buffer, layout.batch + own).copy()
            for (name, own, full), buffer in zip(layout.outputs, buffers, strict=True)
        }

    def _array(self, name: str, argument: Variable, value: Any) -> np.ndarray:
        """A C-contiguous, writable array of the kernel's type."""
        array = np.asarray(value)
        if argument not in self._integer:
            if array.dtype.kind not in "biuf":
                raise ValueError(f"{name} holds {array.dtype}: give real numbers")
            return np.require(array, dtype=np.float64, requirements=["C", "W"])
        if array.dtype.kind not in "iu":
            raise ValueError(f"{name} is an index array: give integers, not {array.dtype}")
        return np.require(array, dtype=np.int64, requirements=["C", "W"])

    def _layout(self, shapes: tuple[tuple[int, ...], ...]) -> _Layout:
        """What follows from the shapes of the arguments alone, worked out once for each."""
        if shapes not in self._layouts:
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
            kernel, results = self.variant(frozenset(n for n, axes in zip(self.names, leading, strict=True) if axes))
            sizes = solve_sizes(pending, {})
            unknown = [s for s in kernel.sizes if s not in sizes]
            if unknown:
                raise ValueError(f"the shapes of the arguments do not tell {', '.join(map(str, unknown))}")
            outputs = tuple(
                (
                    name,
                    tuple(max(0, int(extent.subs(sizes))) for extent in shape),
                    f"out{k}" in kernel.batched_outputs,
                )
                for k, (name, shape) in enumerate(results.items())
            )
            self._layouts[shapes] = _Layout(
                kernel, tuple(sizes.items()), np.array([sizes[s] for s in kernel.sizes], dtype=np.int64),
                np.broadcast_shapes(*leading), tuple(len(shape_of(a)) for a in self.arguments), outputs,
            )  # fmt: skip
        return self._layouts[shapes]

    def _check_outputs(self) -> None:
        if not self._outputs:
            raise CompileError("nothing to compile: give at least one output")
        for name in self._outputs:
            if not str(name).isidentifier():
                raise CompileError(f"the output name {name!r} is no identifier")

    def _index_arrays(self) -> frozenset:
        """The arguments used as indices of others."""
        exprs = [e for output in self._outputs.values() for e in _expressions(output)]
        inside = {g.base for e in exprs for r in e.atoms(sp.Indexed) for k in r.indices for g in k.atoms(sp.Indexed)}
        declared = {a for a in self.arguments if isinstance(a, sp.IndexedBase) and a.label.is_integer}
        return frozenset(inside | declared)


def solve_sizes(pending: list[tuple], known: dict[sp.Symbol, int]) -> dict[sp.Symbol, int]:
    """Size symbols from ``(name, declared shape, given shape, extent, given extent)``, all checked.

    Raises ``ValueError`` for an array whose shape contradicts what the others say.
    """
    sizes = dict(known)
    for _ in range(len(pending) + 1):
        for name, shape, own, extent, given in pending:
            left = sp.sympify(extent).subs(sizes)
            symbols = sorted(left.free_symbols, key=str)
            if len(symbols) == 1:
                line = affine(left, symbols[0])
                solution = sp.solve(left - given, symbols[0]) if line is None else [(given - line[1]) / line[0]]
                if len(solution) != 1 or not solution[0].is_Integer:
                    raise ValueError(f"{name} has shape {own}, expected {_show(shape)}")
                if solution[0] < 1:  # what is proved of indices is proved for sizes of at least one
                    raise ValueError(f"{name} has shape {own}, so {symbols[0]} = {solution[0]}: it must be positive")
                sizes[symbols[0]] = int(solution[0])
            elif not symbols and int(left) != given:
                at = ", ".join(f"{s} = {v}" for s, v in sizes.items())
                raise ValueError(f"{name} has shape {own}, expected {_show(shape)}" + (f" with {at}" if at else ""))
    return sizes


def _show(shape: tuple) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _expressions(output: Output) -> list[sp.Basic]:
    if isinstance(output, Gradient):
        return [output.expr]
    if isinstance(output, tuple):
        return [sp.sympify(output[0])]
    if isinstance(output, sp.MatrixBase | list):
        return [sp.sympify(e) for e in output]
    return [sp.sympify(output)]


def _sweeps(program: Program, outputs: Iterable[Output]) -> dict[sp.Expr, dict[Variable, sp.Expr | None]]:
    """The gradients of each scalar by all that it is differentiated by, from one reverse sweep."""
    wanted: dict[sp.Expr, dict[Variable, None]] = {}
    for output in outputs:
        if isinstance(output, Gradient):
            wanted.setdefault(output.expr, {})[output.wrt] = None
    return {
        expr: autodiff.adjoint(program, program.assign(normalise(expr)).target, wrt) for expr, wrt in wanted.items()
    }


def _assign(program: Program, output: Any, sweeps: Mapping) -> tuple[list[Assignment], tuple]:
    """The assignments that make up one output, and its shape."""
    if isinstance(output, Gradient):
        expr = sweeps[output.expr][output.wrt]
        loops = autodiff.gradient_loops(output.wrt)
        return [program.assign(sp.S.Zero if expr is None else expr, loops)], tuple(k.extent for k in loops)
    if isinstance(output, tuple):
        expr, *limits = output
        loops = tuple(
            Loop(index("f", k), sp.sympify(lo), sp.sympify(hi), str(i)) for k, (i, lo, hi) in enumerate(limits)
        )
        names = {normalise(i): loop.index for (i, _, _), loop in zip(limits, loops, strict=True)}
        ragged = [k for k in loops if (k.lower.free_symbols | k.upper.free_symbols) & set(names)]
        if ragged:
            raise CompileError(f"the range of {ragged[0].name} in an output depends on another index: use a Piecewise")
        value = normalise(sp.sympify(expr)).xreplace(names)
        return [program.assign(value, loops)], tuple(k.extent for k in loops)
    if isinstance(output, sp.MatrixBase):
        return [program.assign(normalise(e)) for e in output], tuple(map(sp.Integer, output.shape))
    if isinstance(output, list):
        return [program.assign(normalise(e)) for e in output], (sp.Integer(len(output)),)
    return [program.assign(normalise(sp.sympify(output)))], ()


@functools.singledispatch
def _reshaped(output: Any, shapes: dict) -> Any:
    return sp.sympify(output).xreplace(shapes)


@_reshaped.register
def _(output: Gradient, shapes: dict) -> Gradient:
    return Gradient(output.expr.xreplace(shapes), shapes.get(output.wrt, output.wrt))


@_reshaped.register
def _(output: tuple, shapes: dict) -> tuple:
    return (sp.sympify(output[0]).xreplace(shapes), *output[1:])


@_reshaped.register
def _(output: list, shapes: dict) -> list:
    return [sp.sympify(e).xreplace(shapes) for e in output]


def compile(outputs: Mapping[str, Output], arguments: Sequence[Variable]) -> Function:
    """Compile expressions to one function of named arrays, at a cost that does not depend on their sizes.

    ``outputs`` maps names to a scalar expression, ``(expr, (i, 0, n - 1), ...)`` for an array over free
    indices, ``gradient(expr, x)``, or a matrix or list of expressions. ``arguments`` are symbols and
    ``IndexedBase`` in any order; sizes are read off the arrays given in a call. An ``IndexedBase`` without a
    shape gets the one its indices run over.

        f = compile({"y": E, "dy": gradient(E, w)}, arguments=[x, w])
        f(x=..., w=...)["dy"]

    Raises ``CompileError`` for an unknown symbol or function, ``SymbolicError`` for an unsupported index.
    """
    outputs = {str(name): output for name, output in outputs.items()}
    arguments = list(arguments)
    bare = [a for a in arguments if isinstance(a, sp.IndexedBase) and a.shape is None]
    if bare:
        exprs = [canonical(normalise(e)) for output in outputs.values() for e in _expressions(output)]
        ranges = {
            sp.sympify(i): (sp.sympify(lo), sp.sympify(hi))
            for output in outputs.values()
            if isinstance(output, tuple)
            for i, lo, hi in output[1:]
        }
        shapes = shaped(sp.Tuple(*exprs), bare, ranges)
        outputs = {name: _reshaped(output, shapes) for name, output in outputs.items()}
        arguments = [shapes.get(a, a) for a in arguments]
    for argument in arguments:
        if not isinstance(argument, sp.Symbol | sp.IndexedBase):
            raise CompileError(f"an argument is a Symbol or an IndexedBase, not {argument!r}")
    return Function(outputs, arguments)
