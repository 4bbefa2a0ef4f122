"""Compiled kernels on disk.

A kernel lives in a directory of its own, named by a hash of its source, the versions of symdfi, Numba and
Python, the compiler flags and the CPU. The directory is prepared aside and moved into place in one step, so
processes that compile the same kernel at once both succeed, and what is in place never changes. It is only
read if its source is the expected one and every other file has the checksum written with it; anything else
(truncated, foreign) is removed and built again, not executed. The root is created for the user alone.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import platformdirs

from symdfi.compile.source import instructions, runtime, vmath

_HEADER = "from symdfi.compile.source.runtime import compiled_names\n\nglobals().update(compiled_names())\n\n\n"
_MANIFEST = "manifest.json"


def directory() -> Path:
    """The cache's root, in ``SYMDFI_CACHE_DIR`` if set, else in the platform's user cache directory."""
    # A directory of its own: its permissions are changed.
    parent = os.environ.get("SYMDFI_CACHE_DIR") or platformdirs.user_cache_dir("symdfi", appauthor=False)
    return Path(parent) / "kernels"


def load(source: str) -> ModuleType:
    """The module of a kernel's source, compiled now or read from the cache."""
    return _load(source, directory())


def load_module(name: str) -> ModuleType:
    """A module of loops that take kernels as arguments, compiled once for all models."""
    return load(_text(name))


def load_around(name: str, kernel: str, entry: str) -> ModuleType:
    """A module of loops compiled together with the one kernel they run, which they call ``kernel_step``.

    ``kernel`` is the kernel's source and ``entry`` its function. It is taken into the loop, which matters where a
    step is as short as a call.
    """
    return load(kernel.replace("@jit(", "@inlined(") + f"\n\nkernel_step = {entry}\n\n\n" + _text(name))


def _text(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


@functools.cache
def _load(source: str, root: Path) -> ModuleType:
    text = _HEADER + source
    name = "k_" + hashlib.sha256(f"{_environment()}\n{text}".encode()).hexdigest()
    _make_root(root)
    final = root / name
    if _is_intact(final, name, text):
        return _execute(final / f"{name}.py", name, text)
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
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return module


def entries() -> list[Path]:
    """The kernels in the cache."""
    root = directory()
    return sorted(p for p in root.iterdir() if p.name.startswith(("k_", ".build-", ".trash-"))) if root.is_dir() else []


def clear() -> int:
    """Remove every kernel; returns how many."""
    found = entries()
    for path in found:
        _remove(path)
    _load.cache_clear()
    return len(found)


def size(path: Path) -> int:
    """Bytes in one cache entry."""
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


@functools.cache
def _environment() -> str:
    from importlib.metadata import version

    import llvmlite.binding as llvm
    import numba

    features = llvm.get_host_cpu_features().flatten()
    files = (Path(module.__file__ or "") for module in (runtime, vmath, instructions))
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
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        os.rename(path, trash / path.name)
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
