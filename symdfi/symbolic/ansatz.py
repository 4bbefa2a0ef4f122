"""Parametrized ansatz functions û(x; θ), and ready-made ones: all are ordinary SymPy inside."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.numbers import count, reals
from symdfi.pickling import Rebuilt
from symdfi.showing import formulas, shortened
from symdfi.symbolic import given
from symdfi.symbolic.complexes import parts
from symdfi.symbolic.given import Lookup, expression, name_of
from symdfi.symbolic.indexed import canonical, normalise
from symdfi.symbolic.renaming import Renaming
from symdfi.symbolic.shapes import shaped

Parameter = sp.Symbol | sp.IndexedBase
#: ``start(bounds, generator)``: values of all parameters to begin a fit from, bounds of shape (dim, 2).
Start = Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]


@dataclass(frozen=True, init=False)
class Ansatz(Rebuilt):
    """û(x; θ): an expression in ``variables`` (symbols) and ``parameters`` (symbols or ``IndexedBase``).

    Of several fields that share parameters: a list of expressions, one a field in the order of the equations, or a
    mapping of fields to expressions. ``exprs`` are all of them.

    θ packs the parameters in declared order, each in row-major order. An ``IndexedBase`` without a shape gets
    the one its indices run over. ``start`` proposes parameters to begin a fit from.

    Raises ``SymbolicError`` for a symbol that is neither a variable nor a parameter nor a size.
    """

    exprs: tuple[sp.Expr, ...]
    fields: tuple[AppliedUndef, ...] | None
    variables: tuple[sp.Symbol, ...]
    parameters: tuple[Parameter, ...]
    start: Start | None

    def __init__(
        self,
        expr: sp.Expr | Sequence[sp.Expr] | Mapping[AppliedUndef, sp.Expr],
        variables: Sequence[sp.Symbol],
        parameters: Sequence[Parameter],
        start: Start | None = None,
    ) -> None:
        exprs, fields = _outputs(expr)
        variables = given.variables(variables, "variables")
        parameters = given.variables(parameters, "parameters")
        exprs = tuple(canonical(normalise(e)) if e.has(sp.Idx) else e for e in exprs)
        found = shaped(sp.Tuple(*exprs), [p for p in parameters if isinstance(p, sp.IndexedBase)])
        object.__setattr__(self, "exprs", tuple(e.xreplace(found) if found else e for e in exprs))
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "variables", tuple(variables))
        object.__setattr__(self, "parameters", tuple(found.get(p, p) for p in parameters))
        object.__setattr__(self, "start", start)
        if not self.parameters:
            raise SymbolicError(f"the ansatz {', '.join(map(str, exprs))} has no parameters")
        for name in self.names:
            if self.names.count(name) > 1:
                raise SymbolicError(f"two parameters of the ansatz are named {name}")
        known = {*self.variables, *self.sizes, *self.parameters}
        known |= {p.label for p in self.parameters if isinstance(p, sp.IndexedBase)}
        # One walk, where SymPy's free_symbols walks a nest of sums again from every sum in it.
        nodes = set().union(*map(sp.preorder_traversal, self.exprs))
        functions = sorted((node for node in nodes if isinstance(node, AppliedUndef)), key=str)
        if functions:
            raise SymbolicError(f"the ansatz holds {functions[0]}, which is no expression in its parameters")
        bound = {limit[0] for node in nodes if isinstance(node, sp.Sum) for limit in node.limits}
        unknown = sorted({s for s in nodes if isinstance(s, sp.Symbol)} - known - bound, key=str)
        if unknown:
            raise SymbolicError(f"the symbol {unknown[0]} of the ansatz is neither a variable nor a parameter")

    def __repr__(self) -> str:
        shape = "" if self.sizes else f", {self.count} numbers"
        given = f"of {', '.join(map(str, self.variables))}; parameters {', '.join(self.names)}{shape}"
        return f"{type(self).__name__}({shortened(', '.join(map(str, self.exprs)), 80)} {given})"

    def _repr_latex_(self) -> str:
        names = [r"\hat u"] if len(self.exprs) == 1 else [rf"\hat u_{{{k}}}" for k in range(1, len(self.exprs) + 1)]
        return formulas(f"{name} = {sp.latex(e)}" for name, e in zip(names, self.exprs, strict=True))

    def renamed(self, renaming: Renaming) -> Ansatz:
        """The same ansatz in symbols of our own: what is compiled."""
        variables, parameters = (tuple(map(renaming.of, own)) for own in (self.variables, self.parameters))
        return self._made(tuple(map(renaming, self.exprs)), self.fields, variables, parameters)

    def real(self, complex: Sequence[bool]) -> Ansatz:
        """The same with real outputs: the real and then the imaginary part for every field that is ``complex``.

        Raises ``SymbolicError`` for a complex expression of a real field, and for a function of a complex argument
        without a formula.
        """
        if not any(complex) and not any(expr.has(sp.I) for expr in self.exprs):
            return self
        exprs: list[sp.Expr] = []
        for expr, both in zip(self.exprs, complex, strict=True):
            real, imaginary = parts(normalise(expr))
            if not both and imaginary != 0:
                raise SymbolicError(f"the ansatz of a real field is complex: {expr}; see EvolutionEquation(complex=)")
            exprs += [real, imaginary] if both else [real]
        return self._made(tuple(exprs), None, self.variables, self.parameters)

    def _made(
        self,
        exprs: tuple[sp.Expr, ...],
        fields: tuple[AppliedUndef, ...] | None,
        variables: tuple[sp.Symbol, ...],
        parameters: tuple[Parameter, ...],
    ) -> Ansatz:
        """An ansatz of parts that are known to fit."""
        ansatz = object.__new__(Ansatz)
        found = {"exprs": exprs, "fields": fields, "variables": variables, "parameters": parameters}
        for name, value in {**found, "start": self.start}.items():
            object.__setattr__(ansatz, name, value)
        return ansatz

    @property
    def expr(self) -> sp.Expr:
        """û, where there is one field only; ``SymbolicError`` where there are several."""
        if len(self.exprs) > 1:
            raise SymbolicError(f"the ansatz has {len(self.exprs)} outputs: see exprs")
        return next(iter(self.exprs))

    @functools.cached_property
    def sizes(self) -> tuple[sp.Symbol, ...]:
        """The size symbols among the parameters' extents."""
        symbols = {s for p in self.parameters for e in _shape(p) for s in e.free_symbols}
        return tuple(sorted(symbols, key=sp.default_sort_key))

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(map(name_of, self.parameters))

    @functools.cached_property
    def count(self) -> sp.Expr:
        """p, the length of θ: a number, or an expression in the sizes."""
        return sp.expand(sp.Add(*(sp.Mul(*_shape(p)) for p in self.parameters)))

    @functools.cached_property
    def linear(self) -> tuple[Parameter, ...]:
        """Parameters in which û is affine, all of them together: ∂²û/∂p∂q = 0.

        Read off the form of the expression, which is not expanded; a product takes the parameter declared first.
        """
        chosen: list[Parameter] = []
        for parameter in self.parameters:
            together, known = frozenset([*chosen, parameter]), {}
            if all(_degree(expr, together, known) <= 1 for expr in self.exprs):
                chosen.append(parameter)
        return tuple(chosen)

    @property
    def affine(self) -> bool:
        """Whether û is affine in θ, as a polynomial or a Fourier series with free coefficients is."""
        return len(self.linear) == len(self.parameters)

    def length(self, sizes: Mapping[Any, int] | None = None) -> int:
        """p, with numbers for the sizes that are symbols. ``ValueError`` for a missing or unknown one."""
        given = Lookup(self.sizes, "sizes of the ansatz").read(sizes, lambda name: f"unknown size {name} of the ansatz")
        for size in self.sizes:
            if size not in given:
                raise ValueError(f"no value for size {size} of the ansatz")
        return int(self.count.subs({s: count(value, f"the size {s}", 1) for s, value in given.items()}))

    def size_values(self, length: int) -> dict[sp.Symbol, int]:
        """The sizes that make θ ``length`` long. ``ValueError`` if none or several do."""
        if length not in self._solved_sizes:
            self._solved_sizes[length] = self._solve_sizes(length)
        return self._solved_sizes[length]

    @functools.cached_property
    def _solved_sizes(self) -> dict[int, dict[sp.Symbol, int]]:
        # Every evaluation of a kernel asks for the sizes, and SymPy takes longer to answer than the kernel.
        return {}

    def _solve_sizes(self, length: int) -> dict[sp.Symbol, int]:
        if not self.sizes:
            if int(self.count) != length:
                raise ValueError(f"theta has {length} entries, this ansatz has {self.count} parameters")
            return {}
        if len(self.sizes) > 1:
            raise ValueError(f"the sizes {self.sizes} of the ansatz do not follow from theta: use numbers for them")
        size = next(iter(self.sizes))
        roots = [r for r in sp.solve(self.count - length, size) if r.is_Integer and r > 0]
        if len(roots) != 1:
            raise ValueError(f"theta has {length} entries, this ansatz has {self.count} parameters")
        return {size: int(roots[0])}

    def pack(self, values: Mapping[Any, Any]) -> np.ndarray:
        """θ from values by symbol or name. ``ValueError`` for a missing, unknown or misshapen one."""
        found = Lookup(self.parameters).read(values, lambda name: f"unknown parameter {name}")
        given = {name_of(p): reals(value, f"the parameter {name_of(p)}") for p, value in found.items()}
        for name in self.names:
            if name not in given:
                raise ValueError(f"no value for parameter {name}")
        theta = np.concatenate([given[n].ravel() for n in self.names])
        for name, part in self.unpack(theta).items():
            if part.shape != given[name].shape:
                raise ValueError(f"the parameter {name} has shape {given[name].shape}, expected {part.shape}")
        return theta

    def unpack(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters by name from θ of shape ``(..., p)``."""
        theta = np.atleast_1d(reals(theta, "theta"))
        sizes = self.size_values(theta.shape[-1])
        result, begin = {}, 0
        for name, parameter in zip(self.names, self.parameters, strict=True):
            shape = tuple(int(e.subs(sizes)) for e in _shape(parameter))
            end = begin + int(np.prod(shape, dtype=int))
            result[name] = theta[..., begin:end].reshape((*theta.shape[:-1], *shape))
            begin = end
        return result

    def entry(self, length: int, position: int) -> str:
        """The name of one entry of a θ of the given length, as in "w[2]"."""
        for name, places in self.unpack(np.arange(length)).items():
            found = np.argwhere(places == position)
            if len(found):
                index = ", ".join(str(k) for k in found[0])
                return f"{name}[{index}]" if index else name
        raise ValueError(f"theta has {length} entries, none of them at {position}")


def _outputs(expr: Any) -> tuple[tuple[sp.Expr, ...], tuple[AppliedUndef, ...] | None]:
    """The expressions of an ansatz, and the fields that they are named by, if they are."""
    if isinstance(expr, Mapping):
        for field in expr:
            if not isinstance(field, AppliedUndef):
                raise SymbolicError(f"{field} is no field: give the ansatz as {{u(t, x): expression, ...}}")
        return tuple(expression(e, f"the ansatz of {u}") for u, e in expr.items()), tuple(expr)
    if isinstance(expr, list | tuple | sp.Tuple):
        if not expr:
            raise SymbolicError("the list of the ansatz's expressions is empty")
        return tuple(expression(e, f"the ansatz [{k}]") for k, e in enumerate(expr)), None
    return (expression(expr, "the ansatz"),), None


def _degree(expr: sp.Basic, parameters: frozenset[Parameter], known: dict[sp.Basic, float]) -> float:
    """The polynomial degree of ``expr`` in the parameters, infinite where it is no polynomial in them."""
    if expr not in known:
        below = lambda node: _degree(node, parameters, known)  # noqa: E731
        parts = [below(a) for a in expr.args]
        if expr in parameters:
            degree = 1.0
        elif isinstance(expr, sp.Indexed):
            degree = parts[0] if not any(parts[1:]) else np.inf
        elif isinstance(expr, sp.Add):
            degree = max(parts)
        elif isinstance(expr, sp.Mul):
            degree = sum(parts)
        elif isinstance(expr, sp.Sum):
            degree = parts[0] if not any(parts[1:]) else np.inf
        elif isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp.is_positive:
            degree = int(expr.exp) * parts[0]
        else:
            degree = np.inf if any(parts) else 0.0
        known[expr] = degree
    return known[expr]


def _shape(parameter: Parameter) -> tuple:
    shape = parameter.shape if isinstance(parameter, sp.IndexedBase) else ()
    return tuple(expression(extent, f"an extent of {parameter}") for extent in shape)
