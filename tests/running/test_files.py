"""Models in files of one's own: whole files as the documentation shows them, what is beside them, and what is wrong."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap

import pytest
import xarray as xr
from typer.testing import CliRunner

import symdfi as sd
from symdfi import results
from symdfi.cli import app
from symdfi.errors import CheckpointError
from symdfi.running import Model, files

OSCILLATOR = """\
import sympy as sp
import symdfi as sd
{0}
q, v = sd.coordinates("q")
k = sp.Symbol("k")
{1} = sd.MechanicsModel(
    build=sd.Lagrangian(v**2 / 2 - k * q**2 / 2, q, v),
    initial=lambda s: (s["start"], 0.0, {{k: s["k"]}}),
    defaults={{"start": 1.0, "k": 4, "t_end": 1, "dt": 0.1}},
)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """In a folder of its own, and modules of the files are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if not getattr(sys.modules[name], "__file__", None) or str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def in_docstring(of: type) -> str:
    """The file that a docstring shows."""
    text = inspect.getdoc(of) or ""
    return textwrap.dedent(re.split(r":\n\n(?=    )", text, maxsplit=1)[1])


@pytest.mark.parametrize("of", [sd.MechanicsModel, sd.EvolutionModel, sd.PropagationModel, Model])
def test_the_file_that_a_docstring_shows(of, tmp_path):
    (tmp_path / "own.py").write_text(in_docstring(of))
    few = ["--set", "T=0.1", "--set", "fit_iterations=20"] if of is sd.EvolutionModel else []
    found = invoke("run", "./own.py", *few)
    assert found.exit_code == 0, found.output
    path = tmp_path / "runs" / "own" / "data.nc"
    data = results.load(path)
    with xr.open_dataset(path) as plain:
        assert len(data.data_vars) > 0 and set(plain.data_vars) == set(data.data_vars)
    if of is Model:
        with pytest.raises(CheckpointError, match="read its data by xarray"):
            sd.load(path)
    else:
        kind = {sd.MechanicsModel: sd.Trajectory, sd.EvolutionModel: sd.Solution, sd.PropagationModel: sd.Orbit}[of]
        found = sd.load(path)
        assert isinstance(found, kind) and found.dataset.equals(data)
        assert (found.made["model"], found.made["settings"]) == ("own", data.attrs["settings"])
    assert (tmp_path / "runs" / "own" / "figure.png").stat().st_size > 1000
    assert invoke("show", "own.py").exit_code == 0


EQUILIBRIUM = """\
import sympy as sp
import symdfi as sd

