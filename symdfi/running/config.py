"""The settings of a run as TOML: what model, from what data, with which settings."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdfi import __version__
from symdfi.running.settings import Settings, hint

_KEYS = ("symdfi", "model", "initial", "settings")


@dataclass(frozen=True)
class Config:
    """What a file says of a run: the model, empty if it names none, the file of initial data, or None, and settings."""

    model: str
    initial: Path | None
    settings: Settings


def read(path: Path) -> Config:
    """What is in a file; in it paths are relative to the folder where it stands.

    Raises ``OSError`` for a file that cannot be read, ``ValueError`` for one that is no TOML or says other things.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    for key in found:
        if key not in _KEYS:
            raise ValueError(f"{path}: {key} is none of {', '.join(_KEYS)}: settings stand under [settings]")
    settings = found.get("settings", {})
    if not isinstance(settings, Mapping):
        raise ValueError(f"{path}: settings is a table, [settings], not {settings!r}")
    for key in ("model", "initial"):
        if not isinstance(found.get(key, ""), str):
            raise ValueError(f"{path}: {key} is a text, not {found[key]!r}")
    model, initial = found.get("model", ""), found.get("initial")
    if ".py" in model or "/" in model:
        model = os.path.normpath(path.parent / model)
        model = model if Path(model).is_absolute() else os.path.join(os.curdir, model)
    return Config(model, None if initial is None else path.parent / initial, settings)


def written(folder: Path, model: str, settings: Settings, initial: Path | None = None) -> str:
    """The text of a file in ``folder`` that ``read`` makes the same run of. Settings of kinds that no file holds, and
    which no one can change, are those of the model."""
    name = model
    if (found := re.fullmatch(r"(?s)(.+\.py)(:\w*)?", model)) is not None:
        name = _from(folder, Path(found[1])) + (found[2] or "")
    rows = ["# `symdfi run --config` with this file repeats the run.", f"symdfi = {_value(__version__)}"]
    rows.append(f"model = {_value(name)}")
    if initial is not None:
        rows.append(f"initial = {_value(_from(folder, initial))}")
    rows += ["", "[settings]"]
    rows += [f"{_key(key)} = {text}" for key, value in settings.items() if (text := _value(value)) is not None]
    return "\n".join([*rows, ""])


def in_a_line(settings: Settings) -> str:
    """Settings for a caption."""
    shown = (
        (name, f"{value:g}" if isinstance(value, float | np.floating) else value) for name, value in settings.items()
    )
    return ", ".join(f"{name} = {value}" for name, value in shown)


def unknown(path: Path, settings: Settings, known: Settings) -> None:
    """``ValueError`` for a setting in a file that the model does not have."""
    for name in settings:
        if name not in known:
            raise ValueError(f"{path}: there is no setting {name!r}{hint(name, list(known))}")


def _from(folder: Path, file: Path) -> str:
    """A file as it is found from a folder, by slashes."""
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # on another drive
        return file.resolve().as_posix()


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    # TOML's strings are JSON's, which leave one character of those that must be escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str | None:
    """A value in TOML; None for one that it cannot hold."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        parts = [_value(one) for one in value]
        return None if None in parts else f"[{', '.join(map(str, parts))}]"
    return None
