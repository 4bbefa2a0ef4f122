"""Compiled kernels on disk.

A kernel lives in a directory of its own, named by a hash of its source, the versions of symdfi, Numba and
Python, the compiler flags and the CPU. The directory is prepared aside and moved into place in one step, so
processes that compile the same kernel at once both succeed, and what is in place never changes. It is only
read if its source is the expected one and every other file has the checksum written with it; anything else
(truncated, foreign) is removed and built again, not executed. The root is created for the user alone. Where the
cache outgrows its limit, the kernels that were used last the longest ago are removed: a process looks when it adds
its first kernel, and then whenever it has added a sixteenth of the limit.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
import math
import os
import re
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import platformdirs
from numba.core.compiler_lock import global_compiler_lock

from symdfi.compile.kernels import forks
from symdfi.compile.source import assemble, entrances, instructions, pipeline, runtime, vmath
from symdfi.compile.source.entrances import Entered, result_of

_HEADER = "from symdfi.compile.source.runtime import compiled_names\n\nglobals().update(compiled_names())\n\n\n"
_MANIFEST = "manifest.json"
#: Seconds after which a directory that is being built or removed belongs to no one any more.
_ABANDONED = 24 * 3600.0
#: A process looks through the cache, which takes time in proportion to what is there, once for this part of the limit
#: that it adds, and leaves this part of it free.
_FREE = 1 / 16


def directory() -> Path:
    """The cache's root, in ``SYMDFI_CACHE_DIR`` if set, else in the platform's user cache directory."""
    # A directory of its own: its permissions are changed.
    return _kernels_in(os.environ.get("SYMDFI_CACHE_DIR") or _user_cache())


@functools.cache
def _user_cache() -> str:
    return platformdirs.user_cache_dir("symdfi", appauthor=False)


@functools.cache
def _kernels_in(parent: str) -> Path:
    return Path(parent) / "kernels"


def load(source: str) -> ModuleType:
    """The module of a kernel's source, compiled now or read from the cache."""
    root = directory()
    module = _loaded.get((source, root))
    if module is None:
        # One thread at a time, as for Numba: two would compile the same kernel.
        with _loading:
            module = _loaded.get((source, root))
            if module is None:
                module = _loaded[source, root] = _load(source, root)
    return module


def addressed(function: Any) -> Any:
    """A compiled function, the addresses of which are looked up once: Numba does so in 10 µs whenever it is passed to
    another one."""
    library = result_of(function).library
    if not hasattr(library.get_pointer_to_function, "cache_info"):
        library.get_pointer_to_function = functools.cache(library.get_pointer_to_function)
    return function


def entry(function: Any) -> Callable:
    """A compiled function without Numba's look at what it is given, half the time of a short call: for arguments of
    the very types of its signature."""
    return function.unchecked if isinstance(function, Entered) else result_of(function).entry_point


def load_module(name: str, before: str = "") -> ModuleType:
    """A module of loops that take kernels as arguments, compiled once for all models; after the source ``before``."""
    return load(before + text(name))


def load_around(name: str, kernel: str, entry: str) -> ModuleType:
    """A module of loops compiled together with the one kernel they run, which they call ``kernel_step``.

    ``kernel`` is the kernel's source and ``entry`` its function. It is taken into the loop, which matters where a
    step is as short as a call.
    """
    return load(assemble.inlined(kernel) + f"\n\nkernel_step = {entry}\n\n\n" + text(name))


def load_among(names: Sequence[str], kernels: Mapping[str, str], lanes: int) -> ModuleType:
    """Modules of loops, one after another in one, of which one may call those before it, compiled together with several
    kernels, given by their sources: ``kernel_force``, say, who are given what they write by no other name. They take as
    many samples at once as there are ``lanes``."""
    taken = (assemble.restricted(assemble.called(source, own)) for own, source in kernels.items())
    sources = (assemble.abreast(assemble.inlined(source), lanes) for source in taken)
    return load("\n\n\n".join([*sources, f"LANES = {lanes}", *(assemble.abreast(text(name), lanes) for name in names)]))


@functools.cache
def text(module: str) -> str:
    """The source of a module that is run from the cache, not imported.

    What it takes from another such module is compiled into it: the other's identity is part of its own.
    """
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    others = re.findall(r'load_module\("([\w.]+)"\)', source)
    return source + "".join(f"# {other} {hashlib.sha256(text(other).encode()).hexdigest()}\n" for other in others)


