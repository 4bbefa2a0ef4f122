"""Loop fusion: pieces over the same ranges share one nest where their data dependences allow it.

A nest is a tree: in the body of its loops stand pieces, one after the other, and nests of further loops. Only what is
held in a scalar of the loops around it (see ``fuse``) makes pieces share some of their loops.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdfi.compile.passes.interchange import reordered
from symdfi.compile.program.loops import Definition, Loop, Piece, Variable, is_storable, variables
from symdfi.symbolic.private import index

#: Straight-line code of more stores than this is split, to be compiled in parts.
MAX_STRAIGHT_STORES = 100


@dataclass
class Nest:
    """Loops and their body, run in order. ``inner``: elements that are stored or held, and may be read at once, each
    with the place in the body from which on."""

    loops: tuple[Loop, ...]
    body: list[Piece | Nest] = field(default_factory=list)
    inner: dict[Variable, tuple[tuple[sp.Expr, ...], int]] = field(default_factory=dict)
    #: Of those that share loops: which held elements are computed in it.
    stage: int | None = None

    @property
    def pieces(self) -> Iterator[Piece]:
        """The pieces in it, in order."""
        for part in self.body:
            yield from part.pieces if isinstance(part, Nest) else (part,)


@dataclass(frozen=True)
class Schedule:
    """Targets to zero, then nests in order; ``local`` targets are scalars of the one nest that uses them."""

    fills: tuple[Definition, ...]
    nests: tuple[Nest, ...]
    local: frozenset


def schedule(definitions: Iterable[Definition], kept: frozenset) -> Schedule:
    """Order and fuse the pieces of definitions given in order of evaluation; ``kept`` stay in memory."""
    definitions = list(definitions)
    held = {d.target: (len(d.assignment.loops), d.held.stage) for d in definitions if d.held is not None}
    definitions = [_arranged(d, held.keys()) for d in _late(_scalars_first(definitions))]
    placed, later = _Placed(held), {d.target for d in definitions}
    for d in definitions:
        later.remove(d.target)
        if not later.isdisjoint(d.reads):
            raise AssertionError(f"{d.target} is computed before what it reads")
        placed.add(d)
    _repeat(placed.nests, {d.target for d in definitions if d.held is None and not is_storable(d.assignment.loops)})
    local = {target for nest in placed.nests for target in _targets(nest)} - kept
    for nest in placed.nests:
        for piece, reached in _with_reach(nest, frozenset()):
            local -= bases(piece) - reached
    fills = (d for d in definitions if (d.fill or not d.pieces) and d.target not in local)
    # What a nest alone computes and nobody reads there need not be computed: of an element the parts no reader has.
    nests = (nest for nest in placed.nests if any(piece.target not in local for piece in nest.pieces))
    return Schedule(tuple(fills), tuple(nests), frozenset(local))


def _repeat(nests: list[Nest], targets: set[Variable]) -> None:
    """Compute ``targets`` in every nest that reads them: what varies over a row of a list of neighbours, of which sizes
    do not tell how much there is, is a scalar or nothing."""
    made = {
        p.target: (p, nest.loops)
        for nest in nests
        for p in nest.body
        if isinstance(p, Piece) and p.target in targets and not (p.n_sums or p.add)
    }
    for nest in nests:
        own = [part for part in nest.body if isinstance(part, Nest) or part.target not in made]
        needed = set().union(*(_reads(part) for part in own)) & set(made)
        for target in reversed(list(made)):  # from the last to the first, so that what they read is found as well
            if target in needed:
                needed |= bases(made[target][0]) & set(made)
        if not targets & set(nest.inner) | needed or any(made[target][1] != nest.loops for target in needed):
            continue
        first = next((k for k, part in enumerate(own) if _reads(part) & needed), 0)
        guard = next((p.guard for p in nest.pieces), sp.true)
        again: list[Piece | Nest] = [replace(made[t][0], guard=guard) for t in made if t in needed]
        after = {t: nest.body[k - 1] for t, (_, k) in nest.inner.items() if t not in made}
        after |= {p.target: p for p in again if isinstance(p, Piece)}
        nest.body = [*own[:first], *again, *own[first:]]
        places = {t: at for t, (at, _) in nest.inner.items()} | {t: made[t][0].indices for t in needed}
        nest.inner = {t: (places[t], _position(nest.body, part) + 1) for t, part in after.items()}
    nests[:] = [nest for nest in nests if nest.body]


def _reads(part: Piece | Nest) -> set[Variable]:
    return set().union(*map(bases, part.pieces)) if isinstance(part, Nest) else bases(part)


def _targets(nest: Nest) -> Iterator[Variable]:
    yield from nest.inner
    for part in nest.body:
        if isinstance(part, Nest):
            yield from _targets(part)


def _with_reach(nest: Nest, around: frozenset) -> Iterator[tuple[Piece, frozenset]]:
    """The pieces, each with the elements that the loops around it store or hold."""
    around |= set(nest.inner)
    for part in nest.body:
        if isinstance(part, Nest):
            yield from _with_reach(part, around)
        else:
            yield part, around


class _Placed:
    """Nests, and where each piece went; ``held``: how many loops are around each target that is held, its stage."""

    def __init__(self, held: dict[Variable, tuple[int, int]]) -> None:
        self.held = held
        self.nests: list[Nest] = []
        #: The position from which a target may be read.
        self.complete: dict[Variable, int] = {}

    def add(self, d: Definition) -> None:
        last = stored = 0
        at_once = not (d.fill or any(p.n_sums or p.add or p.guard != sp.true for p in d.pieces))
        for piece in d.pieces:
            piece = standard_names(piece)
            # What is added to an element comes after what is stored there.
            place, path = self.place(piece, stored if piece.add else 0)
            last = max(last, place + 1)
            if not piece.add:
                stored = last
            if d.target in self.held:
                own = next(k for k in range(len(path)) if _depth(path[: k + 1]) == self.held[d.target][0])
                following = path[own + 1] if own + 1 < len(path) else piece
                indices = piece.indices
                path[own].inner[d.target] = indices, _position(path[own].body, following) + 1
            elif at_once:
                path[-1].inner[d.target] = piece.indices, len(path[-1].body)
        self.complete[d.target] = last

    def place(self, piece: Piece, first: int) -> tuple[int, list[Nest]]:
        """Put the piece into the nest from ``first`` on that it can join, else into one after the last: the nest's
        position, and those around the piece from there inwards."""
        reads = bases(piece)
        held = [self.held[v] for v in reads | {piece.target} if v in self.held]
        ends = sorted({depth for depth, _ in held} | {len(piece.loops)})
        stage = held[0][1] if held else None
        parts = [piece.loops[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        for position, nest in enumerate(self.nests[first:], first):
            if not piece.loops and len(nest.body) >= MAX_STRAIGHT_STORES:
                continue
            guarded = piece.guard != sp.true or any(p.guard != sp.true for p in nest.pieces)
            if guarded or nest.stage != stage:
                continue
            path = _join(nest, parts, piece, {v for v in reads if self.complete.get(v, 0) > position})
            if path is not None:
                return position, path
        path = _new(parts, piece, stage)
        self.nests.append(path[0])
        return len(self.nests) - 1, path


def _depth(path: list[Nest]) -> int:
    return sum(len(nest.loops) for nest in path)


def _position(body: list[Piece | Nest], part: Piece | Nest) -> int:
    return next(k for k, other in enumerate(body) if other is part)


def _new(parts: list[tuple[Loop, ...]], piece: Piece, stage: int | None) -> list[Nest]:
    """New nests, one in the other, around a piece."""
    path = [Nest(loops, stage=stage) for loops in parts]
    for outer, inner in itertools.pairwise(path):
        outer.body.append(inner)
    path[-1].body.append(piece)
    return path


def _join(nest: Nest, parts: list[tuple[Loop, ...]], piece: Piece, reads: set[Variable]) -> list[Nest] | None:
    """Put the piece into the nest, if ``parts`` begin with its loops and it stores or holds what of ``reads``, not
    complete before, the piece reads; the nests around it then."""
    if nest.loops != parts[0]:
        return None
    here = {v for v in reads if _inner(piece, v, nest)}
    open_reads, first = reads - here, max((nest.inner[v][1] for v in here), default=0)
    if len(parts) == 1:
        if open_reads:
            return None
        nest.body.append(piece)
        return [nest]
    for part in nest.body[first:]:
        if not isinstance(part, Nest) or (len(parts) == 2 and _may_meet(part, piece)):
            continue
        path = _join(part, parts[1:], piece, open_reads)
        if path is not None:
            return [nest, *path]
    if open_reads:
        return None
    path = _new(parts[1:], piece, nest.stage)
    nest.body.append(path[0])
    return [nest, *path]


def _may_meet(nest: Nest, piece: Piece) -> bool:
    """Whether the body adds to other elements of the piece's target, which one loop cannot do to many at a time: that
    they differ is not known."""
    others = [part for part in nest.body if isinstance(part, Piece) and part.target == piece.target]
    return piece.add and any(other.add and other.indices != piece.indices for other in others)


def _inner(piece: Piece, variable: Variable, nest: Nest) -> bool:
    """Whether all that the piece reads of ``variable`` is the element the nest has just stored or holds."""
    if variable not in nest.inner:
        return False
    refs = [ref for ref in piece.value.atoms(sp.Indexed) if ref.base == variable]
    return all(tuple(ref.indices) == nest.inner[variable][0] for ref in refs)


def _scalars_first(definitions: Iterable[Definition]) -> list[Definition]:
    """The definitions with those without loops as early as what they read allows: nests that need them can then join
    earlier ones."""
    result: list[Definition] = []
    for d in definitions:
        place = len(result)
        if not any(piece.loops for piece in d.pieces):
            reads = d.reads
            while place and result[place - 1].target not in reads and result[place - 1].assignment.loops:
                place -= 1
        result.insert(place, d)
    return result


def _late(definitions: Sequence[Definition]) -> list[Definition]:
    """The definitions with those of one element at a time right before what first reads them: it may then share their
    nest, where what is read beside them is complete only after they were asked for."""
    result: list[tuple[Definition, frozenset]] = []
    for d in reversed(definitions):
        place = 0
        if d.held is None and len(d.pieces) == 1 and d.pieces[0].loops and not (d.pieces[0].n_sums or d.pieces[0].add):
            place = next((k for k, (_, reads) in enumerate(result) if d.target in reads), 0)
        result.insert(place, (d, d.reads))
    return [d for d, _ in result]


def _arranged(d: Definition, held: Collection[Variable]) -> Definition:
    """The definition with loops that walk arrays along their rows, but where what is held settles their order.

    ``y[j] = Σ_k A[k, j] x[k]`` walks A down its columns; the order k, j with ``y[j] += ...``, an update of all its
    targets, walks its rows. So does e, k where ``y[p[e], k] += ...`` for each e and k.
    """
    if d.target in held:
        return d
    own = [p if bases(p) & set(held) else _along_rows(p) for p in d.pieces]
    if not (d.fill or len(d.pieces) == 1) or all(new is old for new, old in zip(own, d.pieces, strict=True)):
        return d
    return replace(d, pieces=tuple(own), fill=True)


def _along_rows(piece: Piece) -> Piece:
    if _prefers_rows(piece):
        return _by_rows(piece)
    if not piece.add or piece.n_sums or len(piece.loops) < 2:
        return piece
    references = [*piece.value.atoms(sp.Indexed), *([piece.target[piece.indices]] if piece.indices else [])]
    scores = {loop.index: sum(_along(ref, loop.index) for ref in references) for loop in piece.loops}
    best, last = max(scores, key=scores.__getitem__), piece.loops[-1].index
    if scores[best] <= scores[last]:
        return piece
    loops = reordered(piece.loops, [loop.index for loop in piece.loops if loop.index != best])
    return piece if loops is None else replace(piece, loops=loops)


def _along(reference: sp.Indexed, index: sp.Symbol) -> int:
    """1 where neighbours in memory are met one after the other, -1 where rows are left out."""
    *outer, last = reference.indices
    if any(index in k.free_symbols for k in outer):
        return -1
    return int(index in last.free_symbols and not any(index in inner.free_symbols for inner in last.atoms(sp.Indexed)))


def _by_rows(piece: Piece) -> Piece:
    cut = len(piece.loops) - piece.n_sums
    return replace(piece, loops=piece.loops[cut:] + piece.loops[:cut], n_sums=0, add=True)


def _prefers_rows(piece: Piece) -> bool:
    indices = [loop.index for loop in piece.loops]
    bounds = {s for loop in piece.loops for b in (loop.lower, loop.upper) for s in b.free_symbols}
    if not piece.n_sums or piece.n_sums == len(piece.loops) or bounds & set(indices):
        return False
    last_free, last_sum = indices[-piece.n_sums - 1], indices[-1]
    score = 0
    for ref in piece.value.atoms(sp.Indexed):
        if len(ref.indices) > 1:
            score += (last_free in ref.indices[-1].free_symbols) - (last_sum in ref.indices[-1].free_symbols)
    return score > 0


def standard_names(piece: Piece) -> Piece:
    """The piece under index names that equal loops share."""
    return piece.rename({loop.index: index("l", k) for k, loop in enumerate(piece.loops)})


def bases(piece: Piece) -> set[Variable]:
    """The variables read by a piece."""
    others = (v for e in (piece.guard, *piece.indices) for v in variables(e) if isinstance(v, sp.IndexedBase))
    return {*variables(piece.value), *others}