q, v = sd.coordinates("q")
k, f, y = sp.symbols("k f y")
system = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 + f * q, q, v, parameters=[k], inputs=[f])
trainer = sd.EPTrainer(system, sd.Cost((q - y) ** 2 / 2, targets=[y]), sd.Static(), trainable=[k])
MODEL = sd.PropagationModel(
    build=sd.Experiment(trainer, {k: 1.0}, inputs={f: 1.0}, targets={y: 0.5}),
    train=lambda s, experiment: experiment.train(epochs=30, optimizer="lbfgs"),
)
"""


def test_training_on_one_equilibrium(tmp_path):
    (tmp_path / "own.py").write_text(EQUILIBRIUM)
    found = invoke("run", "own.py", "--out", "out")
    assert found.exit_code == 0, found.output
    assert abs(sd.load("out/training.nc").best["k"] - 2) < 1e-6  # q = f/k = y
    assert "settings" in sd.load("out/data.nc").made and "rule" not in sd.load("out/data.nc").made["settings"]


def test_the_shortest(tmp_path):
    (tmp_path / "own.py").write_text(files.SHORTEST)
    found = invoke("run", "own.py", "--set", "t_end=1", "--out", "out")
    assert found.exit_code == 0, found.output
    data = results.load(tmp_path / "out" / "data.nc")
    assert (data.attrs["model"], data.attrs["title"]) == ("own", "own")


def test_title_and_description_are_those_of_the_file(tmp_path):
    (tmp_path / "own.py").write_text('"""A spring.\n\nHooke, 1678.\n"""\n' + OSCILLATOR.format("", "MODEL"))
    model = files.load(tmp_path / "own.py")
    assert (model.name, model.title, model.description) == ("own", "A spring", "Hooke, 1678.")
    assert model.settings["t_end"] == 1.0 and isinstance(model.settings["t_end"], float)
    assert model.settings["method"] == "verlet"


def test_what_stands_beside(tmp_path):
    """Relative imports and others, with and without a package; a changed file is read anew."""
    for folder in ("plain", "package", "package/inner"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "springs.py").write_text("STIFF = 3\n")
        own = tmp_path / folder / "own model.py"
        own.write_text("from .springs import STIFF\n" + OSCILLATOR.format("STIFF + 1", "MODEL"))
        if folder != "plain":
            (tmp_path / folder / "__init__.py").touch()
    for folder in ("plain", "package", "package/inner"):
        assert invoke("show", f"{folder}/own model.py").exit_code == 0
    (tmp_path / "plain" / "wires.py").write_text("THIN = 1\n")
    (tmp_path / "plain" / "own model.py").write_text("import wires\n" + OSCILLATOR.format("", "MODEL"))
    assert invoke("show", tmp_path / "plain" / "own model.py").exit_code == 0
    (tmp_path / "package" / "inner" / "whole.py").write_text("from ..springs import *\n" + files.SHORTEST)
    assert invoke("show", tmp_path / "package" / "inner" / "whole.py").exit_code == 0
    assert not list(tmp_path.glob("plain/__pycache__/own*"))


def test_several_in_a_file(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(OSCILLATOR.format("", "soft") + "hard = sd.MechanicsModel(\n    name='stiff', " + 
                   "build=soft.build, initial=(1.0, 0.0, {k: 9.0}), defaults={'t_end': 1.0})\n")  # fmt: skip
    assert invoke("run", "own.py").stderr == "symdfi: own.py has the models soft, hard: say which, as own.py:soft\n"
    assert invoke("run", "own.py:sofa").stderr == "symdfi: own.py has no model 'sofa': did you mean 'soft'?\n"
    assert invoke("run", "own.py:hard").exit_code == 0
    assert (tmp_path / "runs" / "own_hard" / "data.nc").exists()
    assert files.load(own, "stiff").name == "stiff"
    own.write_text(own.read_text() + "MODELS = [hard]\nMODEL = soft\nsoft = None\n")
    assert files.load(own).name == "own"
    own.write_text(OSCILLATOR.format("", "oscillator"))
    assert files.load(own).name == "own_oscillator"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "own.py has no MODEL. The shortest there is:"),
        ("x = 1\ny = x +\n", "own.py, line 2: SyntaxError: invalid syntax"),
        ("import symdfi as sd\nx, v = sd.coordinate('x')\n", "own.py, line 2: AttributeError: "),
        ("from .beam import L\n", "own.py, line 1: ModuleNotFoundError: No module named beam beside the file"),
        ("import broken\n", "broken.py, line 1: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "own.py, line 1: SystemExit: 3"),
        ("MODEL = 3\n", "MODEL of own.py is of type int: it is to be a MechanicsModel(...)"),
        ("import symdfi as sd\nMODEL = sd.MechanicsModel\n", "MODEL of own.py is the class MechanicsModel"),
        (OSCILLATOR.format("", "MODEL").replace("initial", "inital"), "own.py, line 6: TypeError: "),
        (OSCILLATOR.format("", "MODEL").replace('s["k"]', 's["kay"]'), "own.py, line 8: KeyError: there is no 'kay'"),
        (OSCILLATOR.format("", "MODEL").replace("build=", "build=1.0, #"), "own.py: build of the model own is to be "),
        (OSCILLATOR.format("", "MODEL").replace("lambda s: (s", "lambda s: [s").replace("]})", "]}]"), "is to be (q0"),
        (OSCILLATOR.format("", "MODEL").replace("build=", "build=lambda s: ").replace("q, v)", "q, 3 * v)"),
         "own.py, line 7: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(text, message, tmp_path):
    (tmp_path / "own.py").write_text(text)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    found = invoke("run", "own.py")
    assert found.exit_code == 2
    assert found.stderr.startswith("symdfi: ") and message in found.stderr
    if "no MODEL" in message:
        assert files.SHORTEST in found.stderr
    else:
        assert found.stderr.count("\n") == 1
        assert not (tmp_path / "runs").exists()
    if "KeyError" in message:
        shown = invoke("run", "own.py", "--traceback")
        assert shown.exit_code != 0 and isinstance(shown.exception, KeyError)


def test_files_that_are_none(tmp_path):
    (tmp_path / "own.py").write_text(files.SHORTEST)
    assert invoke("run", "./other.py").stderr == "symdfi: other.py is not there\n"
    assert invoke("run", ".//").stderr == "symdfi: . is a folder: give a file of Python\n"
    assert invoke("run", "own").stderr == "symdfi: there is no model 'own': did you mean the file ./own.py?\n"


def test_settings_of_any_kind(tmp_path):
    (tmp_path / "own.py").write_text(
        OSCILLATOR.format("", "MODEL").replace('"k": 4', '"k": 4.0, "many": [1.0, 2.0], "wet": False, "odd": {}')
    )
    given = [f"--set={one}" for one in ("many=3,4.5", "wet=true", "k=3", "method=midpoint")]
    assert invoke("run", "own.py", *given).exit_code == 0
    for given, message in (
        ("many=a,b", "the setting many is a number, not 'a'"),
        ("wet=3", "the setting wet is true or false, not '3'"),
        ("odd=1", "the setting odd is {} in the model: there is no other way to give it"),
    ):
        assert invoke("run", "own.py", "--set", given).stderr == f"symdfi: {message}\n"
