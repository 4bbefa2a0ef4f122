"""Checkpoints: the state of a run on the disk, to be gone on with to the last bit.

A file is written beside its place and then renamed: what stands there is a whole checkpoint at any moment.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symdfi.errors import CheckpointError
from symdfi.results import load, save

#: Of the format.
_VERSION = 1


def write(state: Mapping[str, Any], path: Path) -> None:
    """Keep a state: None, numbers, texts, arrays, and lists, tuples and mappings by text of these.

    Raises ``OSError`` where the file cannot be written, ``TypeError`` for what none can hold.
    """
    import xarray as xr  # slow to import

    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_encoded(state, "run", arrays))
    variables = {name: (tuple(f"{name}_{axis}" for axis in range(array.ndim)), array) for name, array in arrays.items()}
    attributes = {"symdfi_checkpoint": _VERSION, "state": text, "digest": _digest(text, arrays)}
    save(xr.Dataset(variables, attrs=attributes), path)


def read(path: str | Path, of: Mapping[str, str]) -> dict[str, Any]:
    """The state in a file, which is to hold under the keys of ``of`` what these say it is of.

    Raises ``FileNotFoundError`` if there is none, ``CheckpointError`` where it is no checkpoint, is damaged, or is of
    something else.
    """
    try:
        dataset = load(path)
        version, text, digest = (dataset.attrs[key] for key in ("symdfi_checkpoint", "state", "digest"))
        arrays = {str(name): dataset[name].values for name in dataset.variables}
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever a reader of damaged files makes of them
        raise CheckpointError(f"{path} is no checkpoint, or is damaged: {error}") from error
    if version != _VERSION:
        raise CheckpointError(f"{path} is a checkpoint of format {version}, this version reads {_VERSION}")
    if digest != _digest(text, arrays):
        raise CheckpointError(f"{path} is damaged: its content is not what was written")
    state = _decoded(json.loads(text), arrays)
    for name, own in of.items():
        if name not in state:
            raise CheckpointError(f"{path} is a checkpoint of something that has no {name}")
        if state[name] != own:
            raise CheckpointError(f"{path} is of another {name}: {state[name]}, not {own}")
    return state


def lasting(text: str) -> str:
    """Without the addresses of objects."""
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", text)


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.shape} {array.dtype.str}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _encoded(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value in terms of JSON, its arrays put aside under names."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"map": {key: _encoded(one, f"{name}_{key}", arrays) for key, one in value.items()}}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encoded(one, f"{name}_{k}", arrays) for k, one in enumerate(value)]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        if not value.size:
            return {"empty": [list(value.shape), value.dtype.str]}
        key = f"a{len(arrays)}_{re.sub('[^0-9A-Za-z_]', '_', name)}"
        arrays[key] = value
        return {"array": key}
    raise TypeError(f"{name} is {type(value).__name__}, which no checkpoint can hold: numbers, texts, arrays, lists")


def _decoded(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "map":
        return {key: _decoded(one, arrays) for key, one in held.items()}
    if kind == "array":
        return np.asarray(arrays[held], order="C")  # which keeps a number a number
    if kind == "empty":
        return np.empty(held[0], dtype=held[1])
    found = [_decoded(one, arrays) for one in held]
    return found if kind == "list" else tuple(found)
