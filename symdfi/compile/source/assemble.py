"""Nests to the text of functions: one, or several where one would take Numba too long.

Numba's analysis takes time quadratic in the length of a function, LLVM's in the length of its blocks. Above
``LIMIT`` lines the nests are shared out over functions of their own, called one after the other. Nests that
differ in nothing but where their data lie, as the layers of a network do, share one function, which is told where:
compile time then depends on how many different nests a program has, not on how many.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

LIMIT = 60
#: So many numbers may be on the stack.
SMALL = 64
_WORD = re.compile(r"[A-Za-z_]\w*")
_LOCAL = re.compile(r"_[rxz]\d+")
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

    ``parameters`` are the kernel's own; ``declared`` are local names with the code of each (sizes, offsets,
    views, loads), in order, and ``offsets`` those that say where a variable begins in its array; ``arrays`` are
    temporaries with the code of their lengths, which where they are few numbers may be ``on_stack``; ``scalars`` are
    the names that nests assign to and later nests read.
    """

    parameters: list[Parameter]
    declared: dict[str, str] = field(default_factory=dict)
    offsets: set[str] = field(default_factory=set)
    arrays: dict[str, str] = field(default_factory=dict)
    scalars: list[str] = field(default_factory=list)
    per_sample: set[str] = field(default_factory=set)
    on_stack: bool = False


def source(layout: Layout, once: Sequence[Segment], each: Sequence[Segment], batched: bool) -> str:
    """The source of ``kernel``: ``once`` before the samples, ``each`` for every sample."""
    if len(once) + len(each) > 1 and sum(map(len, (*once, *each))) > LIMIT:
        return _Parts(layout, batched).source(once, each)
    bodies = [[line for segment in phase for line in segment] for phase in (once, each)]
    return _main(layout, layout.declared, layout.arrays, layout.offsets, bodies, batched)


def _main(
    layout: Layout,
    declared: dict[str, str],
    arrays: dict[str, str],
    places: set[str],
    bodies: Sequence[list[str]],
    batched: bool,
) -> str:
    constants = {name: declared[name] for name in places if declared[name].isdigit()}
    once, each = ([_renamed(line, constants) for line in body] for body in bodies)
    used = _words([*once, *each])
    made = {name: _renamed(extent, constants) for name, extent in arrays.items() if name in used}
    small = {name for name, extent in made.items() if layout.on_stack and extent.isdigit() and int(extent) <= SMALL}
    allocated = {name: f"{'stack' if name in small else 'np.empty'}({extent})" for name, extent in made.items()}
    declared = {name: _renamed(code, constants) for name, code in declared.items() if name not in constants}
    declared = _needed(declared, used | _words(allocated.values())) | allocated
    lines = {name: f"{name} = {code}" for name, code in declared.items()}
    body = [line for name, line in lines.items() if name not in layout.per_sample] + once
    if batched:
        loop = [line for name, line in lines.items() if name in layout.per_sample] + each
        body += ["for _s in range(start, stop):", *(_INDENT + line for line in loop or ["pass"])]
    spans = [Parameter("start", "int64"), Parameter("stop", "int64")] if batched else []
    return _function("kernel", [*spans, *layout.parameters], [*body, "return"]) + "\n"


