"""SymPy's expressions as rows of names and numbers, and back: node by node, from classes that are listed here.

A row holds the kind of a node, the rows of its arguments, and for the leaves what they are. What occurs more than once
has one row, so that a nest of sums is as long as it is deep. Nothing is parsed and nothing is evaluated: a node is made
as it stood, and by no other class than those that are known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef, FunctionClass, UndefinedFunction
from sympy.functions.elementary.piecewise import ExprCondPair

from symdfi.errors import CheckpointError

#: ["kind", [rows of the arguments], further data]
Row = list[Any]


class Kind(NamedTuple):
    """How the nodes of a class are written and made: ``take`` gives their arguments and further data, ``make`` takes
    these."""

    take: Callable[[Any], tuple[Sequence[Any], list[Any]]]
    make: Callable[..., Any]


def _args(node: Any) -> tuple[Sequence[Any], list[Any]]:
    return node.args, []


def _bare(cls: type) -> Kind:
    """A node that is nothing but its arguments."""
    return Kind(_args, lambda *args: cls(*args))


def _unevaluated(cls: Any) -> Kind:
    return Kind(_args, lambda *args: cls(*args, evaluate=False))


def as_it_stands(cls: Any) -> Kind:
    """Sums and their like, whose class would rewrite its limits."""

    def make(function: sp.Basic, *limits: sp.Basic) -> Any:
        made = sp.Expr.__new__(cls, function, *limits)
        if cls is not sp.Derivative:
            made.is_commutative = function.is_commutative
        return made

    return Kind(_args, make)


def hexed(value: Any) -> int | str:
    """An integer, as text where JSON's readers lose digits."""
    value = int(value)
    return value if abs(value) < 2**53 else hex(value)


def unhexed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"{value!r} is no integer")
    return int(value, 16) if isinstance(value, str) else value


def _assumptions(given: Any) -> dict[str, bool]:
    found = dict(given)
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, bool | None):
            raise TypeError(f"{name} = {value!r} is no assumption of a symbol")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value


def _symbol(name: Any, given: Any) -> sp.Symbol:
    return sp.Symbol(_text(name), **_assumptions(given))


def _dummy(name: Any, number: Any, given: Any) -> sp.Dummy:
    return sp.Dummy(_text(name), dummy_index=unhexed(number), **_assumptions(given))


def _float(sign: Any, mantissa: Any, exponent: Any, bits: Any, precision: Any) -> sp.Float:
    parts = tuple(map(unhexed, (sign, mantissa, exponent, bits)))
    return sp.Float._new(parts, unhexed(precision), zero=False)


def _function(name: Any, given: Any) -> Any:
    """An undefined function."""
    nargs = {} if given.get("nargs") is None else {"nargs": unhexed(given["nargs"])}
    own = {key: value for key, value in given.items() if key != "nargs"}
    return sp.Function(_text(name), **nargs, **_assumptions(own))


def _of_function(node: Any) -> tuple[Sequence[Any], list[Any]]:
    func: Any = type(node)
    return node.args, [func.__name__, dict(func._kwargs)]


def _applied(*parts: Any) -> Any:
    *args, name, given = parts
    return _function(name, given)(*args, evaluate=False)


def _of_base(base: sp.IndexedBase) -> tuple[Sequence[Any], list[Any]]:
    shape = () if base.shape is None else (base.shape,)
    return (base.label, *shape), []


def _base(label: Any, shape: Any = None) -> sp.IndexedBase:
    if not isinstance(label, sp.Symbol):
        raise TypeError(f"{label!r} is no name of an array")
    return sp.IndexedBase(label, shape=shape)


def _index(label: Any, *bounds: Any) -> sp.Idx:
    return sp.Idx(label, *(tuple(pair) for pair in bounds))


def _constant(name: str) -> Kind:
    return Kind(lambda node: ((), []), lambda: getattr(sp.S, name))


_CONSTANTS = (
    "ImaginaryUnit", "Pi", "Exp1", "Infinity", "NegativeInfinity", "ComplexInfinity", "NaN", "EulerGamma",
    "GoldenRatio", "TribonacciConstant", "Catalan", "true", "false",
)  # fmt: skip
_RELATIONS = (sp.Eq, sp.Ne, sp.Lt, sp.Le, sp.Gt, sp.Ge)
_LOGIC = (sp.And, sp.Or, sp.Not, sp.Xor, sp.ITE)
_NOT_ALONE = (sp.Min, sp.Max, sp.Piecewise)

#: By the name of the class.
_KINDS: dict[str, tuple[type, Kind]] = {}