def _load(source: str, root: Path) -> ModuleType:
    text = _HEADER + source
    name = "k_" + hashlib.sha256(f"{_environment()}\n{text}".encode()).hexdigest()
    _make_root(root)
    final = root / name
    if _is_intact(final, name, text):
        try:
            os.utime(final)  # what was used last is removed last
            return _execute(final / f"{name}.py", name, text)
        except Exception:
            if (final / _MANIFEST).exists():
                raise
            # Another process has removed it meanwhile.
    _remove(final)
    aside = Path(tempfile.mkdtemp(prefix=".build-", dir=root))
    try:
        (aside / f"{name}.py").write_text(text, encoding="utf-8")
        module = _execute(aside / f"{name}.py", name, text)
        # Another process may have put the same kernel there first or cleared the cache, or the disk is full:
        # ours then serves this process only.
        with contextlib.suppress(OSError):
            sums = {p.relative_to(aside).as_posix(): _digest(p) for p in sorted(aside.rglob("*")) if p.is_file()}
            (aside / _MANIFEST).write_text(json.dumps(sums), encoding="utf-8")
            os.rename(aside, final)
            _make_room(root, final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return module


def _make_room(root: Path, kernel: Path) -> None:
    """Prune after a new kernel, if this process has not looked yet or has added enough since."""
    most = limit()
    added = _added[root] + size(kernel) if root in _added else math.inf
    if added > _FREE * most:
        prune(root, int((1 - _FREE) * most))
        added = 0
    _added[root] = added


Entered.load = staticmethod(load)
_loaded: dict[tuple[str, Path], ModuleType] = {}
#: Bytes that this process has added to a cache since it last looked through it.
_added: dict[Path, float] = {}
_loading = threading.RLock()

forks.wait_for(_loading, global_compiler_lock)


def limit() -> int:
    """How many bytes the cache may take, 1 GiB or ``SYMDFI_CACHE_SIZE``: a number, or one with K, M, G or T.

    Raises ``ValueError`` for a setting that is no such number.
    """
    given = os.environ.get("SYMDFI_CACHE_SIZE", "1G").strip()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", given, re.IGNORECASE)
    if found is None:
        raise ValueError(f"SYMDFI_CACHE_SIZE = {given!r}: give bytes, or a number with K, M, G or T")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


def prune(root: Path, limit: int) -> int:
    """Remove the kernels whose last use lies furthest back, and what killed processes have left, until the others
    take at most ``limit`` bytes; the last one used stays. Returns how many entries were removed.

    A process that is loading one of them finds it whole, or gone and compiles it again.
    """
    kernels, abandoned = [], []
    for path in root.iterdir():
        with contextlib.suppress(OSError):  # another process was faster
            used = path.stat().st_mtime
            if path.name.startswith("k_"):
                kernels.append((used, path, size(path)))
            elif path.name.startswith((".build-", ".trash-")) and used < time.time() - _ABANDONED:
                abandoned.append(path)
    total = sum(bytes for _, _, bytes in kernels)
    for _, path, bytes in sorted(kernels)[:-1]:
        if total <= limit:
            break
        abandoned.append(path)
        total -= bytes
    for path in abandoned:
        with contextlib.suppress(OSError):  # on Windows a file in use stays where it is
            _remove(path)
    return len(abandoned)


def entries() -> list[Path]:
    """The kernels in the cache."""
    root = directory()
    return sorted(p for p in root.iterdir() if p.name.startswith(("k_", ".build-", ".trash-"))) if root.is_dir() else []


def clear() -> int:
    """Remove every kernel; returns how many."""
    found = entries()
    for path in found:
        _remove(path)
    _loaded.clear()
    return len(found)


def size(path: Path) -> int:
    """Bytes in one cache entry."""
    return sum(os.stat(os.path.join(folder, file)).st_size for folder, _, files in os.walk(path) for file in files)


@functools.cache
def _environment() -> str:
    from importlib.metadata import version

    import llvmlite.binding as llvm
    import numba

    features = llvm.get_host_cpu_features().flatten()
    files = (Path(module.__file__ or "") for module in (runtime, entrances, pipeline, vmath, instructions))
    own = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    python = f"{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    parts = (
        version("symdfi"),
        numba.__version__,
        python,
        sys.platform,
        llvm.get_host_cpu_name(),
        features,
        own,
    )
    return "|".join((*parts, *sorted(runtime.FASTMATH)))


def _make_root(root: Path) -> None:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        status = root.stat()
        if status.st_uid != os.getuid():
            raise PermissionError(f"the kernel cache {root} belongs to another user; set SYMDFI_CACHE_DIR")
        if stat.S_IMODE(status.st_mode) & 0o077:
            root.chmod(0o700)


def _is_intact(path: Path, name: str, text: str) -> bool:
    try:
        sums = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        files = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()} - {_MANIFEST}
        if (path / f"{name}.py").read_text(encoding="utf-8") != text or files != set(sums):
            return False
        return all(_digest(path / file) == sums[file] for file in files)
    except (OSError, ValueError, AttributeError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _remove(path: Path) -> None:
    """Take an entry out of the way in one step, then delete it."""
    if not path.exists() and not path.is_symlink():
        return
    trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=path.parent))
    try:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            os.rename(path, trash / path.name)
    finally:
        shutil.rmtree(trash, ignore_errors=True)


def _execute(path: Path, name: str, text: str) -> ModuleType:
    """Run ``text``, which is what stands in the file ``path``, as a module."""
    module = ModuleType(f"symdfi.compile._kernels.{name}")
    module.__file__ = str(path)
    # Numba's cache resolves the module by name while it compiles.
    sys.modules[module.__name__] = module
    try:
        # Not through the import system, which would write a bytecode file beside the source, now or later.
        exec(compile(text, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module
