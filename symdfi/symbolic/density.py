"""Lagrangian densities: field equations, momenta, energy, Hamiltonian and first-order evolution equations.

With the action ∫∫ 𝓛(u, u_t, u_x, ...) dx dt the fields obey

    Σ_α (−D)^α ∂𝓛/∂(D^α u) = 0,        π = ∂𝓛/∂u_t,        𝓗 = Σ π u_t − 𝓛.

Where the Legendre map u_t → π inverts, (u, π) evolve by Hamilton's equations u_t = δ𝓗/δπ, π_t = −δ𝓗/δu. A density that
is linear in the rates, 𝓛 = Σ A(u) u_t − 𝓗(u), has no momenta of its own: its field equations Ω(u) u_t = δ𝓗/δu with
Ω = A' − A'ᵀ are of first order, and are solved for the rates. Some fields may be of the one kind, some of the other.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.showing import formulas, shortened
from symdfi.symbolic import given
from symdfi.symbolic.complexes import parts
from symdfi.symbolic.conjugates import Conjugates
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.euler import jet, partial, variational_derivative
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.given import expression

#: The equations of longer densities are not derived to be shown.
_SHOWN = 300


class LagrangianDensity(Rebuilt):
    """A Lagrangian density 𝓛 of ``fields`` u(t, x, ...) over the space ``variables``.

    ``expr`` may hold t, the variables, the fields, their derivatives in space of any order and first derivatives in
    time, also mixed ones, and ``parameters``, which are numbers (found in it if not listed). A field of which it holds
    the conjugate, modulus, real or imaginary part is complex unless declared real, ``Function("u", real=True)``; the
    density is real then, or becomes so by a divergence (i ψ* ψ_t).

    Raises ``SymbolicError`` for a function that is no field, a higher derivative in time, a sum over an index, an
    integral and a density that is not real; ``TypeError`` for text, which is not evaluated.
    """

    expr: sp.Expr
    fields: tuple[AppliedUndef, ...]
    variables: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]

    def __init__(
        self,
        expr: sp.Expr,
        fields: Sequence[AppliedUndef] | AppliedUndef,
        variables: Sequence[sp.Symbol] | sp.Symbol,
        parameters: Sequence[sp.Symbol] | None = None,
    ) -> None:
        expr = expression(expr, "the density")
        self.variables = _read_variables(variables)
        self.fields = _read_fields(fields, self.variables)
        for node in (sp.Integral, sp.Sum, sp.Indexed):
            for found in sorted(expr.atoms(node), key=str):
                raise SymbolicError(f"the density holds {found}: it is a function of fields and numbers at one point")
        self._conjugates = Conjugates.found(expr, self.fields)
        self.expr = self._real(self._conjugates.read(expr))
        self._check_terms()
        self.parameters = self._read_parameters(parameters)

    # What is derived, in the user's terms

    @functools.cached_property
    def field_equations(self) -> tuple[sp.Eq, ...]:
        """The Euler–Lagrange equations δ𝓛/δu = 0, one a field; δ𝓛/δψ* = 0 of a complex one."""
        equations = (variational_derivative(self.expr, self._partner(u)) for u in self.fields)
        return tuple(sp.Eq(self._show(e), 0, evaluate=False) for e in equations)

    @functools.cached_property
    def momenta(self) -> tuple[sp.Expr, ...]:
        """The momentum densities π = ∂𝓛/∂u_t, one a field; with mixed derivatives Σ_β (−D)^β ∂𝓛/∂(D^β u_t)."""
        return tuple(self._show(variational_derivative(self.expr, u, [t])) for u in self.fields)

    @functools.cached_property
    def energy(self) -> sp.Expr:
        """The energy density 𝓗 = Σ π u_t − 𝓛, of which the integral is conserved where 𝓛 does not depend on t."""
        return self._show(self._energy)

    @functools.cached_property
    def momentum_fields(self) -> tuple[AppliedUndef, ...]:
        """The fields p_u(t, x) that stand for the momenta of those fields whose Legendre map inverts."""
        return tuple(map(self._momentum, self._inertial))

    @functools.cached_property
    def hamiltonian(self) -> sp.Expr:
        """𝓗(u, π), with ``momentum_fields`` in place of the rates; of a density linear in the rates it is 𝓗(u).

        Raises ``SymbolicError`` where the Legendre map does not invert.
        """
        return self._show_momenta(self._hamilton[1])

    @functools.cached_property
    def phase_space(self) -> LagrangianDensity:
        """Σ π u_t − 𝓗(u, π): a density linear in the rates, of the fields and their ``momentum_fields``, with the same
        motion; the density itself where it is linear in them."""
        if not self._inertial:
            return self
        expr = self._show_momenta(self._hamilton[0])
        return type(self)(expr, [*self.fields, *self.momentum_fields], self.variables)

    @property
    def is_first_order(self) -> bool:
        """Whether the density is linear in the rates of its fields, and holds some: then so are its equations."""
        rates = [d for u in self._parts for order, d in jet(self.expr, u).items() if t in order]
        slopes = [partial(self.expr, rate) for rate in rates]
        return bool(rates) and not any(slope.has(*rates) and sp.simplify(slope).has(*rates) for slope in slopes)

    @functools.cached_property
    def evolution_equations(self) -> tuple[sp.Eq, ...]:
        """First-order equations u_t = f, one a field in the order of ``fields``, then one a momentum.

        For a density of only derivatives u_x, linear in u_t, whose equation is that of u_x (Korteweg–de Vries: 𝓛 =
        u_x u_t/2 + ...), the equation of the field u_x.

        Raises ``SymbolicError`` where the Legendre map is singular and the equations are not of first order, where
        they leave a rate open (a constraint), and where space derivatives act on the rates.
        """
        density, momenta = self.phase_space, self.momentum_fields
        fields = (*self.fields, *momenta)
        rates = density._rates()
        return tuple(sp.Eq(u.diff(t), rates[u], evaluate=False) for u in (rates if len(rates) == 1 else fields))

    def evolution(self) -> EvolutionEquation:
        """``evolution_equations`` as an ``EvolutionEquation`` in u, and p_u where there are momenta."""
        equations = self.evolution_equations
        several = (u for u in (*self.fields, *self.momentum_fields) if self.phase_space.is_complex(u))
        return EvolutionEquation(equations[0] if len(equations) == 1 else list(equations), complex=list(several))

    def is_complex(self, field: AppliedUndef) -> bool:
        """Whether a field is complex."""
        return field in self._conjugates.partner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shortened(str(self), 120)}; fields {', '.join(map(str, self.fields))})"

    def _repr_latex_(self) -> str:
        """The density, and the field equations, where these are not long to derive."""
        equations = self.field_equations if self.expr.count_ops() <= _SHOWN else ()
        return formulas([rf"\mathcal{{L}} = {sp.latex(self._show(self.expr))}", *equations])

    def __str__(self) -> str:
        return str(self._show(self.expr))

    # In real fields

    @functools.cached_property
    def components(self) -> Mapping[AppliedUndef, tuple[AppliedUndef, ...]]:
        """The real functions of each field: itself, or of a complex one its real and imaginary part."""
        found = {}
        for u in self.fields:
            names = [u.func.__name__] if self._partner(u) == u else [f"{n}({u.func.__name__})" for n in ("re", "im")]
            found[u] = (u,) if len(names) == 1 else tuple(sp.Function(name, real=True)(*u.args) for name in names)
        return found

    @functools.cached_property
    def real_expr(self) -> sp.Expr:
        """The density in the real ``components`` of its fields."""
        if not self._conjugates:
            return self.expr
        values = {u: own[0] + sp.I * own[1] for u, own in self.components.items() if len(own) == 2}
        values |= {self._partner(u): own[0] - sp.I * own[1] for u, own in self.components.items() if len(own) == 2}
        nodes = {d: values[d.expr].diff(*d.variables) for d in self.expr.atoms(sp.Derivative) if d.expr in values}
        real = self.expr.xreplace(nodes).xreplace(values)
        held = {*real.atoms(AppliedUndef), *real.atoms(sp.Derivative)}
        return sp.expand(parts(real, {node: (node, sp.S.Zero) for node in held})[0])

    # The same in fields and their partners

    @property
    def _parts(self) -> tuple[AppliedUndef, ...]:
        """All functions that vary on their own: the fields, and the partners of complex ones."""
        return (*self.fields, *self._conjugates.partner.values())

    def _partner(self, u: AppliedUndef) -> AppliedUndef:
        return self._conjugates.partner.get(u, u)

    def _show(self, expr: sp.Expr) -> sp.Expr:
        return self._conjugates.show(expr)

    def _show_momenta(self, expr: sp.Expr) -> sp.Expr:
        return self._show(expr).xreplace({_conjugate_of(p): sp.conjugate(p) for p in self.momentum_fields})

    @functools.cached_property
    def _energy(self) -> sp.Expr:
        rates = [d for u in self._parts for order, d in jet(self.expr, u).items() if t in order]
        slopes = [partial(self.expr, rate) for rate in rates]
        curvature = [[partial(slope, rate) for rate in rates] for slope in slopes]
        if sp.Matrix(curvature).has(*rates):
            return sp.Add(*(slope * rate for slope, rate in zip(slopes, rates, strict=True))) - self.expr
        # What is linear in the rates cancels.
        kinetic = (entry * a * b / 2 for a, row in zip(rates, curvature, strict=True)
                   for b, entry in zip(rates, row, strict=True))  # fmt: skip
        return sp.Add(*kinetic) - self.expr.xreplace(dict.fromkeys(rates, sp.S.Zero))

    @functools.cached_property
    def _inertia(self) -> sp.Matrix:
        """∂²𝓛/∂u_t∂u_t of the parts."""
        rates = [u.diff(t) for u in self._parts]
        return sp.Matrix(len(rates), len(rates), lambda r, c: partial(partial(self.expr, rates[r]), rates[c]))

    @functools.cached_property
    def _inertial(self) -> tuple[AppliedUndef, ...]:
        """The fields in whose rates 𝓛 is not linear."""
        rows = {u for k, u in enumerate(self._parts) if any(entry != 0 for entry in self._inertia.row(k))}
        return tuple(u for u in self.fields if {u, self._partner(u)} & rows)

    def _momentum(self, u: AppliedUndef) -> AppliedUndef:
        name, taken = f"p_{u.func.__name__}", {f.func.__name__ for f in self.fields}
        while name in taken:
            name = f"p_{name}"
        return sp.Function(name, **({"real": True} if u.is_real else {}))(*u.args)

    @functools.cached_property
    def _hamilton(self) -> tuple[sp.Expr, sp.Expr]:
        """Σ π u_t − 𝓗 and 𝓗, with p_u in place of the rates of ``_inertial`` fields."""
        if not self._inertial:
            return self.expr, self._energy
        for u in self._parts:
            for order, mixed in jet(self.expr, u).items():
                if t in order and len(order) > 1:
                    raise SymbolicError(f"the Legendre map of {self} is a differential operator: it holds {mixed}")
        momenta = {u: self._momentum(u) for u in self._inertial}
        momenta |= {self._partner(u): _conjugate_of(p) for u, p in momenta.items() if self._partner(u) != u}
        fast = [u.diff(t) for u in momenta]
        slow = [u.diff(t) for u in self._parts if u not in momenta]
        drift = {rate: partial(self.expr, rate) for rate in slow}
        for rate, slope in drift.items():
            if slope.has(*fast):
                raise SymbolicError(
                    f"the Legendre map of {self} is singular: {rate} occurs along with other rates only"
                )
        linear = sp.Add(*(slope * rate for rate, slope in drift.items()))
        rest = self.expr.xreplace(dict.fromkeys(slow, sp.S.Zero))
        hamiltonian = self._legendre(rest, fast, list(momenta.values()))
        moving = sp.Add(*(p * rate for p, rate in zip(momenta.values(), fast, strict=True)))
        return moving + linear - hamiltonian, hamiltonian

    def _legendre(self, expr: sp.Expr, rates: list[sp.Expr], momenta: list[AppliedUndef]) -> sp.Expr:
        """π·u_t − L(u_t) in terms of the momenta π. ``SymbolicError`` where they do not tell the rates."""
        at_rest = dict.fromkeys(rates, sp.S.Zero)
        slopes = [partial(expr, rate) for rate in rates]
        inertia = sp.Matrix([[partial(slope, rate) for rate in rates] for slope in slopes])
        if not inertia.has(*rates):
            if sp.simplify(inertia.det(method="berkowitz")) == 0:
                raise SymbolicError(f"the Legendre map of {self} is singular: ∂²L/∂u_t∂u_t = {self._show(inertia)}")
            inverse = inertia.inv().applyfunc(sp.simplify)
            shifted = sp.Matrix([p - slope.xreplace(at_rest) for p, slope in zip(momenta, slopes, strict=True)])
            return (shifted.T * inverse * shifted)[0] / 2 - expr.xreplace(at_rest)
        names = {node: sp.Dummy(real=True) for node in (*rates, *momenta, *expr.atoms(sp.Derivative), *self._parts)}
        symbols, unknown = [names[p] for p in momenta], [names[rate] for rate in rates]
        maps = [slope.xreplace(names) for slope in slopes]
        try:
            found = sp.solve([m - p for m, p in zip(maps, symbols, strict=True)], unknown, dict=True)
        except NotImplementedError:
            found = []
        # Of the roots of what SymPy has squared only those count that the map takes back to the momenta.
        proper = [s for s in found if len(s) == len(unknown) and not sp.Tuple(*s.values()).has(*unknown)
                  and all(sp.simplify(m.xreplace(s) - p) == 0 for m, p in zip(maps, symbols, strict=True))]  # fmt: skip
        if len(proper) != 1:
            raise SymbolicError(f"the Legendre map of {self} does not invert in closed form, by one solution")
        value = sp.Add(*(p * v for p, v in zip(symbols, unknown, strict=True))) - expr.xreplace(names)
        return sp.simplify(value.xreplace(proper[0])).xreplace({symbol: node for node, symbol in names.items()})

    def _rates(self) -> dict[AppliedUndef, sp.Expr]:
        """The rates of a density linear in them, from its field equations, of which they are the unknowns."""
        parts = self._parts
        equations = [variational_derivative(self.expr, u) for u in parts]
        timed = {d for e in equations for u in parts for order, d in jet(e, u).items() if t in order}
        rates = [u.diff(t) for u in parts]
        if further := sorted(timed - set(rates), key=str):
            return self._rates_of_slope(equations[0], further[0])
        system = sp.Matrix(len(parts), len(parts), lambda r, c: partial(equations[r], rates[c]))
        if sp.simplify(system.det(method="berkowitz")) == 0:
            open_ = next(u for k, u in enumerate(parts) if any(v[k] != 0 for v in system.nullspace()))
            raise SymbolicError(
                f"the field equations of {self} do not tell the rate of {self._show(open_)}: "
                "its Legendre map is singular and the equations are not of first order in it"
            )
        inverse = system.inv().applyfunc(sp.simplify)
        rest = [sp.Add.make_args(e.xreplace(dict.fromkeys(rates, sp.S.Zero))) for e in equations]
        solved = {
            u: sp.Add(*(-inverse[k, c] * term for c, terms in enumerate(rest) for term in terms))
            for k, u in enumerate(parts)
        }
        return {u: self._show(solved[u]) for u in self.fields}

    def _rates_of_slope(self, equation: sp.Expr, mixed: sp.Expr) -> dict[AppliedUndef, sp.Expr]:
        """The rate of w = u_x, where the equation of u is one of w."""
        refusal = f"space derivatives act on the rates in the field equations of {self}: these hold {self._show(mixed)}"
        u, orders = self.fields[0], jet(equation, self.fields[0])
        timed = [order for order in orders if t in order]
        if len(self._parts) > 1 or len(timed) != 1 or len(timed[0]) != 2:
            raise SymbolicError(refusal)
        x = next(s for s in timed[0] if s != t)
        if not all(x in order for order in orders):
            raise SymbolicError(refusal)
        w = sp.Function(f"{u.func.__name__}_{x.name}")(*u.args)
        put = {}
        for order, node in orders.items():
            rest = list(order)
            rest.remove(x)
            put[node] = w.diff(*rest) if rest else w
        rate = w.diff(t)
        linear = equation.xreplace(put)
        factor = partial(linear, rate)
        terms = sp.Add.make_args(linear.xreplace({rate: sp.S.Zero}))
        return {w: sp.Add(*(-term / factor for term in terms))}

    # Reading

    def _real(self, expr: sp.Expr) -> sp.Expr:
        """A density that is real, by a divergence if need be."""
        if not (expr.has(sp.I) or self._conjugates):
            return expr
        imaginary = sp.expand(expr - self._conjugates.conjugate(expr))
        if imaginary == 0 or sp.simplify(imaginary) == 0:
            return expr
        if any(sp.simplify(variational_derivative(imaginary, u)) != 0 for u in self._parts):
            raise SymbolicError(
                f"the density {self._show(expr)} is not real: write the conjugate of a complex field where "
                'it is meant, and declare a real one so, Function("u", real=True)'
            )
        return sp.expand((expr + self._conjugates.conjugate(expr)) / 2)

    def _check_terms(self) -> None:
        known = {*self._parts}
        for other in sorted(self.expr.atoms(AppliedUndef) - known, key=str):
            raise SymbolicError(f"the density holds {other}, which is none of the fields {list(self.fields)}")
        for d in sorted(self.expr.atoms(sp.Derivative), key=str):
            if d.expr not in known or not set(d.variables) <= {t, *self.variables}:
                raise SymbolicError(f"{self._show(d)} in the density is no derivative of a field by t or a variable")
            if d.variables.count(t) > 1:
                raise SymbolicError(
                    f"the density holds the time derivative {self._show(d)}: only first ones are supported "
                    "(u*u_tt may be written -u_t**2, up to a divergence)"
                )
        for u in self.fields:
            if not jet(self.expr, u) and not jet(self.expr, self._partner(u)):
                raise SymbolicError(f"the density does not depend on the field {u}")

    def _read_parameters(self, parameters: Sequence[sp.Symbol] | None) -> tuple[sp.Symbol, ...]:
        free = {s for s in self.expr.free_symbols if isinstance(s, sp.Symbol)} - {t, *self.variables}
        if parameters is None:
            return tuple(sorted(free, key=sp.default_sort_key))
        declared = given.variables(parameters, "parameters")
        for symbol in sorted(free - set(declared), key=str):
            raise SymbolicError(f"the symbol {symbol} of the density is neither a variable nor a parameter")
        for symbol in declared:
            if not isinstance(symbol, sp.Symbol) or symbol in (t, *self.variables):
                raise SymbolicError(f"{symbol} is listed as a parameter of the density: a parameter is a symbol")
        return declared


def _conjugate_of(momentum: AppliedUndef) -> AppliedUndef:
    """The function that stands for the conjugate of a complex momentum."""
    return sp.Function(f"{momentum.func.__name__}^*")(*momentum.args)


def _read_variables(variables: Sequence[sp.Symbol] | sp.Symbol) -> tuple[sp.Symbol, ...]:
    found = given.variables([variables] if isinstance(variables, sp.Symbol) else variables, "variables")
    for x in found:
        if not isinstance(x, sp.Symbol) or x == t or found.count(x) > 1:
            raise SymbolicError(f"the space variables {list(found)} must be different symbols, t is none of them")
    if not found:
        raise SymbolicError("a density has at least one space variable")
    return found


def _read_fields(
    fields: Sequence[AppliedUndef] | AppliedUndef, variables: tuple[sp.Symbol, ...]
) -> tuple[AppliedUndef, ...]:
    found = given.variables([fields] if isinstance(fields, AppliedUndef) else fields, "fields")
    names = [f.func.__name__ if isinstance(f, AppliedUndef) else "" for f in found]
    for f, name in zip(found, names, strict=True):
        if not isinstance(f, AppliedUndef) or sorted(f.args, key=str) != sorted((t, *variables), key=str):
            raise SymbolicError(f"a field is a function of t and {', '.join(map(str, variables))}, not {f}")
        if names.count(name) > 1:
            raise SymbolicError(f"two of the fields are named {name}")
    if not found:
        raise SymbolicError("a density has at least one field")
    return found
