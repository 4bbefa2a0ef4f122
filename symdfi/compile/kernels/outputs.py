"""What a function computes: expressions, arrays over free indices, gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdfi.compile.passes import autodiff
from symdfi.compile.passes.jacobian import jacobian
from symdfi.compile.program.loops import Assignment, Loop, Variable
from symdfi.compile.program.lower import Program
from symdfi.errors import CompileError, SymbolicError
from symdfi.symbolic import given, private
from symdfi.symbolic.indexed import derivative, explicit, normalise
from symdfi.symbolic.private import Private
from symdfi.symbolic.structure import dense

#: Maps an expression, given the symbols that free indices become, to another.
Translation = Callable[[sp.Basic, Mapping[sp.Basic, Private]], sp.Expr]
#: The gradients of each scalar by all that it is differentiated by.
Sweeps = Mapping[sp.Expr, Mapping[Variable, sp.Expr | None]]


class Part(ABC):
    """One output of a function."""

    @property
    @abstractmethod
    def exprs(self) -> list[sp.Expr]:
        """All its expressions."""

    @abstractmethod
    def translated(self, into: Translation) -> Part:
        """The same in other symbols."""

    @abstractmethod
    def assign(self, program: Program, sweeps: Sweeps) -> tuple[list[Assignment], tuple[sp.Expr, ...]]:
        """The assignments that make it up, and its shape."""

    @property
    def ranges(self) -> dict[sp.Basic, tuple[sp.Expr, sp.Expr]]:
        """The bounds of its free indices."""
        return {}


@dataclass(frozen=True)
class Gradient(Part):
    """All ∂expr/∂x[j] of a scalar expression: one reverse sweep when compiled, a formula when indexed.

    ``gradient(E, x)[j]`` is the SymPy expression of ∂E/∂x[j] for a symbolic or integer j.
    """

    expr: sp.Expr
    wrt: Variable

    def __getitem__(self, indices: sp.Basic | int | tuple) -> sp.Expr:
        if not isinstance(self.wrt, sp.IndexedBase):
            raise SymbolicError(f"{self.wrt} has no elements: use .value")
        listed = indices if isinstance(indices, tuple) else (indices,)
        return derivative(self.expr, self.wrt[tuple(given.expression(k, "the index of a gradient") for k in listed)])

    @property
    def value(self) -> sp.Expr:
        """∂expr/∂x for a plain symbol x."""
        if isinstance(self.wrt, sp.IndexedBase):
            raise SymbolicError(f"{self.wrt} is indexed: use gradient(...)[j]")
        return derivative(self.expr, self.wrt)

    @property
    def exprs(self) -> list[sp.Expr]:
        return [self.expr]

    def translated(self, into: Translation) -> Gradient:
        # A variable that is no argument is met in the expression as well, where the kernel refuses it.
        return Gradient(into(self.expr, {}), into(self.wrt, {}))

    def assign(self, program: Program, sweeps: Sweeps) -> tuple[list[Assignment], tuple[sp.Expr, ...]]:
        expr = sweeps[self.expr][self.wrt]
        loops = autodiff.gradient_loops(self.wrt)
        return [program.assign(sp.S.Zero if expr is None else expr, loops)], tuple(k.extent for k in loops)


def gradient(expr: sp.Basic, wrt: Variable) -> Gradient:
    """The gradient of a scalar expression by a symbol or by every element of an ``IndexedBase``.

    Raises ``TypeError`` for text, which is not evaluated.
    """
    given.variable(wrt, "what a gradient is taken by")
    if not isinstance(wrt, sp.Symbol | sp.IndexedBase):
        raise SymbolicError(f"a gradient is taken by a Symbol or an IndexedBase, not by {wrt!r}")
    if isinstance(expr, tuple | list | sp.Tuple | sp.NDimArray) or getattr(expr, "is_Matrix", False):
        raise TypeError(
            f"the expression of a gradient is a {type(expr).__name__}, and a gradient is one of a scalar: compile the "
            "derivatives of an array over its indices, (derivative(expr, x[j]), (i, 0, n - 1), (j, 0, n - 1))"
        )
    return Gradient(explicit(given.expression(expr, "the expression of a gradient")), wrt)


@dataclass(frozen=True)
class Hessian(Part):
    """All ∂²expr/∂x∂y of a scalar expression: tangents of the reverse sweep when compiled, a formula when indexed.

    ``hessian(E, x)[j, k]`` is the SymPy expression of ∂²E/∂x[j]∂x[k] for symbolic or integer j and k, those of x first.
    """

    expr: sp.Expr
    wrt: Variable
    other: Variable

    def __getitem__(self, indices: sp.Basic | int | tuple) -> sp.Expr:
        listed = indices if isinstance(indices, tuple) else (indices,)
        at = tuple(given.expression(k, "the index of a Hessian") for k in listed)
        ranks = [len(autodiff.gradient_loops(x)) for x in (self.wrt, self.other)]
        if len(at) != sum(ranks) or not at:
            raise SymbolicError(f"a Hessian by {self.wrt} and {self.other} has {sum(ranks)} indices, not {len(at)}")
        own, others = at[: ranks[0]], at[ranks[0] :]
        first = derivative(self.expr, self.wrt[own] if own else self.wrt)
        loops = autodiff.gradient_loops(self.wrt)
        pairs = zip(own, loops, strict=True)
        known = {k: (loop.lower, loop.upper) for k, loop in pairs if isinstance(k, sp.Symbol)}
        return derivative(first, self.other[others] if others else self.other, known)

    @property
    def value(self) -> sp.Expr:
        """∂²expr/∂x∂y for plain symbols x and y."""
        if any(isinstance(x, sp.IndexedBase) for x in (self.wrt, self.other)):
            raise SymbolicError(f"{self.wrt} or {self.other} is indexed: use hessian(...)[j, k]")
        return derivative(derivative(self.expr, self.wrt), self.other)

    @property
    def exprs(self) -> list[sp.Expr]:
        return [self.expr]

    def translated(self, into: Translation) -> Hessian:
        return Hessian(into(self.expr, {}), into(self.wrt, {}), into(self.other, {}))

    def assign(self, program: Program, sweeps: Sweeps) -> tuple[list[Assignment], tuple[sp.Expr, ...]]:
        bar = autodiff.adjoint(program, program.assign(normalise(self.expr)).target, [self.wrt])[self.wrt]
        loops, others = (autodiff.gradient_loops(x) for x in (self.wrt, self.other))
        others = tuple(Loop(private.index("m", k), loop.lower, loop.upper, loop.name) for k, loop in enumerate(others))
        target = program.assign(sp.S.Zero if bar is None else bar, loops)
        axes = [(x, tuple(k.index for k in own)) for x, own in ((self.wrt, loops), (self.other, others))]
        rows = [(x, own, own) for x, own in axes]
        found = jacobian(program, rows, [target], {self.other: (1, sp.S.One)})
        entries = dense(rows, found).blocks[0, 1]
        return [program.assign(normalise(entries), loops + others)], tuple(k.extent for k in loops + others)


def hessian(expr: sp.Basic, wrt: Variable, other: Variable | None = None) -> Hessian:
    """The second derivatives ∂²expr/∂x∂y of a scalar expression by ``wrt``, x, and ``other``, y (x if not given), as an
    output of ``compile``: an array of the shape ``x.shape + y.shape``, in which a plain symbol has no axis.

        sd.compile({"H": sd.hessian(E, x)}, [x])

    A product with a vector costs no more than a gradient: ``gradient(tangent(E, {x: d}), x)``.

    Raises ``SymbolicError`` for an ``IndexedBase`` without a shape, ``TypeError`` for text.
    """
    expr = explicit(given.expression(expr, "the expression of a Hessian"))
    for x in (wrt, other := wrt if other is None else other):
        given.no_text(x, "what a Hessian is taken by")
        if not isinstance(x, sp.Symbol | sp.IndexedBase):
            raise SymbolicError(f"a Hessian is taken by a Symbol or an IndexedBase, not by {x!r}")
        if isinstance(x, sp.IndexedBase) and x.shape is None:
            raise SymbolicError(f"{x} has no shape: declare it as IndexedBase({str(x)!r}, shape=(n,))")
    return Hessian(expr, wrt, other)


@dataclass(frozen=True)
class Elements(Part):
    """Scalar expressions in an array of the given shape: one, a list or a matrix."""

    elements: tuple[sp.Expr, ...]
    shape: tuple[int, ...]

    @property
    def exprs(self) -> list[sp.Expr]:
        return list(self.elements)

    def translated(self, into: Translation) -> Elements:
        return Elements(tuple(into(e, {}) for e in self.elements), self.shape)

    def assign(self, program: Program, sweeps: Sweeps) -> tuple[list[Assignment], tuple[sp.Expr, ...]]:
        return [program.assign(normalise(e)) for e in self.elements], tuple(map(sp.Integer, self.shape))


@dataclass(frozen=True)
class Array(Part):
    """An expression over free indices, each with its bounds."""

    expr: sp.Expr
    limits: tuple[tuple[sp.Symbol, sp.Expr, sp.Expr], ...]

    @property
    def exprs(self) -> list[sp.Expr]:
        return [self.expr]

    @property
    def ranges(self) -> dict[sp.Basic, tuple[sp.Expr, sp.Expr]]:
        return {index: (lower, upper) for index, lower, upper in self.limits}

    def translated(self, into: Translation) -> Array:
        indices = {i: Private("f", k, i.name, integer=True) for k, (i, _, _) in enumerate(self.limits)}
        limits = tuple((indices[i], into(lower, {}), into(upper, {})) for i, lower, upper in self.limits)
        return Array(into(self.expr, indices), limits)

    def assign(self, program: Program, sweeps: Sweeps) -> tuple[list[Assignment], tuple[sp.Expr, ...]]:
        loops = tuple(Loop(*limit) for limit in self.limits)
        return [program.assign(normalise(self.expr), loops)], tuple(k.extent for k in loops)


#: An output: a scalar, ``(expr, (i, 0, n-1), ...)`` for an array over i, a gradient, a matrix or a list.
Output = sp.Basic | tuple | Gradient | Hessian | sp.MatrixBase | Sequence


def read(name: str, output: Any) -> Part:
    """An output as it was given. ``TypeError`` for text anywhere in it."""
    what = f"the output {name!r}"
    if isinstance(output, Gradient | Hessian):
        return output
    if isinstance(output, sp.MatrixBase):
        return Elements(tuple(map(explicit, output)), output.shape)
    if isinstance(output, sp.NDimArray):
        return Elements(tuple(map(explicit, sp.flatten(output))), tuple(map(int, output.shape)))
    if isinstance(output, list):
        return Elements(
            tuple(explicit(given.expression(e, f"entry {k} of {what}")) for k, e in enumerate(output)), (len(output),)
        )
    if not isinstance(output, tuple | sp.Tuple):
        return Elements((explicit(given.expression(output, what)),), ())
    if not output:
        raise CompileError(f"{what} is empty: give (expr, (i, 0, n - 1), ...)")
    expr, *limits = output
    return _array(explicit(given.expression(expr, what)), [_limit(limit, what) for limit in limits])


def _limit(limit: Any, what: str) -> tuple[sp.Basic, sp.Expr, sp.Expr]:
    given.no_text(limit, f"a limit of {what}")
    if not isinstance(limit, tuple | list | sp.Tuple) or len(limit) != 3:
        raise CompileError(f"the limit {limit} of {what} is no (index, lower, upper)")
    index, lower, upper = (given.expression(part, f"{part!r} in a limit of {what}") for part in limit)
    if not isinstance(index, sp.Symbol | sp.Idx):
        raise CompileError(f"{index} in a limit of {what} is no index: use a Symbol")
    return index, lower, upper


def _array(expr: sp.Expr, limits: list[tuple[sp.Basic, sp.Expr, sp.Expr]]) -> Array:
    indices = {index for index, _, _ in limits}
    for index, *bounds in limits:
        if any(bound.free_symbols & indices for bound in bounds):
            raise CompileError(
                f"the range {index} = {bounds[0]}..{bounds[1]} of an output depends on another index: use a Piecewise"
            )
    return Array(normalise(expr), tuple((normalise(i), lower, upper) for i, lower, upper in limits))


def sweeps(program: Program, outputs: Iterable[Part]) -> Sweeps:
    """The gradients of each scalar by all that it is differentiated by, from one reverse sweep."""
    wanted: dict[sp.Expr, dict[Variable, None]] = {}
    for output in outputs:
        if isinstance(output, Gradient):
            wanted.setdefault(output.expr, {})[output.wrt] = None
    return {
        expr: autodiff.adjoint(program, program.assign(normalise(expr)).target, wrt) for expr, wrt in wanted.items()
    }
