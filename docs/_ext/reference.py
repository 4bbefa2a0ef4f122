"""The API reference, from ``symdfi/__init__.pyi``: a page for each comment in ``__all__``, with the names below it."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util.inspect import stringify_signature

import symdfi

#: What is no class and no function says nothing of itself.
VALUES = {"t": "Time, in every equation: the symbol of ``sympy.physics.mechanics.dynamicsymbols._t``."}


#: What a name returns, where that is a class without a public name.
RETURNED = {"compile": ("symdfi.compile.kernels.function", "Function")}


def groups(stub: str) -> dict[str, list[str]]:
    """The names of ``__all__`` under the comments they stand below."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in stub.split("__all__ = [")[1].splitlines():
        line = line.strip()
        if line.startswith("#"):
            title = line.removeprefix("#").strip()
            found[title] = []
        elif match := re.fullmatch(r'"(\w+)",', line):
            found[title].append(match[1])
    return found


def entry(module: str, name: str, thing: object) -> list[str]:
    """The directive that documents a name."""
    if name in VALUES:
        return [f".. py:data:: {name}", f"   :module: {module}", "", f"   {VALUES[name]}", ""]
    if isinstance(thing, type):
        kind = "exception" if issubclass(thing, BaseException) else "class"
        members = ["   :members:", "   :inherited-members: tuple, dict, list, Exception, Warning"]
        return [f".. auto{kind}:: {module}.{name}", *(members if kind == "class" else []), ""]
    if not callable(thing):
        return [
            f".. py:data:: {name}",
            f"   :module: {module}",
            f"   :type: {type(thing).__name__}",
            "",
            *said(name),
            "",
        ]
    return [f".. autofunction:: {module}.{name}", ""]


def said(name: str) -> list[str]:
    """What the comment above a constant says of it."""
    for path in sorted(Path(symdfi.__file__).parent.rglob("*.py")):
        if match := re.search(rf"((?:^#: .*\n)+){name}\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            return [f"   {escaped(line.removeprefix('#: '))}" for line in match[1].splitlines()]
    return []


def titled(title: str) -> list[str]:
    return [title, "=" * len(title), ""]


def slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def write(path: Path, lines: list[str]) -> None:
    """Only what has changed is written, so that what has not is not built anew."""
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def generate(folder: Path) -> None:
    """Write the pages, and their index, into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    stub = Path(symdfi.__file__).with_name("__init__.pyi").read_text(encoding="utf-8")
    pages = []
    for title, names in groups(stub).items():
        things = {name: getattr(symdfi, name) for name in names}
        if all(isinstance(thing, ModuleType) for thing in things.values()):
            found = [module_page(folder, name, thing) for name, thing in things.items()]
            pages += [page for page in found if page]
            continue
        lines = [*titled(title[0].upper() + title[1:]), ".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   symdfi.{name}" for name in names if name not in VALUES] + [""]
        for name, thing in things.items():
            lines += entry("symdfi", name, thing)
            if name in RETURNED:
                module, kind = RETURNED[name]
                lines += entry(module, kind, getattr(importlib.import_module(module), kind))
        pages.append(slug(title))
        write(folder / f"{pages[-1]}.rst", lines)
    text = [
        "Every public name is ``symdfi.NAME``, after ``import symdfi as sd`` ``sd.NAME``. The pages that begin with",
        "*symdfi* hold what further names its modules have: what others are made of, and where to build on.",
    ]
    index = [*titled("API reference"), *text, "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {p}" for p in pages)]
    write(folder / "index.rst", index)
    for stale in set(folder.glob("*.rst")) - {folder / f"{page}.rst" for page in [*pages, "index"]}:
        stale.unlink()


def module_page(folder: Path, name: str, module: ModuleType) -> str | None:
    """A page of what a module offers beyond the names that are public at the top, if it does."""
    public = set(symdfi.__all__)
    own = [
        n for n, v in vars(module).items() if not n.startswith("_") and getattr(v, "__module__", "") == module.__name__
    ]
    lines: list[str] = []
    for each in getattr(module, "__all__", own):
        thing = getattr(module, each)
        if each not in public and not isinstance(thing, ModuleType):
            lines += entry(f"symdfi.{name}", each, thing)
    if not lines:
        return None
    page = f"module-{name}"
    write(folder / f"{page}.rst", [*titled(f"symdfi.{name}"), f".. automodule:: symdfi.{name}", "", *lines])
    return page


LITERAL = re.compile(r"(``.+?``)")
NUMPY = Config(napoleon_use_ivar=True)
#: ``:param name: text``, and a line that goes on with it.
FIELD = re.compile(r"^(:(?:param|type|ivar|vartype|returns?|rtype|raises)[^:]*:|\s*)(.*)$")
#: How a name that stands for a type is shown within another one.
FORWARD = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
THEORY = re.compile(r'theory\s+of\s+(DFI|EP),\s+"([^"]+)"')


def escaped(text: str) -> str:
    """Docstrings are plain text with ``code``: what else reStructuredText would read as markup is escaped, and
    sections of the theory become links."""
    text = re.sub(r"(?<!`)`([^`\n]+)`(?!`)", r"``\1``", text)
    parts = LITERAL.split(text)
    for k, part in enumerate(parts):
        if k % 2:
            # What is plural has an s behind its name.
            parts[k] = part + ("\\ " if k + 1 < len(parts) and re.match(r"[\w(]", parts[k + 1]) else "")
            continue
        done = 0
        made = []
        for match in THEORY.finditer(part):
            made += [markup(part[done : match.start()]), section(match[1], re.sub(r"\s+", " ", match[2]))]
            done = match.end()
        parts[k] = "".join([*made, markup(part[done:])])
        if k and parts[k - 1] and re.search(r"[\w]$", part) and k + 1 < len(parts):
            parts[k] += "\\ "
    return "".join(parts)


def markup(text: str) -> str:
    return re.sub(r"([*|\\`]|_(?=\W|$))", r"\\\1", text)


def section(theory: str, title: str) -> str:
    return f"`theory of {theory}, “{title}” <../theory/{theory.lower()}.html#{anchor(title)}>`__"


def anchor(title: str) -> str:
    """Of a heading, as docutils makes it."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def docstring(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Escapes a docstring, and shows its indented blocks as they are written."""
    if any(re.fullmatch(r"-{3,}", line.strip()) for line in lines):
        lines[:] = NumpyDocstring(lines, NUMPY, app, what, name, thing, options).lines()
    made: list[str] = []
    for block in re.split(r"\n[ \t]*\n", "\n".join(lines)):
        rows = block.split("\n")
        if rows[0].startswith("    "):
            made += ["::", "", *rows, ""]
            continue
        if rows[0].startswith(":"):
            made += [*(FIELD.sub(lambda m: m[1] + escaped(m[2]), row) for row in rows), ""]
            continue
        deeper = next((k for k, row in enumerate(rows) if k and row.startswith("    ")), len(rows))
        made += escaped("\n".join(rows[:deeper])).split("\n")
        if deeper < len(rows):
            made += ["", "::", "", *rows[deeper:]]
        made.append("")
    lines[:] = made


def signature(app: Sphinx, what: str, name: str, thing: object, options: Any, args: str, returns: str) -> Any:
    """Of a class the signature of ``__init__`` where ``__new__`` takes anything."""
    args, returns = (FORWARD.sub(r"\1", text) if text else text for text in (args, returns))
    if what == "class" and args and args.startswith("(*args") and isinstance(thing, type):
        own = inspect.signature(thing.__init__)
        own = own.replace(parameters=list(own.parameters.values())[1:], return_annotation=inspect.Signature.empty)
        return FORWARD.sub(r"\1", stringify_signature(own, unqualified_typehints=True)), None
    return args, returns


def setup(app: Sphinx) -> dict[str, Any]:
    generate(Path(app.srcdir) / "api")
    app.connect("autodoc-process-docstring", docstring)
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
