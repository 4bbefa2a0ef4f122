"""What is loaded, by module and not by time: the command line's help and the bare package need none of the big ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

import symdfi as sd
from symdfi import models

HEAVY = ("sympy", "numba", "numpy", "scipy", "matplotlib", "xarray", "h5netcdf", "tqdm")
REPORT = f"\nimport sys; print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
COMMAND = "import sys\nfrom symdfi.cli import main\nsys.argv = {}\ntry:\n    main()\nexcept SystemExit: pass"


def run(program: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["list"]])
def test_the_command_line_loads_what_it_needs(arguments):
    done = run(COMMAND.format(["symdfi", *arguments]) + REPORT)
    assert done.stderr.splitlines()[-1] == "[]"
    assert "symdfi" in done.stdout or "Kepler problem" in done.stdout


def test_the_package_loads_a_name_when_it_is_used():
    assert run("import symdfi; symdfi.SymbolicError; dir(symdfi)" + REPORT).stderr == "[]\n"
    assert "'sympy'" in run("from symdfi import coordinates" + REPORT).stderr


def test_compile_is_the_function_in_any_order():
    """The package of the same name is loaded on the way to others."""
    program = "import {0}symdfi\nimport symdfi.compile.program.loops\nassert callable(symdfi.compile), symdfi.compile"
    run(program.format(""))
    run(program.format("symdfi.dynamics, "))


def test_every_public_name_is_there():
    assert len(set(sd.__all__)) == len(sd.__all__) and set(sd.__all__) <= set(dir(sd))
    for name in sd.__all__:
        assert getattr(sd, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        sd.nothing_like_it


def test_titles_are_those_of_the_models():
    assert models.titles() == {name: models.load(name).title for name in models.names()}
    with pytest.raises(KeyError):
        models.load("periodic")  # what models share is none
