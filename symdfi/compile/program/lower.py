"""SymPy to the loop program: an assignment a sum, and one a costly part that varies over fewer loops."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.program.guards import Guards, kept, not_empty
from symdfi.compile.program.levels import is_inside, never_empty
from symdfi.compile.program.loops import Assignment, Loop, Variable, hull, in_words, is_bounded, ranges, variables
from symdfi.compile.program.separate import separated
from symdfi.compile.program.sharing import rebuilt, shared
from symdfi.compile.program.unroll import unrolled
from symdfi.compile.program.values import Finite, maximum, minimum, remainder
from symdfi.errors import CompileError
from symdfi.symbolic import private
from symdfi.symbolic.conditions import implied, in_turn, other_than_relations
from symdfi.symbolic.indexed import guarded
from symdfi.symbolic.maps import extreme, inequalities, is_index, is_known
from symdfi.symbolic.ranges import Limits
from symdfi.symbolic.sets import never_negative
from symdfi.symbolic.sums import PlainSum, fresh, renamed

_CONNECTED = (sp.ITE, sp.Xor, sp.Implies, sp.Equivalent)


class Program:
    """Builds the assignments of a kernel for one sample; equal right-hand sides are stored once.

    ``values`` are the floating-point variables (everything else in a condition is an index or a size);
    ``batched`` are those of them that change from sample to sample.
    """

    def __init__(self, values: Iterable[Variable], batched: Iterable[Variable] = ()) -> None:
        self.assignments: dict[Variable, Assignment] = {}
        self.values: set[Variable] = set(values)
        self.batched: set[Variable] = set(batched)
        #: What a derivative was taken of: its references must be in range, whether or not it is evaluated itself.
        self.differentiated: dict[Variable, Assignment] = {}
        self._known: dict[tuple, Assignment] = {}
        self._is_finite = Finite(self.assignments)

    def define(self, expr: sp.Basic, loops: tuple[Loop, ...] = ()) -> sp.Expr:
        """Store ``expr`` over ``loops`` and return the reference to it at the loop indices."""
        return self.assign(expr, loops).at(tuple(loop.index for loop in loops))

    def assign(self, expr: sp.Basic, loops: tuple[Loop, ...] = ()) -> Assignment:
        """The assignment that holds ``expr`` over ``loops``, made unless an equal one exists."""
        expr = self._plain(unrolled(sp.sympify(expr, strict=True)))
        apart = separated(expr, loops) if isinstance(expr, sp.Sum) else None
        expr = self._flat(expr if apart is None else apart, loops, ())
        self._check_integers(expr)
        names = {loop.index: private.index("a", k) for k, loop in enumerate(loops)}
        loops = tuple(loop.subs(names) for loop in loops)
        expr = renamed(expr, names)
        sums: tuple[Loop, ...] = ()
        if isinstance(expr, sp.Sum):
            expr, sums = self._open(expr)
        asked = (expr, loops, sums)
        if asked in self._known:
            return self._known[asked]
        expr = self._shared_stored(expr, loops + sums, not_empty(sums))
        expr, sums = self._factor(expr, sums, loops)
        # A scatter runs over what its term varies with, whatever it is scattered over.
        term = expr.xreplace({delta: sp.S.One for delta in expr.atoms(sp.KroneckerDelta)})
        flat = self._hoist(expr, loops + sums, not_empty(sums), self._depends(term, loops + sums))
        key = (flat, loops, sums)
        if key not in self._known:
            # Numbered, so that SymPy's order is that of creation, the same in all layers of a network.
            label = private.Private("t", len(self.assignments), real=True)
            shape = tuple(loop.extent for loop in hull(loops))
            target = sp.IndexedBase(label, shape=shape) if loops else label
            batched = bool(variables(flat) & self.batched)
            self._known[key] = self.assignments[target] = Assignment(target, loops, sums, flat, batched)
            self.values.add(target)
            if batched:
                self.batched.add(target)
        # Asked for again, it must not be taken for new because its parts are stored by now.
        self._known[asked] = self._known[key]
        return self._known[key]

    def _shared_stored(self, expr: sp.Expr, loops: tuple[Loop, ...], guards: Guards) -> sp.Expr:
        """``expr`` with the references to what it holds more than once, stored (see ``sharing``)."""
        found = shared(expr)
        if not found:
            return expr
        store = lambda node, new: self.stored(new, loops, guards) if node in found else new  # noqa: E731
        return sp.sympify(rebuilt(expr, store), strict=True)

    def _lookup(self, expr: sp.Expr, loops: tuple[Loop, ...]) -> sp.Expr | None:
        """The reference to an assignment that already holds ``expr`` over the loops it varies with."""
        deps = self._needed(variables(expr), loops)
        names = {loop.index: private.index("a", k) for k, loop in enumerate(deps)}
        known = self._known.get((expr.xreplace(names), tuple(loop.subs(names) for loop in deps), ()))
        return None if known is None else known.at(tuple(loop.index for loop in deps))

    def is_index_condition(self, condition: sp.Basic) -> bool:
        """Whether a condition is decided by indices and sizes alone."""
        return not variables(condition) & self.values

    def _is_told(self, literal: sp.Basic) -> bool:
        """Whether a literal is one on indices that nothing has to be added up for."""
        return self.is_index_condition(literal) and not literal.has(sp.Sum)

    def _check_integers(self, expr: sp.Expr) -> None:
        """``CompileError`` for an index or a bound that is no integer arithmetic on sizes and indices, and for a
        condition that is none on numbers."""
        for condition in (c for cases in expr.atoms(sp.Piecewise) for _, c in cases.args):
            for other in other_than_relations(condition):
                raise CompileError(f"the condition {self.in_words(other)} is not supported, in {self.in_words(expr)}")
        for reference in expr.atoms(sp.Indexed):
            if any(variables(index) & self.values or not is_index(index) for index in reference.indices):
                raise CompileError(
                    f"the indices of {self.in_words(reference)} must be integer expressions in sizes and indices"
                )
        for index, *bounds in expr.limits if isinstance(expr, sp.Sum) else ():
            if any(variables(bound) & self.values or not is_index(bound) for bound in bounds):
                raise CompileError(
                    f"the bounds of {self.in_words(expr)} must be integer expressions in sizes and indices"
                )
            if any(index in bound.free_symbols for bound in bounds):
                raise CompileError(f"the bounds of {self.in_words(expr)} hold their own index")

    def in_words(self, expr: sp.Basic) -> sp.Basic:
        """``expr`` as a message names it."""
        return in_words(expr, self.assignments)

    def _plain(self, expr: sp.Basic) -> sp.Basic:
        """``expr`` with ``maximum``, ``minimum``, ``remainder`` for ``Max``, ``Min``, ``Mod`` of values: not in indices
        and bounds, nor for a ``Mod`` of indices, which is to become a plain index where it can; its tests by And, Or
        and Not."""
        if isinstance(expr, _CONNECTED):
            expr = sp.to_nnf(expr, simplify=False)
        if not expr.has(sp.Max, sp.Min, sp.Mod, sp.frac, *_CONNECTED) or isinstance(expr, sp.Indexed):
            return expr
        if isinstance(expr, sp.Sum):
            return PlainSum(self._plain(expr.function), *expr.limits)
        if isinstance(expr, Boolean | sp.KroneckerDelta) and self.is_index_condition(expr):
            return expr
        args = [self._plain(arg) for arg in expr.args]
        if isinstance(expr, sp.Max | sp.Min):
            return functools.reduce(maximum if isinstance(expr, sp.Max) else minimum, args)
        if isinstance(expr, sp.Mod | sp.frac):
            args = [args[0], sp.S.One] if isinstance(expr, sp.frac) else args
            return remainder(*args) if variables(expr) & self.values else sp.Mod(*args, evaluate=False)
        return expr.func(*args)

    def _open(self, expr: sp.Sum) -> tuple[sp.Expr, tuple[Loop, ...]]:
        """A sum's summand and its loops, the outermost first, under standard index names."""
        expr = fresh(expr)
        limits: list[Limits] = [tuple(limit) for limit in reversed(expr.limits)]
        names = {index: private.index("b", k) for k, (index, _, _) in enumerate(limits)}
        return renamed(expr.function, names), tuple(Loop(*limit).subs(names) for limit in limits)

    def _factor(
        self, expr: sp.Expr, sums: tuple[Loop, ...], loops: tuple[Loop, ...], given: Guards = ()
    ) -> tuple[sp.Expr, tuple[Loop, ...]]:
        """Sum one index at a time where the factors that hold it vary with few others.

        ``Σ_kj A_k B_kj C_ja`` is ``Σ_j (Σ_k A_k B_kj) C_ja``: the chain rule through nested sums then costs what
        backpropagation does, not a power of the width that grows with the depth. ``given``: where ``expr`` is asked.
        """
        if isinstance(expr, sp.Piecewise) and len(expr.args) == 2 and expr.args[1] == (0, True):
            value, condition = expr.args[0]
            if self._is_told(condition) and not condition.free_symbols & set(ranges(loops + sums)):
                value, sums = self._factor(value, sums, loops, given + implied(condition, self._is_told))
                return guarded(value, (condition,)), sums
        several = len(sums) > 1
        while sums and expr != 0 and not expr.has(sp.KroneckerDelta):
            found = self._first(expr, sums, loops, several)
            if found is None:
                break
            own, deps, inside = found
            outside = [factor for factor in sp.Mul.make_args(expr) if factor not in inside]
            if inside:
                index = private.dummy(own.name)
                body = sp.Mul(*inside)
                guards = self._asked(body, (own,), given + not_empty(sums), deps, loops + sums)
                body = guarded(body, guards).xreplace({own.index: index})
                part = self.define(PlainSum(body, (index, own.lower, own.upper)), deps)
            else:
                part = own.extent
            expr = sp.Mul(part, *outside)
            sums = tuple(k for k in sums if k is not own)
            read = [(r, loops + sums) for factor in outside for r in factor.atoms(sp.Indexed)]
            read += [(r, loops + sums[:k]) for k, loop in enumerate(sums) for r in loop.entries]
            if not never_empty(own, ranges(loops + sums)) and not (
                all(itertools.starmap(is_inside, read)) and all(map(self._is_finite, outside))
            ):
                # Where nothing is summed nothing is read beside it, nor is it 0 times what may be no number there.
                expr = guarded(expr, (sp.Ge(own.upper, own.lower),))
        return expr, sums

    def _first(
        self, expr: sp.Expr, sums: tuple[Loop, ...], loops: tuple[Loop, ...], several: bool
    ) -> tuple[Loop, tuple[Loop, ...], list[sp.Expr]] | None:
        """The sum that is best taken before the others, the loops that its part varies with, and the factors that hold
        its index: none where it only counts. ``several``: the last one leaves a product of totals."""
        factors = sp.Mul.make_args(expr)
        best: tuple[Loop, tuple[Loop, ...], list[sp.Expr]] | None = None
        for own in sums:
            others = loops + tuple(k for k in sums if k is not own)
            inside = [factor for factor in factors if own.index in variables(factor)]
            if any(own.index in k.lower.free_symbols | k.upper.free_symbols for k in others):
                continue
            if not inside:
                extent = own.extent
                if is_known(extent) and extent.is_polynomial() and never_negative(extent, ranges(others)):
                    return own, (), []
                continue
            found = set(own.lower.free_symbols | own.upper.free_symbols)
            deps = self._needed(found.union(*(variables(factor) for factor in inside)), others)
            unsaid = set(ranges(loops + sums)) - set(ranges(deps))
            depends = any(guard.free_symbols & unsaid for guard in not_empty(sums))
            if depends and not _all_inside(inside, (own,), deps, kept(not_empty(sums), deps, loops + sums)):
                continue  # what is read may be there only where the other sums are not empty
            last = several and not others and len(inside) < len(factors)
            if (len(deps) < len(others) or last) and (best is None or len(deps) < len(best[1])):
                best = own, deps, inside
        return best

    def _flat(self, expr: sp.Expr, loops: tuple[Loop, ...], guards: Guards) -> sp.Expr:
        """``expr`` without sums but, perhaps, one around it.

        The innermost sums go first, so that renaming never walks a deep nest more than once.
        """
        expr = self._inward(expr) or expr
        if not isinstance(expr, sp.Sum):
            return self._flatten(expr, loops, guards)
        own = self._loops(expr)
        # An index of the sum's own hides one of the same name around it.
        outer = tuple(loop for loop in loops if loop.index not in {k.index for k in own})
        return PlainSum(self._flatten(expr.function, outer + own, guards + not_empty(own)), *expr.limits)

    def _flatten(self, expr: sp.Expr, loops: tuple[Loop, ...], guards: Guards) -> sp.Expr:
        """``expr`` with every sum in it stored and replaced by the reference."""
        if not expr.has(sp.Sum):
            return expr
        if isinstance(expr, sp.Sum):
            expr = self._flat(expr, loops, guards)
            deps = self._needed(expr.free_symbols, loops)
            own = self._asked(expr.function, self._loops(expr), guards, deps, loops)
            if own:
                expr = PlainSum(guarded(expr.function, own), *expr.limits)
            return self.define(expr, deps)
        if isinstance(expr, sp.Piecewise):
            inward = self._inward(expr)
            if inward is not None:
                return self._flatten(inward, loops, guards)
            return self._branches(expr, guards, lambda e, g: self._flatten(e, loops, g))
        return expr.func(*(self._flatten(arg, loops, guards) for arg in expr.args))

    @staticmethod
    def _loops(expr: sp.Sum) -> tuple[Loop, ...]:
        """The loops of a sum, the outermost first."""
        return tuple(Loop(*limit) for limit in reversed(expr.limits) if len(limit) == 3)

    def _inward(self, expr: sp.Expr) -> sp.Expr | None:
        """A sum under a condition on indices as the sum of what is under it, in one nest; None if it is none."""
        if not (isinstance(expr, sp.Piecewise) and len(expr.args) == 2 and expr.args[1] == (0, True)):
            return None
        total, condition = expr.args[0]
        if not isinstance(total, sp.Sum) or not self.is_index_condition(condition):
            return None
        total = fresh(total)
        return PlainSum(guarded(total.function, (condition,)), *total.limits)

    def _branches(self, expr: sp.Piecewise, guards: Guards, visit) -> sp.Expr:
        """Rebuild a ``Piecewise``, visiting each branch under the index conditions that lead to it."""
        branches, earlier = [], ()
        for value, condition in expr.args:
            asked = condition
            if condition.has(sp.Sum):
                under = guards + earlier
                asked = in_turn(condition, self._is_told, lambda c, before, under=under: visit(c, under + before))
            branches.append((visit(value, guards + earlier + implied(condition, self._is_told)), asked))
            earlier += implied(sp.Not(condition), self._is_told)
        return sp.Piecewise(*branches)

    @staticmethod
    def _needed(symbols: Iterable[sp.Basic], loops: tuple[Loop, ...]) -> tuple[Loop, ...]:
        """The loops to store what depends on ``symbols`` over.

        Where the range of one depends on a loop that is not needed itself, it runs over all that it reaches there
        (what depends on j of a triangle j <= i is stored for every j, not for every pair). Failing that, the loop
        that the range depends on is needed as well.
        """
        needed = set(symbols)
        found: list[Loop] = []
        for position in reversed(range(len(loops))):
            loop = loops[position]
            if loop.index not in needed:
                continue
            others = {k: bounds for k, bounds in ranges(loops[:position]).items() if k not in needed}
            ends = extreme(loop.lower, others, False), extreme(loop.upper, others, True)
            if all(end is not None and is_known(end) and not end.free_symbols & set(others) for end in ends):
                loop = replace(loop, lower=ends[0], upper=ends[1])
            needed |= loop.lower.free_symbols | loop.upper.free_symbols
            found.append(loop)
        return tuple(reversed(found))

    def _depends(self, expr: sp.Basic, loops: tuple[Loop, ...]) -> frozenset:
        """The loop indices, and ``"batch"``, that the value of ``expr`` varies with."""
        found = variables(expr)
        deps = {loop.index for loop in self._needed(found, loops)}
        return frozenset(deps | ({"batch"} if found & self.batched else set()))

    def _hoist(self, expr: sp.Expr, loops: tuple[Loop, ...], guards: Guards, scope: frozenset) -> sp.Expr:
        """Store the largest costly subexpressions that vary with fewer loops than ``scope``."""
        if not expr.args or isinstance(expr, sp.Indexed) or not is_costly(expr):
            return expr
        if isinstance(expr, sp.Piecewise):
            return self._branches(expr, guards, lambda e, g: self._hoist(e, loops, g, scope))
        if not isinstance(expr, sp.Expr):
            return expr
        if self._depends(expr, loops) < scope:
            return self.stored(expr, loops, guards)
        if isinstance(expr, sp.Function):
            known = self._lookup(expr, loops)
            if known is not None:
                return known
        if not isinstance(expr, sp.Add | sp.Mul):
            return expr.func(*(self._hoist(arg, loops, guards, scope) for arg in expr.args))
        # Factors (terms) that vary alike are stored together.
        parts: dict[frozenset, list[sp.Expr]] = {}
        for arg in expr.args:
            parts.setdefault(self._depends(arg, loops), []).append(arg)
        rebuilt = []
        for deps, args in parts.items():
            whole = expr.func(*args)
            if deps < scope and is_costly(whole):
                rebuilt.append(self.stored(whole, loops, guards))
            else:
                rebuilt += [self._hoist(arg, loops, guards, scope) for arg in args]
        return expr.func(*rebuilt)

    def stored(self, expr: sp.Expr, loops: tuple[Loop, ...], guards: Guards) -> sp.Expr:
        """Store ``expr`` over those of the loops that it varies with, where ``guards`` hold: the reference to it;
        itself where nothing tells how far these reach, Min(j, p[j])..Max(j, p[j])."""
        deps = self._needed(variables(expr), loops)
        if not expr.has(sp.Sum) and not is_bounded(deps):
            return expr
        return self.define(guarded(expr, self._asked(expr, (), guards, deps, loops)), deps)

    def _asked(
        self, expr: sp.Expr, sums: tuple[Loop, ...], guards: Guards, deps: tuple[Loop, ...], loops: tuple[Loop, ...]
    ) -> Guards:
        """Where the total of ``expr`` over ``sums`` is stored over ``deps``, which is read within ``loops`` where
        ``guards`` hold: what these say, and, if it might read out of range or be no number, that of any loop around it
        there is an iteration. What nothing reads has a derivative of 0, which such a number would spoil."""
        own = kept(guards, deps, loops)
        every = guards + not_empty(loops)
        if all(guard == sp.true for guard in every) or (_all_inside([expr], sums, deps, own) and self._is_finite(expr)):
            return own
        return kept(every, deps, loops, True)


def _all_inside(factors: Iterable[sp.Expr], sums: tuple[Loop, ...], deps: tuple[Loop, ...], guards: Guards) -> bool:
    """Whether all that is read for sums of ``factors`` over ``sums``, stored over ``deps`` where ``guards`` hold, is
    provably in range."""
    given = tuple(expr for guard in guards for expr in inequalities(guard))
    read = set().union(*(factor.atoms(sp.Indexed) for factor in factors))
    bounds = ((r, deps + sums[:k]) for k, own in enumerate(sums) for r in own.entries)
    return all(is_inside(r, deps + sums, given) for r in read) and all(is_inside(r, at, given) for r, at in bounds)


def is_costly(expr: sp.Basic) -> bool:
    """Whether evaluating ``expr`` takes more than a few additions and multiplications."""
    if isinstance(expr, sp.Indexed | sp.Symbol | sp.Number | sp.KroneckerDelta):
        return False
    if isinstance(expr, sp.Pow) and not (expr.exp.is_Integer and 0 < expr.exp <= 4):
        return not expr.is_number
    if isinstance(expr, sp.Function) and not isinstance(expr, sp.Piecewise | sp.Mod):
        return True
    return any(is_costly(arg) for arg in expr.args)
