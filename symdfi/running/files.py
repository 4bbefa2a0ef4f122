"""A model in a file of one's own: found, imported, and what is wrong with it told by file and line."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import symdfi
from symdfi.running.model import Model
from symdfi.running.settings import hint

#: What is missing from a file without a model.
SHORTEST = """\
import sympy as sp
import symdfi as sd

q, v = sd.coordinates("q")
k = sp.Symbol("k")

MODEL = sd.MechanicsModel(
    build=lambda s: sd.Lagrangian(v**2 / 2 - k * q**2 / 2, q, v),
    initial=lambda s: (s["start"], 0.0, {k: s["k"]}),
    defaults={"start": 1.0, "k": 4.0, "t_end": 10.0},
)
"""
#: Parents of the modules that are files in no package.
_PARENTS = "symdfi_files_"


class ModelFileError(Exception):
    """A file that gives no model; the message says where and why."""


def split(text: str) -> tuple[Path, str] | None:
    """The file and the name in it that ``FILE.py`` or ``FILE.py:NAME`` say; None for the name of a library's model."""
    found = re.fullmatch(r"(?s)(.+\.py)(?::(\w*))?", text)
    if found is not None:
        return Path(found[1]), found[2] or ""
    return (Path(text), "") if "/" in text or "\\" in text else None


def load(path: Path, name: str = "") -> Model:
    """The model of a file: its ``MODEL``, the only one there is, or the one of this ``name``, of itself or of the
    variable. Without a name or title of its own it has those of the file.

    Raises ``ModelFileError`` where there is no such file or model, or the file raises an error.
    """
    module = _executed(path)
    found = _models(module)
    if name:
        named = [one for key, one in found if name in (key, one.name)]
        if not named:
            raise ModelFileError(f"{path} has no model {name!r}{hint(name, [k for k, _ in found]) if found else ''}")
        model, key = named[0], name
    elif (given := getattr(module, "MODEL", None)) is not None:
        if not is_model(given):
            kind = f"the class {given.__name__}" if isinstance(given, type) else f"of type {type(given).__name__}"
            raise ModelFileError(
                f"MODEL of {path} is {kind}: it is to be a MechanicsModel(...), an EvolutionModel(...) or a "
                "PropagationModel(...), or to have name, title, settings, show and run"
            )
        model, key = given, ""
    elif len({id(one) for _, one in found}) == 1:
        (key, model), *_ = found
    elif found:
        keys = [key for key, _ in found]
        raise ModelFileError(f"{path} has the models {', '.join(keys)}: say which, as {path}:{keys[0]}")
    else:
        raise ModelFileError(f"{path} has no MODEL. The shortest there is:\n\n{SHORTEST}")
    return _titled(model, module, path.stem if key in ("", "MODEL") else f"{path.stem}_{key}")


def is_model(value: Any) -> bool:
    """Whether a value is a model as the command line sees it."""
    known = type(value)
    return not isinstance(value, type | ModuleType) and all(
        hasattr(known, part) or part in getattr(value, "__dict__", ())
        for part in ("name", "title", "settings", "show", "run")
    )


def where(error: BaseException, path: Path) -> str:
    """The place of an error in a user's file, or in what stands beside it and is imported: "FILE, line N: "; empty for
    one that no line of these leads to."""
    if isinstance(error, SyntaxError) and error.filename and _is_own(Path(error.filename), path):
        return f"{_shown(Path(error.filename), path)}, line {error.lineno or 1}: "
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(Path(frame.filename), path)]
    return f"{_shown(Path(own[-1].filename), path)}, line {own[-1].lineno}: " if own else ""


def told(error: BaseException) -> str:
    """An error of Python's own in one line: its type and message."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    if isinstance(error, KeyError) and error.args:
        message = f"there is no {error.args[0]!r}"
    message = re.sub(rf"'?{_PARENTS}\w+\.([\w.]+)'?", r"\1 beside the file", message)
    return " ".join(f"{type(error).__name__}: {message}".split()).removesuffix(":")


def _executed(path: Path) -> ModuleType:
    if path.is_dir() or not path.exists():
        what = "a folder: give a file of Python" if path.is_dir() else "not there"
        raise ModelFileError(f"{path} is {what}")
    try:
        return _imported(path.resolve())
    except (Exception, SystemExit) as error:
        place = where(error, path) or f"{path}: "
        raise ModelFileError(f"{place}{told(error)}") from error


def _imported(path: Path) -> ModuleType:
    """The module, executed anew. In a package (a folder with ``__init__.py``) it is imported as part of it; else files
    beside it can be imported as from a script, and relatively too."""
    folder, names = path.parent, [path.stem]
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if len(names) > 1 and all(map(str.isidentifier, names)):
        own = [Path(place).resolve() for place in importlib.import_module(".".join(names[:-1])).__path__]
        if path.parent not in own:
            raise ImportError(f"the package {'.'.join(names[:-1])} of this file has the name of another, {own[0]}")
        name = ".".join(names)
    else:
        parent = _PARENTS + hashlib.sha256(str(path.parent).encode()).hexdigest()[:12]
        sys.modules.setdefault(parent, _folder(parent, path.parent))
        name = f"{parent}.{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Anew(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it is executed: dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _Anew(SourceFileLoader):
    """Leaves no compiled file behind, and trusts none: a file is often changed twice within a second."""

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.get_data(self.path), self.path)


def _folder(name: str, folder: Path) -> ModuleType:
    """A package of all that stands in a folder."""
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return importlib.util.module_from_spec(spec)


def _models(module: ModuleType) -> list[tuple[str, Model]]:
    """The models of a module by their variables, those in lists and mappings too."""

    def within(key: str, value: Any) -> Iterator[tuple[str, Model]]:
        if is_model(value):
            yield key, value
        elif type(value) in (list, tuple):
            for one in value:
                yield from within(getattr(one, "name", "") or key, one)
        elif type(value) is dict:
            for name, one in value.items():
                yield from within(str(name), one)

    return [pair for key, value in vars(module).items() if not key.startswith("_") for pair in within(key, value)]


def _titled(model: Model, module: ModuleType, name: str) -> Model:
    """The model with a name, a title and a description, from the file where it has none."""
    if not dataclasses.is_dataclass(model):
        return model
    first, _, rest = (module.__doc__ or "").strip().partition("\n")
    own = {"name": name, "title": first.rstrip(".:") or name, "description": rest.strip()}
    missing = {key: text for key, text in own.items() if getattr(model, key, None) == ""}
    return dataclasses.replace(model, **missing)


def _is_own(file: Path, path: Path) -> bool:
    """Whether a file stands with the user's: not in what is installed, nor the library itself."""
    file, path = file.resolve(), path.resolve()
    if file == path:
        return True
    library = Path(symdfi.__file__).resolve().parent
    known = [library, library.parent / "models", *(Path(place).resolve() for place in (sys.prefix, sys.base_prefix))]
    beside = path.parent in file.parents
    return beside and not any(place in file.parents for place in known) and "site-packages" not in file.parts


def _shown(file: Path, path: Path) -> str:
    """A file as the user would write it: its own path, or the path of one beside it."""
    if file.resolve() == path.resolve():
        return str(path)
    return str(path.parent / file.resolve().relative_to(path.resolve().parent))