def know(cls: type, kind: Kind, name: str | None = None) -> None:
    """Keep the nodes of a class."""
    _KINDS[name or cls.__name__] = cls, kind
    _names.cache_clear()


@functools.cache
def _names() -> dict[type, str]:
    return {cls: name for name, (cls, _) in _KINDS.items()}


def _fill() -> None:
    functions = (getattr(sp.functions, name) for name in sp.functions.__all__)
    for cls in (*functions, *_NOT_ALONE, sp.Mod):
        if isinstance(cls, FunctionClass):
            know(cls, _unevaluated(cls))
    for cls in (*_RELATIONS, *_LOGIC, sp.Pow):
        know(cls, _unevaluated(cls))
    for cls in (sp.Sum, sp.Product, sp.Integral, sp.Derivative):
        know(cls, as_it_stands(cls))
    for cls in (sp.Add, sp.Mul):
        know(cls, Kind(_args, lambda *args, cls=cls: cls._from_args(args)))
    for cls in (sp.Tuple, sp.Indexed, sp.Subs, sp.Lambda, ExprCondPair):
        know(cls, _bare(cls))
    know(sp.IndexedBase, Kind(_of_base, _base))
    know(sp.Idx, Kind(_args, _index))
    for name in _CONSTANTS:
        know(type(getattr(sp.S, name)), _constant(name), name)
    know(sp.Integer, Kind(lambda x: ((), [hexed(x.p)]), lambda p: sp.Integer(unhexed(p))))
    know(sp.Rational, Kind(lambda x: ((), [hexed(x.p), hexed(x.q)]), lambda p, q: sp.Rational(unhexed(p), unhexed(q))))
    know(sp.Float, Kind(lambda x: ((), [*map(hexed, x._mpf_), x._prec]), _float))
    know(sp.Symbol, Kind(lambda s: ((), [s.name, dict(s._assumptions_orig)]), _symbol))
    know(sp.Dummy, Kind(lambda s: ((), [s.name, s.dummy_index, dict(s._assumptions_orig)]), _dummy))
    know(AppliedUndef, Kind(_of_function, _applied), "applied")


_fill()


def _kind_of(node: sp.Basic) -> str | None:
    """The name of a node's kind, None for one that is not known."""
    cls = type(node)
    if isinstance(cls, UndefinedFunction):
        return "applied"
    if cls in _names():
        return _names()[cls]
    # 0, 1, −1 and 1/2 have classes of their own.
    if isinstance(node, sp.Integer):
        return "Integer"
    return "Rational" if isinstance(node, sp.Rational) else None


class Table:
    """Rows of all nodes that were asked for."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._known: dict[Any, int] = {}

    def row(self, expr: sp.Basic) -> int | None:
        """The number of an expression's row; None where it holds what is not known."""
        pending: list[tuple[sp.Basic, bool]] = [(expr, False)]
        while pending:
            node, ready = pending.pop()
            key = self._key(node)
            if key in self._known:
                continue
            name = _kind_of(node)
            if name is None:
                return None
            args, data = _KINDS[name][1].take(node)
            if not ready:
                pending.append((node, True))
                pending += [(arg, False) for arg in args if self._key(arg) not in self._known]
                continue
            if not _is_made(node, name, args, data):
                return None
            self._known[key] = len(self.rows)
            self.rows.append([name, [self._known[self._key(arg)] for arg in args], *data])
        return self._known[self._key(expr)]

    @staticmethod
    def _key(node: sp.Basic) -> Any:
        # 1.0 and 1 are told apart, and a Dummy from its namesake.
        return type(node), node


def _is_made(node: sp.Basic, name: str, args: Sequence[Any], data: list[Any]) -> bool:
    """Whether a node is made as it stood."""
    try:
        made = _KINDS[name][1].make(*args, *data)
    except (TypeError, ValueError, AttributeError):
        return False
    # An undefined function is a class that is made anew, equal to the one it was.
    return hash(type(made)) == hash(type(node)) and made == node and made.args == node.args


def expressions(rows: Any) -> list[sp.Basic]:
    """The expressions of a table's rows. ``CheckpointError`` for a row that is none."""
    found: list[Any] = []
    for row in rows:
        try:
            name, args, *data = row
            if not all(isinstance(k, int) and 0 <= k < len(found) for k in args):
                raise TypeError("an argument that does not come before it")
            if name not in _KINDS:
                raise TypeError(f"{name!r} is no known kind of expression")
            found.append(_KINDS[name][1].make(*(found[k] for k in args), *data))
        except Exception as error:  # whatever a class of SymPy's makes of arguments that are none of its own
            raise CheckpointError(f"the expressions hold what is none: {str(row)[:80]} ({error})") from error
    return found
