"""Results in files: a dataset that any reader of netCDF understands, and beside it, in a group of its own, the record
from which the object is made again."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from symdfi.archive.reading import Reader
from symdfi.archive.writing import Writer
from symdfi.errors import CheckpointError
from symdfi.results import replacing, storable

#: The group of the record, and its format.
_GROUP, _FORMAT = "symdfi", 1
#: Arrays of fewer bytes are not looked for in the dataset.
_SMALL = 64
#: What a reader of HDF5 adds to attributes.
_ADDED = ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties")


def write(result: Any, dataset: Any, path: str | Path) -> Path:
    """Write a result and its dataset; what stood there is replaced once all is on the disk.

    Raises ``OSError`` with the path and the cause.
    """
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    writer = Writer()
    text = json.dumps(writer.document(result))
    dataset = storable(dataset)
    # Made in memory: HDF5 ends the process with a fault some time after a write to the disk has failed.
    image = io.BytesIO()
    with h5netcdf.File(image, "w") as file:
        dataset.dump_to_store(H5NetCDFStore(file))
        group = file.create_group(_GROUP)
        known = {_content(values.values): name for name, values in dataset.variables.items()}
        # Where an array is: a variable of the dataset, or bytes of the one array beside it, which makes files of many
        # arrays no slower.
        places: dict[str, str | list[int]] = {}
        parts, end = [], 0
        for name, array in writer.arrays.items():
            if array.nbytes >= _SMALL and (other := known.get(_content(array))) is not None:
                places[name] = other
            else:
                parts.append(np.ascontiguousarray(array).tobytes())
                places[name] = [end, end + array.nbytes]
                end += array.nbytes
        parts.append(b"\0")  # of no extent a dimension would have no end
        group.dimensions["byte"] = end + 1
        group.create_variable("arrays", ("byte",), np.uint8, data=np.frombuffer(b"".join(parts), np.uint8))
        group.attrs["format"] = _FORMAT
        group.attrs["kind"] = type(result).__name__
        group.attrs["record"] = text
        group.attrs["places"] = json.dumps(places)
        if writer.missing:
            group.attrs["not_kept"] = "; ".join(dict.fromkeys(map(str, writer.missing)))
        group.attrs["digest"] = _digest(file)
    with replacing(path) as aside:
        aside.write_bytes(image.getbuffer())
    return Path(path)


def read(path: str | Path) -> Any:
    """The result in a file that ``write`` has made.

    Raises ``FileNotFoundError`` if there is none, ``CheckpointError`` where it holds no result or is damaged; nothing
    of what it says is then done.
    """
    import h5netcdf

    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        file = h5netcdf.File(path, "r")
    except Exception as error:  # whatever a reader of damaged files makes of them
        raise CheckpointError(f"{path} is no result, or is damaged: {error}") from error
    with file:
        if _GROUP not in file.groups:
            raise CheckpointError(
                f"{path} holds no result of this project, or one of a version before files could be loaded: read its "
                "data by xarray.open_dataset"
            )
        try:
            group = file.groups[_GROUP]
            version, text, places, digest = (group.attrs[key] for key in ("format", "record", "places", "digest"))
            found, places = _digest(file), json.loads(places)
        except Exception as error:
            raise CheckpointError(f"{path} is damaged: {error}") from error
        if version != _FORMAT:
            raise CheckpointError(f"{path} is of format {version}, this version reads {_FORMAT}")
        if found != digest:
            raise CheckpointError(f"{path} is damaged or was changed: its content is not what was written")

        apart = np.asarray(group.variables["arrays"][...])

        def array(name: str) -> np.ndarray:
            place = places[name]
            # A copy, whose numbers begin where numbers may.
            return apart[slice(*place)].copy() if isinstance(place, list) else np.asarray(file.variables[place][...])

        try:
            return Reader(json.loads(text), array).value
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
        except ValueError as error:
            raise CheckpointError(f"{path} is damaged: {error}") from error


def _content(array: np.ndarray) -> tuple[str, bytes]:
    array = np.asarray(array)
    if array.dtype.kind not in "fiu":
        return "", b""
    return array.dtype.str, hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest()


def _digest(file: Any) -> str:
    """Of all that a file holds but the digest itself."""
    found = hashlib.sha256()
    for group in (file, file.groups[_GROUP]):
        _feed(found, group.attrs)
        for name in sorted(group.variables):
            variable = group.variables[name]
            values = np.asarray(variable[...])
            found.update(f"{name} {values.shape} {values.dtype.str} {variable.dimensions}".encode())
            found.update(repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes())
            _feed(found, variable.attrs)
    return found.hexdigest()


def _feed(found: Any, attributes: Any) -> None:
    for key in sorted(attributes):
        if key not in _ADDED and key != "digest":
            found.update(f"{key}={np.asarray(attributes[key]).tolist()!r};".encode())
