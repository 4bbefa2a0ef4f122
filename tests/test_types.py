"""What users write type-checks: the code of the README and the tutorials, and indexed coordinates."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cells import ROOT, write

#: SymPy carries no types; what a checker infers from its sources is wrong, and is left out here as for ourselves.
SETTINGS = {
    "typeCheckingMode": "basic",
    "useLibraryCodeForTypes": False,
    "reportMissingModuleSource": False,
    "reportUnusedExpression": False,
    "pythonVersion": "3.11",
}
COORDINATES = """
import sympy as sp
import symdfi as sd

def pair(one: sp.Symbol, other: sp.Symbol) -> None: ...
def arrays(one: sp.IndexedBase, other: sp.IndexedBase) -> None: ...

n, i = sp.Symbol("n"), sp.Symbol("i", integer=True)
pair(*sd.coordinates("q"))
x, v = sd.coordinates("x", n)
arrays(x, v)
arrays(*sd.coordinates("y", (n, 3)))
arrays(*sd.coordinates("z", n, 3))
print(x[i] + v[i], x.shape)
"""


def _installed_as(directory: Path) -> None:
    """The package as it is installed, models in it: a checker does not follow an editable installation."""
    package = directory / "symdfi"
    package.mkdir(parents=True)
    for part in (ROOT / "symdfi").iterdir():
        os.symlink(part, package / part.name, target_is_directory=part.is_dir())
    os.symlink(ROOT / "models", package / "models", target_is_directory=True)


def test_the_code_of_readme_and_tutorials_is_clean(tmp_path: Path) -> None:
    code, installed = tmp_path / "code", tmp_path / "installed"
    code.mkdir()
    _installed_as(installed)
    write(code)
    (code / "coordinates.py").write_text(COORDINATES, encoding="utf-8")
    settings = {**SETTINGS, "include": ["."], "extraPaths": [str(installed)]}
    (code / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "-p", str(code), "--pythonpath", sys.executable, "--outputjson"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=code, check=False).stdout)
    told = [
        f"{Path(d['file']).name}:{d['range']['start']['line'] + 1}: {d['message']}"
        for d in found["generalDiagnostics"] if d["severity"] == "error"
    ]  # fmt: skip
    assert not told
    assert found["summary"]["filesAnalyzed"] > 3
