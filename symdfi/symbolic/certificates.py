"""Certificates that one polynomial follows from others, by an exact simplex method."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

#: A product of atoms, by their numbers in order; () is 1.
Monomial = tuple[int, ...]
#: Coefficients, integers or fractions, by monomial; none is zero.
Polynomial = dict[Monomial, Any]

#: Beyond these a question stays open.
MAX_COLUMNS, MAX_PIVOTS = 160, 200


def plus(a: Polynomial, b: Polynomial) -> Polynomial:
    total = dict(a)
    for monomial, coefficient in b.items():
        total[monomial] = total.get(monomial, 0) + coefficient
        if not total[monomial]:
            del total[monomial]
    return total


def scaled(a: Polynomial, factor: int | Fraction) -> Polynomial:
    return {monomial: factor * c for monomial, c in a.items()}


def times(a: Polynomial, b: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for (m, c), (k, d) in itertools.product(a.items(), b.items()):
        both = tuple(sorted(m + k))
        total[both] = total.get(both, 0) + c * d
    return {monomial: c for monomial, c in total.items() if c}


def whole(p: Polynomial) -> Polynomial:
    """A positive multiple with integer coefficients, the constant rounded down as integers allow."""
    scale = math.lcm(*(Fraction(c).denominator for c in p.values()))
    integers = {m: int(c * scale) for m, c in p.items()}
    common = math.gcd(*(c for m, c in integers.items() if m))
    return {m: c // common for m, c in integers.items()} if common > 1 else integers


def combined(goal: Polynomial, columns: Sequence[Polynomial], free: set[int]) -> bool:
    """Whether goal = c + Σ λ_k column_k + Σ μ_m m with λ, μ >= 0, c > -1 and m products of atoms that are >= 0.

    The simplex method on integers: every pivot is exact, and the rows share the last pivot as denominator.
    """
    columns = columns[:MAX_COLUMNS]
    monomials = list(dict.fromkeys(m for p in (goal, *columns) for m in p if m))
    slack = [not free.intersection(m) for m in monomials]
    width = len(columns) + len(monomials)
    table: list[list[int]] = []
    basis: list[int] = []
    artificial: list[int] = []
    for row, monomial in enumerate(monomials):
        sign = -1 if goal.get(monomial, 0) < 0 else 1
        line = [sign * column.get(monomial, 0) for column in columns] + [0] * len(monomials)
        if slack[row]:
            line[len(columns) + row] = sign
        table.append([*line, sign * goal.get(monomial, 0)])
        basis.append(len(columns) + row if slack[row] and sign > 0 else -1)
        if basis[-1] < 0:
            artificial.append(row)
    cost = [column.get((), 0) for column in columns] + [0] * (len(monomials) + 1)
    # What is missing from the rows without a basis column, which is brought to 0 first.
    missing = [-sum(table[row][k] for row in artificial) for k in range(width + 1)]
    tableau = _Tableau(table, basis, [missing, cost])
    if not tableau.minimised(0, lambda: tableau.rows[-2][-1] == 0) or tableau.rows[-2][-1] != 0:
        return False
    tableau.without_artificial()
    # c = goal's constant - cost: more than -1 is enough, for what is an integer.
    enough = goal.get((), 0) + 1
    tableau.minimised(1, lambda: -tableau.rows[-1][-1] < enough * tableau.denominator)
    return tableau.unbounded or -tableau.rows[-1][-1] < enough * tableau.denominator


class _Tableau:
    """Rows ``[coefficients | right-hand side]`` over a common denominator, the last two of them objectives."""

    def __init__(self, table: list[list[int]], basis: list[int], objectives: list[list[int]]) -> None:
        self.rows = [*table, *objectives]
        self.basis = basis
        self.denominator = 1
        self.pivots = 0
        self.unbounded = False

    def minimised(self, objective: int, done: Callable[[], bool]) -> bool:
        """Pivot until ``done`` or the objective is least; False where that takes too long or has no end."""
        costs = self.rows[len(self.basis) + objective]
        while not done():
            costs = self.rows[len(self.basis) + objective]
            column = next((k for k, c in enumerate(costs[:-1]) if c < 0), None)  # the first: no cycles
            if column is None:
                return True
            best: Fraction | None = None
            leaving = -1
            for row, own in enumerate(self.basis):
                entry = self.rows[row][column]
                if entry > 0:
                    ratio = Fraction(self.rows[row][-1], entry)
                    if best is None or ratio < best or (ratio == best and own < self.basis[leaving]):
                        best, leaving = ratio, row
            if leaving < 0:
                self.unbounded = True
                return False
            self.pivots += 1
            if self.pivots > MAX_PIVOTS:
                return False
            self.pivot(leaving, column)
        return True

    def pivot(self, row: int, column: int) -> None:
        line = self.rows[row]
        if line[column] < 0:
            line = self.rows[row] = [-entry for entry in line]
        p, d = line[column], self.denominator
        for k, other in enumerate(self.rows):
            if k != row:
                q = other[column]
                if q:
                    self.rows[k] = [(a * p - q * b) // d for a, b in zip(other, line, strict=True)]
                elif p != d:
                    self.rows[k] = [a * p // d for a in other]
        self.denominator = p
        self.basis[row] = column

    def without_artificial(self) -> None:
        """Bring columns into the basis for rows that have none: their right-hand sides are 0."""
        for row, own in enumerate(self.basis):
            if own < 0:
                column = next((k for k, entry in enumerate(self.rows[row][:-1]) if entry), None)
                if column is not None:
                    self.pivot(row, column)
