"""pyproject.toml lists the packages by hand: none may be forgotten."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = [path.parent.relative_to(ROOT) for path in (ROOT / "symdfi").rglob("__init__.py")]
    assert sorted(listed) == sorted([".".join(path.parts) for path in found] + ["symdfi.models"])
