"""Index conditions to loop ranges: an assignment becomes pieces, each without a condition on indices.

``Piecewise((f(x[i+1]), i < n-1), (0, True))`` and ``x[Mod(i+1, n)]`` are split over the truth of every index
condition (a Shannon expansion); what the ranges prove impossible is dropped. The interior of a chain is then
one plain loop that LLVM vectorises, its ends are loops of a few elements, and no element is read outside the
condition that guards it. ``Mod(i, 2) = 0`` becomes a loop over every other i. Where that would make too many pieces,
conditions are asked in the loop (see ``asked``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from symdfi.compile.passes.asked import asked_inside
from symdfi.compile.passes.numbered import at_numbers
from symdfi.compile.passes.restrict import is_empty, is_reached, narrowed, reached, restrict, without_single
from symdfi.compile.program.loops import Assignment, Definition, Loop, Piece, ranges
from symdfi.compile.program.lower import Program
from symdfi.errors import CompileError
from symdfi.symbolic.affine import affine
from symdfi.symbolic.conditions import plain
from symdfi.symbolic.indexed import Hit
from symdfi.symbolic.maps import inequalities, standard, without_fractions
from symdfi.symbolic.private import Private
from symdfi.symbolic.sets import never_negative
from symdfi.symbolic.sums import shortened

#: Beyond this many different ``Mod`` in one assignment they stay run-time remainders.
MAX_SPLIT_MODULI = 4
#: Beyond this many pieces conditions are asked in the loop, and ranges of zeros are one that is cleared before; beyond
#: this many conditions nothing is compiled.
MAX_PIECES, MAX_CONDITIONS = 12, 64


def definition(assignment: Assignment, program: Program) -> Definition:
    """The pieces that compute an assignment."""
    target, free = assignment.target, assignment.loops
    indices = assignment.element(tuple(loop.index for loop in free))

    def done(pieces: list[Piece], fill: bool) -> Definition:
        return Definition(assignment, tuple(pieces), fill)

    terms = [_scatter(assignment, term) or term for term in sp.Add.make_args(assignment.expr)]
    scattered = [term for term in terms if isinstance(term, Piece)]
    rest = sp.Add(*(term for term in terms if not isinstance(term, Piece)))
    whole = Piece(target, indices, rest, free + assignment.sums, len(assignment.sums))
    pieces = list(_split_piece(whole, program))
    zeros = sum(p.value == 0 for p in pieces)
    if not assignment.sums and not scattered and zeros <= MAX_PIECES:
        return done(pieces, False)
    pieces = [p for p in pieces if p.value != 0]
    alone = len(pieces) == 1 and not scattered
    if alone and pieces[0].guard == sp.true and pieces[0].loops[: len(free)] == free:
        return done(pieces, False)
    pieces += [p for piece in scattered for p in _split_piece(piece, program) if p.value != 0]
    return done([replace(p, add=True) for p in pieces], True)


def _scatter(assignment: Assignment, value: sp.Expr) -> Piece | None:
    """The term ``δ(p[i], j) f(i)`` of ``T[j]`` as the loop over i that adds f to ``T[p[i]]``."""
    loops, guard = assignment.loops, sp.true
    where: dict[sp.Symbol, sp.Expr] = {}
    for delta in _common_deltas(value):
        for source, target in (delta.args, delta.args[::-1]):
            loop = next((k for k in loops if k.index == target), None)
            if loop is None or source.free_symbols & {target, *where} or _bounds_others(loop, assignment):
                continue
            here = {loop.index: source}
            where = {index: found.xreplace(here) for index, found in where.items()} | here
            value = value.xreplace({delta: sp.S.One})
            guard = guard.xreplace(here)
            # An entry of an index array out of range is an error, which a test would hide.
            if not (isinstance(delta, Hit) and source.has(sp.Indexed)):
                guard = sp.And(guard, sp.Ge(source, loop.lower), sp.Le(source, loop.upper))
            loops = tuple(k for k in loops if k is not loop)
            break
    if not where:
        return None
    indices = assignment.element(tuple(where.get(k.index, k.index) for k in assignment.loops))
    scattered = Piece(assignment.target, indices, value.xreplace(where), loops + assignment.sums, 0, True)
    for literal in sp.And.make_args(guard):
        restricted = restrict(scattered, literal)
        if restricted is None:
            return replace(scattered, value=sp.S.Zero)
        scattered = restricted
    return scattered


def _bounds_others(loop: Loop, assignment: Assignment) -> bool:
    """Whether the range of another loop depends on this one."""
    return any(loop.index in k.lower.free_symbols | k.upper.free_symbols for k in assignment.loops + assignment.sums)


def _common_deltas(expr: sp.Expr) -> list[sp.KroneckerDelta]:
    """The deltas that multiply all of ``expr``, which may be a ``Piecewise``."""
    branches = [value for value, _ in expr.args] if isinstance(expr, sp.Piecewise) else [expr]
    factors = [sp.Mul.make_args(value) for value in branches if value != 0]
    deltas = [f for f in factors[0] if isinstance(f, sp.KroneckerDelta)] if factors else []
    return [delta for delta in deltas if all(delta in others for others in factors)]


def _split_piece(piece: Piece, program: Program) -> Iterator[Piece]:
    value = piece.value
    deltas = {d: sp.Piecewise((1, sp.Eq(*d.args)), (0, True)) for d in value.atoms(sp.KroneckerDelta)}
    if deltas:
        value = value.xreplace(deltas)
    relations = [r for r in value.atoms(Relational) if program.is_index_condition(r)]
    relations = {r: p for r in relations if (p := plain(r)) != r}
    if relations:
        value = value.xreplace(relations)
    names: dict[Boolean, Boolean] = {}
    symbols: dict[Boolean, Private] = {}
    for relation in sorted(value.atoms(Relational), key=sp.default_sort_key):
        if program.is_index_condition(relation):
            atom, positive = standard(relation)
            symbol = symbols.setdefault(atom, Private("c", len(symbols)))
            names[relation] = symbol if positive else sp.Not(symbol)
    if names:
        value = value.xreplace(names)
    atoms = {symbol: atom for atom, symbol in symbols.items()}
    for part in at_numbers(reached(replace(piece, value=value)), atoms):
        held = part.value.free_symbols
        left = {symbol: atom for symbol, atom in atoms.items() if symbol in held}
        if len(left) > MAX_CONDITIONS:
            raise CompileError(
                f"{len(left)} different conditions on indices in one term, at most {MAX_CONDITIONS} are compiled: "
                f"{shortened(program.in_words(piece.value))}"
            )
        modular = len(part.value.atoms(sp.Mod)) <= MAX_SPLIT_MODULI
        found = list(itertools.islice(_expand(part, left, modular, False), MAX_PIECES + 1))
        # Too many: conditions that do not decide whether there is anything to add are then asked in the loop.
        yield from found if len(found) <= MAX_PIECES else _expand(part, left, False, True)


def _expand(piece: Piece, atoms: dict[Private, Boolean], modular: bool, asked: bool) -> Iterator[Piece]:
    """Split on the first open condition until none is left; ``asked``: only on those without which it is all 0."""
    if piece.add and piece.value == 0:
        return
    held = piece.value.free_symbols
    atoms = {symbol: atom for symbol, atom in atoms.items() if symbol in held}
    bounds = [bound for loop in piece.loops for bound in (loop.lower, loop.upper)]
    exprs = (piece.value, *piece.indices, *atoms.values(), *bounds)
    found = set().union(*(e.atoms(sp.Mod) for e in exprs)) if modular else ()
    remainders = sorted(found, key=sp.default_sort_key)
    without = {mod: e for mod in remainders if (e := _plain_mod(mod, piece.loops)) is not None}
    if without:
        # In ranges and in what is tested before as well, which are to speak of the same indices.
        piece = reached(piece.rename(without))
        atoms = {symbol: atom.xreplace(without) for symbol, atom in atoms.items()}
        remainders = [mod for mod in remainders if mod not in without]
    # A condition without remainders narrows the ranges that they are split by; one with them then becomes a range
    # as well. Those on gathered entries come last, so that they are tested where the others let them be read.
    order = sorted(atoms, key=lambda c: (len(atoms[c].atoms(sp.Indexed)), atoms[c].has(sp.Mod), c.number))
    order = [c for c in order if not (asked or atoms[c].has(sp.Indexed)) or _is_all_zero_without(piece.value, c)]
    symbol = order[0] if order else None
    atom = None if symbol is None else atoms[symbol]
    if atom is None or (atom.has(sp.Mod) and _stride(atom, piece.loops) is None):
        wrap = _mod_atom(remainders, piece.loops)
        symbol, atom = (symbol, atom) if wrap is None else (None, wrap)
    if atom is None:
        if piece.guard != sp.false and not any(is_empty(loop, piece.loops) for loop in piece.loops):
            yield from map(without_single, asked_inside(piece, atoms) if atoms else [piece])
        return
    for literal, truth in _cases(atom, piece.loops):
        bounds = inequalities(literal) if symbol is not None else []
        if any(is_reached(-bound - 1, piece.loops) for bound in bounds):
            continue
        part = _strided(piece, literal) if isinstance(literal, sp.Eq) else None
        if part is None:
            told = bounds and all(is_reached(bound, piece.loops) for bound in bounds)
            part = piece if told else restrict(piece, literal)
        if part is not None:
            inside = atoms
            if isinstance(literal, sp.Eq) and (put := _stride(literal, piece.loops)) is not None:
                inside = {c: a.xreplace({put[0].index: put[1]}) for c, a in atoms.items()}
            value = part.value if symbol is None else part.value.xreplace({symbol: truth})
            yield from _expand(replace(part, value=value), inside, modular, asked)


def _is_all_zero_without(value: sp.Expr, condition: Private) -> bool:
    return any(value.xreplace({condition: truth}) == 0 for truth in (sp.true, sp.false))


def _cases(atom: Boolean, loops: tuple[Loop, ...]) -> Iterator[tuple[Boolean, Boolean]]:
    """Conditions of which one always holds, each with the truth of ``atom`` under it."""
    yield atom, sp.true
    found = _remainder(atom)
    if found is not None and found[0].args[1] == 2 and _stride(atom, loops) is not None:
        yield sp.Eq(found[0], 1 - found[1], evaluate=False), sp.false
        return
    difference = sp.expand(atom.lhs - atom.rhs) if isinstance(atom, sp.Eq) else None
    if difference is None or narrowed(loops, difference) is None:
        yield sp.Not(atom), sp.false
    else:  # i != j as two ranges, without a test at run time; of integers, as i > n/2 says more than i >= n/2 + 1
        whole = without_fractions(difference)
        yield sp.Ge(whole - 1, 0, evaluate=False), sp.false
        yield sp.Ge(-whole - 1, 0, evaluate=False), sp.false


def _remainder(atom: Boolean) -> tuple[sp.Mod, sp.Integer] | None:
    """``(Mod(a, c), r)`` of a condition Mod(a, c) = r with numbers c and 0 <= r < c."""
    if isinstance(atom, sp.Eq):
        for mod, rest in (atom.args, atom.args[::-1]):
            if isinstance(mod, sp.Mod) and mod.args[1].is_Integer and rest.is_Integer and 0 <= rest < mod.args[1]:
                return mod, rest
    return None


def _stride(atom: Boolean, loops: tuple[Loop, ...]) -> tuple[Loop, sp.Expr] | None:
    """``(loop over i, c*i + t)``: the values of its index where a condition on a remainder holds, counted by i."""
    found = _remainder(atom)
    if found is None:
        return None
    mod, rest = found
    argument, step = mod.args
    for position in reversed(range(len(loops))):
        index = loops[position].index
        line = affine(argument, index)
        if index not in argument.free_symbols or line is None:
            continue
        inner = {loop.index for loop in loops[position:]}
        if not line[0].is_Integer or math.gcd(int(line[0]), int(step)) != 1 or line[1].free_symbols & inner:
            return None
        start = sp.Mod(sp.expand(pow(int(line[0]), -1, int(step)) * (rest - line[1])), step)
        return loops[position], step * index + start
    return None


def _strided(piece: Piece, literal: Boolean) -> Piece | None:
    """The piece where a condition on a remainder holds, by a loop that meets no other values; None if it is none."""
    found = _stride(literal, piece.loops)
    if found is None:
        return None
    own, reached = found
    step, start = reached.coeff(own.index, 1), reached.subs(own.index, 0)
    lowers = [-sp.floor((start - end) / step) for end in sp.Max.make_args(own.lower)]
    uppers = [sp.floor((end - start) / step) for end in sp.Min.make_args(own.upper)]
    put = {own.index: reached}
    loops = tuple(
        replace(k, lower=sp.Max(*lowers), upper=sp.Min(*uppers))
        if k is own
        else replace(k, lower=k.lower.xreplace(put), upper=k.upper.xreplace(put))
        for k in piece.loops
    )
    indices = tuple(i.xreplace(put) for i in piece.indices)
    return replace(
        piece, value=piece.value.xreplace(put), guard=piece.guard.xreplace(put), indices=indices, loops=loops
    )


def _plain_mod(mod: sp.Mod, loops: tuple[Loop, ...]) -> sp.Expr | None:
    """``Mod(e, n)`` as e, e - n or e + n where the ranges prove which; None if they do not."""
    argument, modulus = mod.args
    known = ranges(loops)
    for shifted in (argument, argument - modulus, argument + modulus):
        if never_negative(shifted, known) and never_negative(modulus - 1 - shifted, known):
            return sp.expand(shifted)
    return None


def _mod_atom(remainders: Iterable[sp.Mod], loops: tuple[Loop, ...]) -> Boolean | None:
    """A condition whose truth takes a ``Mod`` of a loop index closer to a plain index."""
    known = ranges(loops)
    indices = set(known)
    for mod in remainders:
        argument, modulus = mod.args
        own = [i for i in indices if i in argument.free_symbols]
        if len(own) != 1 or indices & modulus.free_symbols or mod.has(sp.Indexed):
            continue
        line = affine(argument, own[0])
        if line is None or abs(line[0]) != 1 or not all(c.is_Integer for c in line[1].as_coefficients_dict().values()):
            continue
        once = all(never_negative(e, known) for e in (argument + modulus, 2 * modulus - 1 - argument))
        if modulus.is_Number and not once:
            continue  # a parity, say, does not become plain
        for expr in (argument, modulus - 1 - argument):
            expr = sp.expand(expr)
            if not never_negative(expr, known) and not never_negative(-expr - 1, known):
                return sp.Ge(expr, 0, evaluate=False)
    return None
