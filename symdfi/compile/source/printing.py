"""Scalar expressions, indices and conditions as Python source."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from sympy.core.relational import Relational

from symdfi.compile.source import vmath
from symdfi.errors import CompileError
from symdfi.symbolic.maps import of_integers, without_fractions
from symdfi.symbolic.private import Private
from symdfi.symbolic.sums import readable

#: SymPy functions by the name of the function that computes them in a kernel.
LIBRARY = {
    **{name: name for name in ("tan", "asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "erfc", "gamma")},
    **{"loggamma": "lgamma", "atan2": "atan2", "floor": "floor", "ceiling": "ceil", "log1p": "log1p"},
    **{name: name for name in ("maximum", "minimum", "sign")},
    **{name: name for name in vmath.FUNCTIONS},
}
RECIPROCALS = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}


class Names:
    """Python identifiers for symbols, numbered: of what a user calls a symbol nothing gets into a program.

    Symbols of the compiler's own go by their role and number, ``t12`` or ``_l0``, a user's by their number, ``v3``
    or ``s0`` for a size (see ``renaming``), or, as they are, by the order in which they are asked for, ``u0``: names
    that no keyword, function or array of a kernel has.
    """

    def __init__(self, *, checked: bool = False) -> None:
        #: Whether the elements of index arrays are checked too.
        self.checked = checked
        self._others: dict[sp.Symbol, str] = {}
        #: What a user calls the identifiers of variables.
        self.legend: dict[str, str] = {}
        self._count: dict[str, int] = {}

    def __getitem__(self, symbol: sp.Symbol) -> str:
        own = isinstance(symbol, Private)
        if own and symbol.role not in "sv":
            return f"{'' if symbol.role == 't' else '_'}{symbol.role}{symbol.number}"
        name = f"{symbol.role}{symbol.number}" if own else self._others.setdefault(symbol, f"u{len(self._others)}")
        self.legend[name] = symbol.name
        return name

    def fresh(self, prefix: str) -> str:
        self._count[prefix] = self._count.get(prefix, 0) + 1
        return f"{prefix}{self._count[prefix]}"


def _whole(condition: Relational) -> tuple[sp.Expr, sp.Expr]:
    """Both sides as integers: i/2 - n = -1/2 is i - 2n + 1 = 0, where an index would be rounded down."""
    _, denominator = sp.together(of_integers(condition.lhs - condition.rhs)).as_numer_denom()
    if denominator == 1:
        return condition.lhs, condition.rhs
    return without_fractions(condition.lhs - condition.rhs), sp.S.Zero


def index_code(index: sp.Basic | int, names: Names) -> str:
    """Integer arithmetic: affine in the indices, with Mod, floor, Max, Min and gathers."""
    expr: sp.Expr = of_integers(sp.sympify(index, strict=True))
    if isinstance(expr, sp.Integer):
        return str(int(expr))
    if isinstance(expr, sp.Symbol):
        return names[expr]
    if isinstance(expr, sp.Indexed):
        indices = expr.indices
        inner = (
            " + ".join(f"({index_code(i, names)})*{_extent(expr.base, k + 1, names)}" for k, i in enumerate(indices))
            if len(indices) > 1
            else index_code(indices[0], names)
        )
        if names.checked:
            extents = expr.base.shape or ()
            pairs = (index_code(e, names) for pair in zip(indices, extents, strict=True) for e in pair)
            return f"{names[expr.base.label]}[at({inner}, {', '.join(pairs)})]"
        return f"{names[expr.base.label]}[U({inner})]"
    if isinstance(expr, sp.Mod):
        return f"(({index_code(expr.args[0], names)}) % ({index_code(expr.args[1], names)}))"
    if isinstance(expr, sp.Max | sp.Min):
        name = "max" if isinstance(expr, sp.Max) else "min"
        codes = sorted(index_code(arg, names) for arg in expr.args)
        text = codes[0]
        for code in codes[1:]:
            text = f"{name}({text}, {code})"
        return text
    if isinstance(expr, sp.floor):
        return index_code(expr.args[0], names)  # whose fractions are rounded down
    if isinstance(expr, sp.ceiling):
        return f"(-{index_code(-expr.args[0], names)})"
    if isinstance(expr, sp.Abs):
        return f"abs({index_code(expr.args[0], names)})"
    if isinstance(expr, sp.Add | sp.Mul | sp.Pow | sp.Rational):
        numerator, denominator = sp.together(expr).as_numer_denom()
        if denominator != 1:
            return f"(({index_code(sp.expand(numerator), names)}) // ({index_code(denominator, names)}))"
    if isinstance(expr, sp.Add):
        text = ""
        # n - i - 1: what is added before what is subtracted, numbers last.
        terms = sorted(expr.args, key=lambda term: (term.is_Number, term.could_extract_minus_sign()))
        for position, term in enumerate(terms):
            negative = term.could_extract_minus_sign() and position > 0
            sign = " - " if negative else " + " if position else ""
            text += sign + index_code(-term if negative else term, names)
        return text if text.isidentifier() else f"({text})"
    if isinstance(expr, sp.Mul):
        return "*".join(index_code(arg, names) for arg in expr.args)
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        return "*".join([index_code(expr.base, names)] * int(expr.exp))
    raise CompileError(f"{expr} cannot be used as an index, a size or a bound")


def _extent(base: sp.IndexedBase, start: int, names: Names) -> str:
    if base.shape is None:
        raise CompileError(f"the index array {base} needs a shape")
    return f"({index_code(sp.Mul(*base.shape[start:]), names)})"


class Printer:
    """Operations of a scalar expression; ``named`` gives an identifier that holds an operand's value, ``integer``
    tells conditions that are of indices and sizes alone."""

    def __init__(
        self, named: Callable[[sp.Basic], str], names: Names, integer: Callable[[sp.Basic], bool] = lambda _: False
    ) -> None:
        self.named, self.names, self.integer = named, names, integer

    def literal(self, expr: sp.Basic) -> str:
        if expr.is_Integer:
            value = f"{int(expr)}.0"
        elif expr in (sp.oo, -sp.oo, sp.nan, sp.zoo):
            value = {sp.oo: "inf", -sp.oo: "(-inf)"}.get(expr, "nan")
        elif expr.is_number and expr.is_real:
            value = repr(float(expr))
        elif expr in (sp.true, sp.false):
            return str(bool(expr))
        else:
            raise CompileError(f"{expr} has no value in real arithmetic")
        return f"({value})" if value.startswith("-") else value

    def operation(self, expr: sp.Basic, code: Callable[[sp.Basic], str], uses) -> str:
        if isinstance(expr, sp.Add):
            text = ""
            for arg in sorted(expr.args, key=lambda a: a.could_extract_minus_sign()):
                if text and arg.could_extract_minus_sign() and uses[arg] <= 1 and arg.is_Mul:
                    text += f" - {code(-arg)}"
                else:
                    text += f" + {code(arg)}" if text else code(arg)
            return f"({text})"
        if isinstance(expr, sp.Mul):
            return self._product(expr, code, uses)
        if isinstance(expr, sp.Pow):
            return self._power(expr.base, expr.exp, code)
        if isinstance(expr, sp.Piecewise):
            text = code(expr.args[-1][0]) if expr.args[-1][1] == sp.true else "nan"
            branches = expr.args[:-1] if expr.args[-1][1] == sp.true else expr.args
            for value, condition in reversed(branches):
                text = f"({code(value)} if {self.condition(condition, code)} else {text})"
            return text
        return self._function(expr, code)

    def condition(self, condition: sp.Basic, code: Callable[[sp.Basic], str] | None = None) -> str:
        if condition in (sp.true, sp.false):
            return str(bool(condition))
        if isinstance(condition, sp.And | sp.Or):
            word = " and " if isinstance(condition, sp.And) else " or "
            # Gathered entries are read only where the tests before them allow it.
            args = sorted(condition.args, key=lambda arg: len(arg.atoms(sp.Indexed)))
            return "(" + word.join(self.condition(arg, code) for arg in args) + ")"
        if isinstance(condition, sp.Not):
            return f"(not {self.condition(condition.args[0], code)})"
        if isinstance(condition, Relational):
            if code is None or self.integer(condition):
                sides = (index_code(side, self.names) for side in _whole(condition))
            else:
                sides = map(code, (condition.lhs, condition.rhs))
            return f" {condition.rel_op} ".join(sides).join("()")
        raise CompileError(f"the condition {condition} is not supported")

    def _product(self, expr: sp.Mul, code: Callable[[sp.Basic], str], uses) -> str:
        above, below, sign = [], [], ""
        for arg in expr.args:
            if arg == -1:
                sign = "-"
            elif isinstance(arg, sp.Pow) and arg.exp.is_Rational and arg.exp < 0 and uses[arg] <= 1:
                below.append(self._power(arg.base, -arg.exp, code))
            else:
                above.append(code(arg))
        text = "*".join(above) or "1.0"
        if below:
            text = f"{text}/({'*'.join(below)})"
        return f"({sign}{text})"

    def _power(self, base: sp.Expr, exponent: sp.Expr, code: Callable[[sp.Basic], str]) -> str:
        if exponent.is_Rational and exponent < 0:
            return f"(1.0/{self._power(base, -exponent, code)})"
        if exponent == 1:
            return code(base)
        if exponent == sp.Rational(1, 2):
            return f"sqrt({code(base)})"
        text = self.named(base)
        if exponent.is_Integer and exponent <= 4:
            return "(" + "*".join([text] * int(exponent)) + ")"
        if exponent.is_Integer:
            return f"({text} ** {int(exponent)})"
        if exponent.is_Rational and exponent.q == 2:
            return f"(sqrt({text})*{self._power(base, exponent - sp.Rational(1, 2), code)})"
        return f"({text} ** {code(exponent)})"

    def _function(self, expr: sp.Basic, code: Callable[[sp.Basic], str]) -> str:
        name = expr.func.__name__
        args = [code(arg) for arg in expr.args]
        if name in LIBRARY:
            return f"{LIBRARY[name]}({', '.join(args)})"
        if name in RECIPROCALS:
            return f"(1.0/{RECIPROCALS[name]}({args[0]}))"
        if isinstance(expr, sp.Abs):
            return f"abs({args[0]})"
        if isinstance(expr, sp.Heaviside):
            return f"heaviside({args[0]}, {args[1]})"
        if isinstance(expr, sp.DiracDelta):
            return "0.0"  # zero almost everywhere: the derivative of a kink
        if isinstance(expr, sp.Mod) or name == "remainder":
            return f"({args[0]} % {args[1]})"
        raise CompileError(f"the function {name} has no compiled form, in {readable(expr)}")
