"""Conditions that an index is this or that number, split at all the numbers at once.

A mixture that names the components of its parameters, w[i, 0], w[i, 1], ..., has a gradient with a term for each, under
the condition that the index is its number. Split by one of them after the other, each of m conditions would walk the
terms of all others; and asked in the loop, all m terms would be computed for every component. Here each number is a
piece of its own, with the terms that hold there: code, and the time that it takes to make it, are those of the terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdfi.compile.passes.restrict import restrict
from symdfi.compile.program.loops import Piece
from symdfi.compile.program.sharing import operations
from symdfi.symbolic.affine import affine
from symdfi.symbolic.private import Private

#: How many times the operations of a piece those that it is split into may have together.
MAX_GROWTH = 2
#: In how many ranges between the numbers what holds there may be computed.
MAX_RANGES = 12

Literals = tuple[Boolean, ...]


def at_numbers(piece: Piece, atoms: Mapping[Private, Boolean]) -> list[Piece]:
    """The piece at every number that its conditions, given by the symbols that stand for them, compare an index with,
    and over the ranges between; whole where what holds at all of them would be repeated too often."""
    index, symbols = _most(piece, atoms)
    if index is None or len(symbols) < 2:
        return [piece]
    found, ranges = [], 0
    for literals, value in _places(index, symbols, piece.value):
        part = None if piece.add and value == 0 else _restricted(replace(piece, value=value), literals)
        if part is not None:
            found.append(part)
            ranges += value != 0 and not isinstance(literals[0], sp.Eq)
    growth = sum(operations(part.value) for part in found) / max(operations(piece.value), 1)
    if ranges > MAX_RANGES or growth > MAX_GROWTH:
        return [piece]
    return [inner for part in found for inner in at_numbers(part, atoms)]


def _most(piece: Piece, atoms: Mapping[Private, Boolean]) -> tuple[sp.Symbol | None, dict[sp.Integer, list[Private]]]:
    """The index that is compared with most numbers: for each the symbols that say so."""
    found: dict[sp.Symbol, dict[sp.Integer, list[Private]]] = {loop.index: {} for loop in piece.loops}
    held = piece.value.free_symbols
    for symbol, atom in atoms.items():
        names = atom.free_symbols
        if symbol not in held or not isinstance(atom, sp.Eq) or len(names) != 1 or not names <= found.keys():
            continue
        (index,) = names
        line = affine(atom.lhs - atom.rhs, index)
        number = None if line is None else -line[1] / line[0]
        if number is not None and number.is_Integer:
            found[index].setdefault(number, []).append(symbol)
    return max(found.items(), key=lambda pair: len(pair[1]), default=(None, {}))


def _places(
    index: sp.Symbol, symbols: Mapping[sp.Integer, Sequence[Private]], value: sp.Expr
) -> Iterator[tuple[Literals, sp.Expr]]:
    """The numbers and the ranges between them, each with the value there, in order."""
    numbers = sorted(symbols)
    *values, rest = _values(value, [symbols[number] for number in numbers])
    above: Literals = ()
    for number, here in zip(numbers, values, strict=True):
        if number - 1 not in symbols:
            yield (*above, sp.Ge(number - 1 - index, 0, evaluate=False)), rest
        yield (sp.Eq(index, number, evaluate=False),), here
        above = (sp.Ge(index - number - 1, 0, evaluate=False),)
    yield above, rest


def _values(value: sp.Expr, groups: Sequence[Sequence[Private]]) -> Iterator[sp.Expr]:
    """``value`` where the conditions of each group hold and no others, and at last where none does."""
    terms, group_of = sp.Add.make_args(value), {symbol: k for k, group in enumerate(groups) for symbol in group}
    rests: list[sp.Expr] = []
    concerned: list[list[int]] = [[] for _ in groups]
    for n, term in enumerate(terms):
        held = term.free_symbols & group_of.keys()
        rests.append(term.xreplace(dict.fromkeys(held, sp.false)) if held else term)
        for k in {group_of[symbol] for symbol in held}:
            concerned[k].append(n)
    left = [n for n, rest in enumerate(rests) if rest != 0]
    for group, own in zip(groups, concerned, strict=True):
        truths = dict.fromkeys(group_of, sp.false) | dict.fromkeys(group, sp.true)
        others = (rests[n] for n in left if n not in own)
        yield sp.Add(*others, *(terms[n].xreplace(truths) for n in own))
    yield sp.Add(*rests)


def _restricted(piece: Piece, literals: Literals) -> Piece | None:
    found: Piece | None = piece
    for literal in literals:
        found = None if found is None else restrict(found, literal)
    return found
