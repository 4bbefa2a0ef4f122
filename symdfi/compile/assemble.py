"""Nests to the text of functions: one, or several where one would take Numba too long.

Numba's analysis takes time quadratic in the length of a function, LLVM's in the length of its blocks. Above
``LIMIT`` lines the nests are shared out over functions of their own, called one after the other, so compile time
stays proportional to the length of the program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

LIMIT = 60
_WORD = re.compile(r"[A-Za-z_]\w*")
_INDENT = "    "

#: The lines of one nest, not indented.
Segment = list[str]


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str


@dataclass
class Layout:
    """What the nests refer to.

    ``parameters`` are the kernel's own; ``declared`` are local names with the line that makes each (sizes,
    offsets, views, loads), in order; ``arrays`` are temporaries with the line that allocates them; ``scalars``
    are the names that nests assign to and later nests read.
    """

    parameters: list[Parameter]
    declared: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, str] = field(default_factory=dict)
    scalars: list[str] = field(default_factory=list)
    per_sample: set[str] = field(default_factory=set)


def source(layout: Layout, once: Sequence[Segment], each: Sequence[Segment], batched: bool) -> str:
    """The source of ``kernel``: ``once`` before the samples, ``each`` for every sample."""
    phases = [_parts(once), _parts(each)]
    many = sum(len(parts) for parts in phases) > 1 and sum(map(len, (*once, *each))) > LIMIT
    functions: list[str] = []
    bodies: list[list[str]] = []
    spills: dict[str, int] = {}
    if many:
        shared = _shared(layout, [part for parts in phases for part in parts])
        spills = {name: position for position, name in enumerate(shared)}
        for parts, sampled in zip(phases, (False, batched), strict=True):
            calls = []
            for part in parts:
                text, call = _function(layout, part, spills, sampled, f"part{len(functions) + 1}")
                functions.append(text)
                calls.append(call)
            bodies.append(calls)
    else:
        bodies = [[line for segment in phase for line in segment] for phase in (once, each)]
    main = _main(layout, bodies[0], bodies[1], batched, len(spills) if many else 0)
    return "\n\n\n".join([*functions, main]) + "\n"


def _main(layout: Layout, once: list[str], each: list[str], batched: bool, spilled: int) -> str:
    arrays = dict(layout.arrays)
    if spilled:
        arrays["_scalars"] = f"_scalars = np.empty({spilled})"
    used = _words([*once, *each])
    allocate = [line for name, line in arrays.items() if name in used]
    declared = _needed(layout, used | _words(allocate))
    before = [line for name, line in declared.items() if name not in layout.per_sample]
    inside = [line for name, line in declared.items() if name in layout.per_sample]
    names = ", ".join(p.name for p in layout.parameters)
    types = ", ".join(p.type for p in layout.parameters)
    if batched:
        names, types = f"start, stop, {names}", f"int64, int64, {types}"
    lines = [f'@jit("void({types})")', f"def kernel({names}):"]
    lines += [_INDENT + line for line in (*before, *allocate, *once)]
    if batched:
        lines.append(f"{_INDENT}for _s in range(start, stop):")
        lines += [2 * _INDENT + line for line in (*inside, *each)] or [2 * _INDENT + "pass"]
    lines.append(_INDENT + "return")
    return "\n".join(lines)


def _function(
    layout: Layout, part: list[str], spills: dict[str, int], sampled: bool, name: str
) -> tuple[str, str]:
    """One part as a function, and the call of it."""
    assigned = _assigned(part)
    words = _words(part)
    load = [f"{scalar} = _scalars[U({k})]" for scalar, k in spills.items() if scalar in words]
    store = [f"_scalars[U({k})] = {scalar}" for scalar, k in spills.items() if scalar in assigned]
    declared = list(_needed(layout, words).values())
    body = [*declared, *load, *part, *store]
    words = _words(body)
    parameters = [Parameter("_s", "int64")] if sampled else []
    parameters += [p for p in layout.parameters if p.name in words]
    parameters += [Parameter(array, "float64[::1]") for array in layout.arrays if array in words]
    if load or store:
        parameters.append(Parameter("_scalars", "float64[::1]"))
    names = ", ".join(p.name for p in parameters)
    lines = [f'@jit("void({", ".join(p.type for p in parameters)})")', f"def {name}({names}):"]
    return "\n".join([*lines, *(_INDENT + line for line in body)]), f"{name}({names})"


def _shared(layout: Layout, parts: list[list[str]]) -> list[str]:
    """The scalars that one part assigns and another mentions."""
    mentioned = [_words(part) & set(layout.scalars) for part in parts]
    return [name for name in layout.scalars if sum(name in found for found in mentioned) > 1]


def _parts(segments: Sequence[Segment]) -> list[list[str]]:
    """Segments joined, in order, to parts of at most ``LIMIT`` lines (or one segment)."""
    parts: list[list[str]] = []
    for segment in segments:
        if not parts or len(parts[-1]) + len(segment) > LIMIT:
            parts.append([])
        parts[-1] += segment
    return parts


def _needed(layout: Layout, words: set[str]) -> dict[str, str]:
    """The declarations that ``words``, and what declares them, need; in order."""
    found = {name for name in layout.declared if name in words}
    for name in reversed(layout.declared):
        if name in found:
            found |= _words([layout.declared[name].split("=", 1)[1]]) & set(layout.declared)
    return {name: line for name, line in layout.declared.items() if name in found}


def _words(lines: Sequence[str]) -> set[str]:
    return {word for line in lines for word in _WORD.findall(line)}


def _assigned(lines: Sequence[str]) -> set[str]:
    return {match[1] for line in lines if (match := re.match(r"\s*(\w+) \+?= ", line))}