class _Parts:
    """The nests as functions, and the kernel that calls them.

    Temporary arrays are parts of one work array there, each known by the offset where it begins.
    """

    def __init__(self, layout: Layout, batched: bool) -> None:
        self.layout, self.batched = layout, batched
        self.declared = dict(layout.declared)
        end = "0"
        for name, extent in layout.arrays.items():
            self.declared[name] = end
            end = str(int(end) + int(extent)) if end.isdigit() and extent.isdigit() else f"{name} + {extent}"
        self.work = end
        self.places = layout.offsets | set(layout.arrays)
        self.arrays = {p.name: p for p in layout.parameters}
        self.element = re.compile(rf"\b({'|'.join(layout.arrays)})\[(U|at)\(") if layout.arrays else None
        self.functions: dict[str, str] = {}

    def source(self, once: Sequence[Segment], each: Sequence[Segment]) -> str:
        phases = [[self.in_work(segment) for segment in phase] for phase in (once, each)]
        self.shared = self.scalars_of_several([segment for phase in phases for segment in phase])
        self.common = Counter(text for phase in phases for s in phase if (text := self.text(s)) is not None)
        bodies = [self.calls(phases[0], False), self.calls(phases[1], self.batched)]
        arrays = {"_work": self.work, "_scalars": str(len(self.shared))}
        main = _main(self.layout, self.declared, arrays, self.places, bodies, self.batched)
        return "\n\n\n".join([*self.functions.values(), main])

    def in_work(self, segment: Segment) -> Segment:
        if self.element is None:
            return segment
        return [self.element.sub(r"_work[\2(\1 + ", line) for line in segment]

    def scalars_of_several(self, segments: Sequence[Segment]) -> dict[str, int]:
        """The scalars that one nest assigns and another mentions, with their places in ``_scalars``."""
        mentions = Counter(word for s in segments for word in _words(s) & set(self.layout.scalars))
        return {name: k for k, name in enumerate(n for n in self.layout.scalars if mentions[n] > 1)}

    def text(self, segment: Segment) -> str | None:
        """A nest under standard names, equal for nests that may share a function; None where scalars leave it."""
        if _words(segment) & set(self.shared):
            return None
        return "\n".join(_renamed(line, self.names(segment)) for line in segment)

    def names(self, lines: Segment) -> dict[str, str]:
        """Standard names of a nest's arrays, places and locals, in the order in which they appear."""
        names: dict[str, str] = {}
        for word in _ordered_words(lines):
            letter = "a" if word in self.arrays else "p" if word in self.places else "x"
            if letter != "x" or _LOCAL.fullmatch(word):
                names[word] = f"_{letter}{len(names)}"
        return names

    def calls(self, phase: Sequence[Segment], sampled: bool) -> list[str]:
        """Calls that do what the nests do, in order."""
        calls: list[str] = []
        waiting: Segment = []
        for segment in phase:
            text = self.text(segment)
            alike = text is not None and self.common[text] > 1
            if waiting and (alike or len(waiting) + len(segment) > LIMIT):
                calls.append(self.call(waiting, {}, sampled))
                waiting = []
            if alike:
                calls.append(self.call(segment, self.names(segment), sampled))
            else:
                waiting = waiting + segment
        return [*calls, self.call(waiting, {}, sampled)] if waiting else calls

    def call(self, lines: Segment, names: dict[str, str], sampled: bool) -> str:
        """The call of a function of these lines, made unless there is one; ``names``: what they go by in it."""
        declared = _needed({n: code for n, code in self.declared.items() if n not in self.places}, _words(lines))
        body = [_renamed(line, names) for line in [*(f"{n} = {code}" for n, code in declared.items()), *lines]]
        words, assigned = _words(body), _assigned(body)
        load = [f"{scalar} = _scalars[U({k})]" for scalar, k in self.shared.items() if scalar in words]
        store = [f"_scalars[U({k})] = {scalar}" for scalar, k in self.shared.items() if scalar in assigned]
        used = _ordered_words([*lines, *declared.values(), *load, *store])
        parameters = [Parameter("_s", "int64")] if sampled else []
        parameters += [self.arrays[word] for word in used if word in self.arrays]
        parameters += [Parameter(word, "float64[::1]") for word in used if word in ("_work", "_scalars")]
        parameters += [Parameter(word, "int64") for word in used if word in self.places]
        arguments = [p.name for p in parameters]
        parameters = [Parameter(names.get(p.name, p.name), p.type) for p in parameters]
        body = [*load, *body, *store]
        known = (name for name, text in self.functions.items() if text == _function(name, parameters, body))
        name = next(known, "") or f"part{len(self.functions) + 1}"
        self.functions[name] = _function(name, parameters, body)
        return f"{name}({', '.join(arguments)})"


def _function(name: str, parameters: Sequence[Parameter], body: Segment) -> str:
    # What makes no arrays need not count references.
    decorator = "allocating" if any("np.empty(" in line for line in body) else "borrowing"
    lines = [f'@{decorator}("void({", ".join(p.type for p in parameters)})")']
    lines.append(f"def {name}({', '.join(p.name for p in parameters)}):")
    return "\n".join([*lines, *(_INDENT + line for line in body)])


def _renamed(line: str, names: dict[str, str]) -> str:
    return _WORD.sub(lambda match: names.get(match[0], match[0]), line) if names else line


def _needed(declared: dict[str, str], words: set[str]) -> dict[str, str]:
    """The declarations that ``words``, and what declares them, need; in order."""
    found = {name for name in declared if name in words}
    for name in reversed(declared):
        if name in found:
            found |= _words([declared[name]]) & set(declared)
    return {name: code for name, code in declared.items() if name in found}


def _words(lines) -> set[str]:
    return {word for line in lines for word in _WORD.findall(line)}


def _ordered_words(lines: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(word for line in lines for word in _WORD.findall(line)))


def _assigned(lines: Segment) -> set[str]:
    return {match[1] for line in lines if (match := re.match(r"\s*(\w+) \+?= ", line))}


def inlined(source: str) -> str:
    """The source of functions that their one caller takes in (see ``runtime.inlined``)."""
    return re.sub(r"(?m)^@(jit|allocating|borrowing)\(", "@inlined(", source)


def restricted(source: str) -> str:
    """The source of functions whose arrays have nothing in common (see ``instructions.restricted``)."""
    return re.sub(r"(?m)^(def .*:)$", rf"\1\n{_INDENT}restricted()", source)


def abreast(source: str, lanes: int) -> str:
    """The source with its loops over so many ``LANES`` as if their number were not known, but that it is a multiple:
    LLVM would write out a few, and round each as it likes; so it makes whole vectors of them, which are all alike."""
    counter = f"range({lanes}*opaque(1))"
    return source if lanes == 1 else re.sub(rf"\brange\(({lanes}|LANES)\)", counter, source)


def called(source: str, name: str) -> str:
    """The source of a kernel that is called ``kernel_{name}``, its parts by names that no other kernel has."""
    own = {function: f"{function}_{name}" for function in re.findall(r"(?m)^def (\w+)\(", source)}
    return "\n".join(_renamed(line, own) for line in source.splitlines())
