"""``load``: results from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from symdfi.archive.files import read
from symdfi.archive.result import Result
from symdfi.errors import CheckpointError


def load(path: str | Path) -> Any:
    """The result that ``save`` has written, a ``Trajectory``, ``Solution``, ``Orbit`` or ``Training``: equal to it, and
    gone on with as it is (``resume``). Its ``dataset`` is that of the file.

    Nothing that a file says is executed: expressions and objects are data, made again by the classes of this project
    and of SymPy that are known to be harmless. What no file can hold, a function of your own say, is named by the error
    of what would need it, and is given there.

    Raises ``FileNotFoundError`` if there is no file, ``CheckpointError`` for one that holds no result, is damaged, was
    changed, or holds what is not known. Data alone are read by ``xarray.open_dataset``.
    """
    import symdfi.dfi.kept
    import symdfi.dynamics.kept
    import symdfi.ep.kept
    import symdfi.fields.kept  # noqa: F401
    from symdfi import results

    found = read(path)
    if not isinstance(found, Result):
        raise CheckpointError(f"{path} holds a {type(found).__name__}, which is no result")
    vars(found)["dataset"] = results.load(path)
    return found
