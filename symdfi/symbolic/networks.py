"""Ready-made ansatz functions: fully connected networks, with periodic features where variables have a period."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdfi import numbers
from symdfi.errors import SymbolicError
from symdfi.showing import Settings
from symdfi.symbolic import given
from symdfi.symbolic.activations import TrainedActivation
from symdfi.symbolic.ansatz import Ansatz, Parameter
from symdfi.symbolic.given import sequence
from symdfi.symbolic.private import Private
from symdfi.symbolic.ready import Periods, array, periods

#: Declares an array of parameters by name and shape.
_Declare = Callable[..., sp.IndexedBase]
_Layer = Callable[[sp.Symbol], sp.Expr]


@dataclass(frozen=True)
class Phases(Settings):
    """Periodic features with trained phases: z_f = Σ_d A[f, d] cos(2π x_d/P_d + φ[f, d]) + B[f], f = 0 … features − 1.

    The sum is over the variables that have a period P_d. φ is a parameter of the network, ``phi``, of shape
    (features,) for one such variable and (features, variables) for several. With ``amplitude`` A (``A``, of the same
    shape) is one too, with ``offset`` B (``B``, of shape (features,)); else they are 1 and 0.

    Raises ``ValueError`` for a number of features that is not positive.
    """

    features: int
    amplitude: bool = False
    offset: bool = False

    def __post_init__(self) -> None:
        numbers.count(self.features, "the features of Phases", 1)

    def declare(self, variables: Sequence[tuple[sp.Symbol, sp.Expr]], declare: _Declare) -> _Layer:
        """z as a function of its index, of variables with their periods."""
        several = len(variables) > 1
        shape = (self.features, len(variables)) if several else (self.features,)
        phi = declare("phi", *shape)
        amplitude = declare("A", *shape) if self.amplitude else None
        offset = declare("B", self.features) if self.offset else None

        def feature(f: sp.Symbol) -> sp.Expr:
            terms = [] if offset is None else [offset[f]]
            for d, (x, length) in enumerate(variables):
                key = (f, d) if several else (f,)
                wave = sp.cos(2 * sp.pi * x / length + phi[key])
                terms.append(wave if amplitude is None else amplitude[key] * wave)
            return sp.Add(*terms)

        return feature


def mlp(
    variables: Sequence[sp.Symbol],
    widths: Sequence[int],
    activation: Callable[[sp.Expr], sp.Expr] | TrainedActivation = sp.tanh,
    *,
    period: Sequence | None = None,
    embedding: Phases | None = None,
) -> Ansatz:
    """A fully connected network with ``activation`` after every hidden layer and a linear output.

    h⁰ = features of x, hˡ_k = σ(Σ_j Wˡ[k, j] hˡ⁻¹_j + bˡ[k]), û = Σ_j c[j] hᴸ_j + d. Every layer is one nested sum, so
    derivation and compilation cost what the depth costs, not the width. A variable enters as it is; one with a
    ``period`` P as the pair cos(2πx/P), sin(2πx/P), or, with an ``embedding`` ``Phases(...)``, in features of trained
    phases, which come before those of the other variables.

    ``activation`` is a SymPy function, a function of an expression such as ``sd.swish``, or a ``TrainedActivation``
    such as ``sd.rational``, whose coefficients r1, r2, ... are parameters as well, a set a layer.

    Parameters phi, A, B (those that ``embedding`` has), W1 (widths[0], features), b1, r1, W2, b2, ..., c, d. A network
    of 4 hidden layers of 10 with ``embedding=Phases(10)`` has 10 + 4 · 110 + 11 = 461 in one dimension.

    Raises ``SymbolicError`` for no hidden layer, periods that do not fit the variables, and an embedding without a
    periodic variable; ``ValueError`` for a width that is not positive.
    """
    variables = given.variables(variables, "variables")
    widths = [numbers.count(width, "a width of the mlp", 1) for width in sequence(widths, "widths of the mlp")]
    if not widths:
        raise SymbolicError(f"widths = {widths}: an mlp needs at least one hidden layer")
    if not callable(activation):
        raise TypeError(f"activation = {activation!r}: give a function of an expression, such as sp.tanh")
    if isinstance(activation, np.ufunc):
        name = activation.__name__
        raise TypeError(f"activation = np.{name} is of numbers: give SymPy's own function of an expression, sp.{name}")
    lengths = periods(period, variables)
    shapes: dict[str, tuple[int, ...]] = {}
    parameters: list[Parameter] = []

    def declare(name: str, *shape: int) -> sp.IndexedBase:
        shapes[name] = shape
        parameters.append(array(name, *shape))
        return parameters[-1]

    # The sum over features whose number is not small is a loop; those of plain variables and pairs are written out.
    looped, plain = None, []
    round_ones = [(x, length) for x, length in zip(variables, lengths, strict=True) if length is not None]
    if embedding is not None:
        if not round_ones:
            raise SymbolicError(f"embedding = {embedding} and no variable with a period: give period=[...]")
        looped = embedding.declare(round_ones, declare)
    for x, length in zip(variables, lengths, strict=True):
        if length is None:
            plain.append(x)
        elif embedding is None:
            plain += [sp.cos(2 * sp.pi * x / length), sp.sin(2 * sp.pi * x / length)]
    before = 0 if embedding is None else embedding.features
    first, offset = declare("W1", widths[0], before + len(plain)), declare("b1", widths[0])

    def argument(k: sp.Symbol) -> sp.Expr:
        terms = [first[k, before + d] * f for d, f in enumerate(plain)]
        if looped is not None:
            j = Private("e", 1, "j1", integer=True)
            terms.append(sp.Sum(first[k, j] * looped(j), (j, 0, before - 1)))
        return sp.Add(*terms) + offset[k]

    layer = _activated(activation, 1, argument, declare)
    for level in range(2, len(widths) + 1):
        layer = _next_layer(layer, level, widths[level - 2], widths[level - 1], declare, activation)
    j = Private("e", 0, "j", integer=True)
    c, d = declare("c", widths[-1]), Private("e", 0, "d", real=True)
    parameters.append(d)
    expr = sp.Sum(c[j] * layer(j), (j, 0, widths[-1] - 1)) + d
    trained = activation.start if isinstance(activation, TrainedActivation) else ()
    return Ansatz(expr, variables, parameters, NetworkStart(shapes, lengths, trained))


def _next_layer(
    below: _Layer, level: int, width_in: int, width_out: int, declare: _Declare, activation: Callable
) -> _Layer:
    weights, offset = declare(f"W{level}", width_out, width_in), declare(f"b{level}", width_out)
    j = Private("e", level, f"j{level}", integer=True)
    argument = lambda k: sp.Sum(weights[k, j] * below(j), (j, 0, width_in - 1)) + offset[k]  # noqa: E731
    return _activated(activation, level, argument, declare)


def _activated(activation: Callable, level: int, argument: _Layer, declare: _Declare) -> _Layer:
    """σ(argument) as a function of its index."""
    if isinstance(activation, TrainedActivation):
        coefficients = declare(f"r{level}", len(activation.start))
        return lambda k: activation(argument(k), coefficients)
    if isinstance(activation, sp.FunctionClass):
        # Not evaluated: SymPy's search for special values walks the layers below.
        return lambda k: activation(argument(k), evaluate=False)
    return lambda k: activation(argument(k))


@dataclass(frozen=True)
class NetworkStart:
    """Random weights of a network, from the shapes of its parameters, the periods of its variables, and the
    coefficients its activation starts from."""

    shapes: Mapping[str, tuple[int, ...]]
    periods: Periods
    activation: tuple[float, ...] = ()

    def __call__(self, bounds: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
        values: dict[str, np.ndarray] = {"d": np.zeros(())}
        for name, shape in self.shapes.items():
            scale = 0.3 if name[0] == "b" or name == "c" else 1 / np.sqrt(shape[-1])
            values[name] = scale * generator.normal(size=shape)
            if name[0] == "r":
                values[name] = np.array(self.activation)
        # The first layer looks in all directions of its features, its steps spread over the domain.
        width = self.shapes["W1"][0]
        angle = 2 * np.pi * np.arange(width) / width
        values["W1"], centre, column = np.zeros(self.shapes["W1"]), np.zeros(self.shapes["W1"]), 0
        if "phi" in self.shapes:
            values |= self._phases(angle, generator)
            column = self.shapes["phi"][0]
        for (low, high), length in zip(bounds, self.periods, strict=True):
            if length is None:
                values["W1"][:, column] = generator.normal(size=width) * 4 / (high - low)
                centre[:, column] = low + generator.random(width) * (high - low)
                column += 1
            elif "phi" not in self.shapes:
                values["W1"][:, column : column + 2] = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
                column += 2
        values["b1"] = 0.5 * generator.normal(size=width) - (values["W1"] * centre).sum(axis=1)
        return values

    def _phases(self, angle: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Phases all round the circle, and the weights that make 2 Σ_d cos(2πx_d/P_d − angle_d) of the features."""
        shape = self.shapes["phi"]
        features, around = shape[0], int(np.prod(shape[1:], dtype=int))
        phases = 2 * np.pi * (np.arange(features)[:, None] + generator.random((features, around))) / features
        weights = np.zeros(self.shapes["W1"])
        for d in range(around):
            if d:
                phases[:, d], angle = generator.permutation(phases[:, d]), generator.permutation(angle)
            weights[:, :features] += 4 / features * np.cos(phases[:, d] + angle[:, None])
        found = {"phi": phases.reshape(shape), "W1": weights}
        found |= {
            name: fill(self.shapes[name]) for name, fill in (("A", np.ones), ("B", np.zeros)) if name in self.shapes
        }
        return found
