"""M2, compiled functions, results and the command line: extreme inputs give a right value or a named error."""

from pathlib import Path

import numpy as np
import sympy as sp
import xarray as xr
from typer.testing import CliRunner

import symdfi as sd
from symdfi.cli import app
from symdfi.results import load, save
from tests.validation.extremes import EXTREME, PLAIN, Pick, array, extremes, mostly, number, outcome

n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
x, w = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("w", shape=(n,))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
a, b = sp.symbols("a b", real=True)
FORMULAS = {
    "product": a * b,
    "ratio": a / b,
    "exp": sp.exp(a),
    "tanh": sp.tanh(a),
    "log": sp.log(a),
    "root": sp.sqrt(a),
}
SCALARS = sd.compile(FORMULAS, [a, b])
NUMPY = {
    "product": lambda a, b: a * b, "ratio": lambda a, b: a / b, "exp": lambda a, b: np.exp(a),
    "tanh": lambda a, b: np.tanh(a), "log": lambda a, b: np.log(a), "root": lambda a, b: np.sqrt(a),
}  # fmt: skip
TOTAL = sp.Sum(a * sp.exp(-((w[i] * x[p[i]]) ** 2)), (i, 0, n - 1))
ARRAYS = sd.compile({"total": TOTAL, "slope": sd.gradient(TOTAL, w), "terms": (a * x[i], (i, 0, n - 1))}, [a, w, x, p])


@extremes(100)
def test_function_of_numbers(pick: Pick) -> None:
    """As NumPy: infinities, NaN and zeros of IEEE arithmetic, without a warning."""
    values = {"a": number(pick), "b": number(pick)}
    found = outcome(lambda: SCALARS(values), "a ", "b ", "argument")
    if found is None or any(map(np.ndim, values.values())):
        return
    with np.errstate(all="ignore"):
        one, other = (np.asarray(values[name], dtype=float) for name in "ab")
        for name, value in found.items():
            if name == "ratio" and not np.all((abs(other) > 1e-300) & (abs(other) < 1e300)):
                continue  # a product with 1/b, which may overflow on its own
            exact = NUMPY[name](one, other)
            tiny = np.abs(exact) < 1e-300
            np.testing.assert_allclose(value[~tiny], exact[~tiny], rtol=1e-15)


@extremes(100)
def test_function_of_arrays(pick: Pick) -> None:
    size = mostly(pick, [1, 2, 3, 7], [0])
    index = mostly(
        pick, [np.zeros(size, int), np.arange(size)], [np.full(size, 2**62), np.arange(size) - 1, [0.0], None]
    )
    values = {"a": number(pick), "w": array(pick, size), "x": array(pick, size), "p": index}
    words = ("a ", "w ", "x ", "p ", "p[", "argument", "n")
    bound = outcome(lambda: ARRAYS.bind(values), *words) if pick([True, False]) else None
    if bound is not None:
        found = outcome(lambda: bound(a=values["a"], w=values["w"], x=values["x"]), *words)
    else:
        found = outcome(lambda: ARRAYS(values), *words)
    if found is not None and all(np.size(values[name]) == size for name in "wx") and np.ndim(values["a"]) == 0:
        with np.errstate(all="ignore"):
            exact = np.asarray(values["a"], float) * np.asarray(values["x"], float)
        np.testing.assert_allclose(np.ravel(found["terms"]), np.ravel(exact), rtol=1e-15, atol=1e-300)


@extremes(40)
def test_results(pick: Pick, tmp_path_factory=None) -> None:
    data = {"y": (("k",), pick([np.array(EXTREME[:-1]), np.array([]), np.array([True]), np.array(PLAIN, float)]))}
    attributes = {"note": pick(["", "a/b", "ü", 1e308, -0.0, np.arange(3), True, np.nan])}
    dataset = xr.Dataset(data, attrs=attributes)
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        again = load(save(dataset, Path(folder) / "run.nc"))
    np.testing.assert_array_equal(again["y"], dataset["y"])
    assert str(again.attrs["note"]) == str(attributes["note"]).replace("True", "1")


@extremes(25)
def test_command_line(pick: Pick) -> None:
    import os
    import tempfile

    name = pick(["kepler", "pendulum", "fput", "toda", "double_pendulum"])
    from symdfi.models import load as load_model

    defaults = load_model(name).settings
    numbers = [key for key, value in defaults.items() if not isinstance(value, str)]
    chosen = {"t_end": "0.1", "dt": "0.05", "save_every": "1"}
    chosen[pick(numbers)] = pick(
        ["0", "-0.0", "5e-324", "1e-300", "1e300", "-1", "1.7e308", "nan", "inf", "", "x", "2"]
    )
    settings = [word for key, value in chosen.items() if key in defaults for word in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        found = CliRunner().invoke(app, ["run", name, *settings, "--out", os.path.join(folder, "out")])
    assert found.exit_code in (0, 1, 2), found.exception
    assert found.exit_code == 0 or found.stderr.startswith("symdfi: "), found.output
    if found.exit_code == 0:
        assert "nan" not in found.output and "inf" not in found.output.replace("info", ""), found.output


def test_the_energy_that_ends_a_run_is_drawn(tmp_path: Path) -> None:
    """A pendulum so long that its energy overflows: what was computed is told and drawn, with the reason."""
    settings = [word for given in ("l=1.7e308", "t_end=0.1", "dt=0.05") for word in ("--set", given)]
    found = CliRunner().invoke(app, ["run", "pendulum", *settings, "--out", str(tmp_path)])
    assert found.exit_code == 1 and found.stderr.startswith("symdfi: "), found.output
