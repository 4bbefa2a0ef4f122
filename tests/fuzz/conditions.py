"""Random sums of choices under nested tests, in which some literals keep in range what others, or later cases, read."""

from __future__ import annotations

import sympy as sp
from sympy.logic.boolalg import Boolean

from tests.fuzz.expressions import Case, Generator, Scope, c


class Conditions(Generator):
    """Draws one choice at a time, which SymPy multiplies with no other."""

    def energy(self) -> sp.Expr:
        """The sum of a choice, perhaps a function of it or with others beside it."""
        inside, limits = self.top, []
        for _ in range(self.rng.choice((1, 1, 2))):
            found = self.limits(inside)
            if found is not None:
                inside, limit = found
                limits.insert(0, limit)
        total = sp.Sum(self.choice(inside), *limits)
        return self.rng.choice([total, total, total**2, sp.sin(total), sp.Max(total, c), total + self.plain(self.top)])

    def choice(self, scope: Scope) -> sp.Expr:
        """A ``Piecewise`` of two or three cases, or the larger of it and another value."""
        rng, sub = self.rng, lambda: self.plain(scope)
        element, tests = self.element(scope)
        kept, lost = sp.And(*tests), sp.Or(*map(sp.Not, tests))
        later = sp.And(self.test(scope, 0), element > 0)
        cases = rng.choice([
            [(sub(), self.test(scope, 2)), (sub(), True)],
            [(element, sp.And(self.test(scope, 1), kept)), (sub(), True)],
            [(sub(), sp.Or(lost, self.test(scope, 1))), (element, True)],
            [(sub(), sp.Or(lost, self.test(scope, 0))), (sub(), later), (element, True)],
        ])  # fmt: skip
        chosen = sp.Piecewise(*cases)
        return rng.choice([chosen, chosen, chosen, sub() * chosen, sp.tanh(chosen), sp.Max(chosen, sub())])

    def plain(self, scope: Scope) -> sp.Expr:
        """An element that needs no test, or a function of one."""
        found = self.reference(scope)
        while found.has(sp.Piecewise):
            found = self.reference(scope)
        return self.rng.choice([found, found, found**2, sp.sin(found), self.index_value(scope) * found])

    def element(self, scope: Scope) -> tuple[sp.Expr, list[Boolean]]:
        """An element and the tests that keep it in range, where there is one that needs any."""
        for _ in range(8):
            base = self.rng.choice([b for b in self.pool if isinstance(b, sp.IndexedBase)])
            found = [self.place(scope, extent) for extent in base.shape]
            tests = [sp.sympify(test) for _, own in found for test in own]
            if tests:
                break
        return base[tuple(place for place, _ in found)], tests

    def test(self, scope: Scope, depth: int) -> Boolean:
        """A nest of literals."""
        rng = self.rng
        if depth == 0 or rng.random() < 0.2:
            return sp.sympify(self.condition(scope))
        element, tests = self.element(scope)
        kept, read = sp.And(*tests), sp.Gt(element, 0)
        if rng.random() < 0.2 and scope.indices:
            total = sp.Sum(element * self.plain(scope), (sp.Symbol("t", integer=True), 0, 1))
            read = sp.Gt(total, 0)
        own = rng.choice(
            [sp.And(kept, read), sp.Or(sp.Not(kept), read), sp.Not(sp.And(kept, read)), sp.Implies(kept, read)]
        )
        if tests and rng.random() < 0.3:
            own = sp.ITE(kept, read, self.test(scope, 0))
        if rng.random() < 0.5:
            return own
        other = self.test(scope, depth - 1)
        return rng.choice([sp.And(own, other), sp.Or(own, other), sp.Xor(own, other), sp.Not(sp.Or(own, other))])


def case(seed: int) -> Case:
    """The case of a seed."""
    generator = Conditions(seed)
    return Case(sp.sympify(generator.energy()), (), generator.worlds, seed)
