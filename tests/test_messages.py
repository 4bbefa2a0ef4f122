"""The likeliest mistakes of a new user, each with a message that says what to do next."""

import re

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

q, v = sd.coordinates("q")
x, xd = sd.coordinates("x", 3)
i = sp.Symbol("i", integer=True)
k, X, nu = sp.symbols("k x nu")
real_time = sp.Symbol("t", real=True)
F, y = sp.symbols("F y")
PENDULUM = sd.Lagrangian(v**2 / 2 + k * sp.cos(q), q, v)
CHAIN = sd.Lagrangian(sp.Sum(xd[i] ** 2 / 2 - k * x[i] ** 2 / 2, (i, 0, 2)), x, xd)
OSCILLATOR = sd.Lagrangian(v**2 / 2 - k**2 * q**2 / 2, q, v)
DRIVEN = sd.Lagrangian(v**2 / 2 - q**2 / 2 + F * q, q, v, inputs=[F])
COST, ENDS = sd.Cost(running=q**2 / 2), sd.FixedEnds(0.0, 1.0, 1.0)
u = sp.Function("u")(sd.t, X)
HEAT = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(X, 2)))
BELLS, BOX, GRID = sd.gaussians([X], 2), sd.Box([(-1, 1)]), sd.Grid(20)
THETA = {"a": [1.0, 0.5], "w": [1.0, 2.0], "b": [0.0, 0.1]}


def integrate(q0=1.0, v0=0.0, t_span=(0, 1), dt=0.1, params=None, system=PENDULUM, **more):
    return sd.integrate(system, q0, v0, t_span, dt, {k: 1.0} if params is None else params, **more)


def problem(quadrature=GRID, params=None, ansatz=BELLS, box=BOX, **more):
    return sd.Problem(HEAT, ansatz, box, quadrature, {nu: 0.1} if params is None else params, **more)


def evolve(stepper=None, theta0=None, t_span=(0, 0.1), dt=0.05):
    return sd.evolve(problem(), THETA if theta0 is None else theta0, t_span, dt, stepper)


def trainer(cost=COST, boundary=ENDS, steps=20, trainable=(k,), *more, **settings):
    return sd.EPTrainer(OSCILLATOR, cost, boundary, steps, trainable, *more, **settings)


#: What was written, the error, and what its message says.
MISTAKES = {
    # what SymPy users write
    "text for an expression": (lambda: sd.Lagrangian("qdot**2/2", q, v), TypeError, "give a SymPy expression"),
    "a coordinate without its velocity": (
        lambda: sd.Lagrangian(sp.Symbol("qdot") ** 2, sp.Symbol("q")), sd.SymbolicError, "sd.coordinates('q')",
    ),
    "another time, in a coordinate": (
        lambda: sd.Lagrangian(sp.Function("q")(real_time).diff() ** 2, sp.Function("q")(real_time)),
        sd.SymbolicError, "Symbol('t', real=True), which is not time: take sd.t",
    ),
    "another time, in L": (
        lambda: sd.Lagrangian(v**2 / 2 + q * sp.sin(real_time), q, v), sd.SymbolicError, "take sd.t for time",
    ),
    "another time, in an equation": (
        lambda: sd.EvolutionEquation(sp.Eq(sp.Function("u")(real_time, X).diff(real_time), 1)),
        sd.SymbolicError, "its Symbol('t', real=True) is not sd.t",
    ),
    "no time in the field": (
        lambda: sd.EvolutionEquation(sp.Eq(sp.Function("u")(X).diff(X), 1)),
        sd.SymbolicError, "u(sd.t, x).diff(sd.t)",
    ),
    "a symbol for a field": (
        lambda: sd.EvolutionEquation(sp.Eq(sp.Symbol("u"), 1)), sd.SymbolicError, "u(sd.t, x).diff(sd.t)",
    ),
    "a wave equation of second order": (
        lambda: sd.EvolutionEquation(sp.Eq(u.diff(sd.t, 2), u.diff(X, 2))),
        sd.SymbolicError, "as a system of first order, with a further field p", "sd.LagrangianDensity",
    ),
    "a force on a velocity": (
        lambda: sd.Lagrangian(v**2 / 2, q, v, forces={v: -v}), sd.SymbolicError, "the force on q is given by it",
    ),
    "a force without a coordinate": (
        lambda: sd.Lagrangian(v**2 / 2, q, v, forces=-v), TypeError, "give a dict such as {x[j]: force}",
    ),
    "several coordinates at once": (lambda: sd.coordinates("x y"), ValueError, "once for each coordinate"),
    "half a size": (lambda: sd.coordinates("x", 2.5), ValueError, "it must be a positive integer or a symbol"),
    "an equation for L": (lambda: sd.Lagrangian(sp.Eq(v, q), q, v), TypeError, "give one SymPy expression"),
    "coordinate and velocity swapped": (
        lambda: sd.Lagrangian(v**2 / 2 - q**2, v, q), sd.SymbolicError, "qdot is the velocity of q",
        "Lagrangian(L, q, qdot)",
    ),
    "an array without an index": (
        lambda: sd.Lagrangian(xd**2 / 2 - x**2, x, xd).mass_matrix, sd.SymbolicError,
        "stands without an index in", "all of them in a Sum(x[i], (i, 0, ...))",
    ),
    "an array without an index, compiled": (
        lambda: sd.compile({"y": x**2}, [x]), sd.SymbolicError, "the array x stands without an index in x**2",
    ),
    "no sum over an index": (
        lambda: sd.Lagrangian(xd[i] ** 2 / 2, x, xd).compile().acceleration([1, 1, 1], [0, 0, 0]), ValueError,
        "or sum over it, Sum(..., (i, 0, n - 1))",
    ),
    "no sum over an index, compiled": (
        lambda: sd.compile({"y": x[i] ** 2}, [x]), sd.CompileError, "or of an array, (expr, (i, 0, n - 1))",
    ),
    "the last element as in Python": (
        lambda: sd.compile({"y": x[-1]}, [x]), sd.SymbolicError, "the index of x[-1] leaves the range 0..2",
    ),
    "an argument left out": (
        lambda: sd.compile({"y": k * q}, [q]), sd.CompileError, "the symbol k in k*q", "list it among the arguments",
    ),
    "a number for named arguments": (
        lambda: sd.compile({"y": q**2}, [q])(1.0), TypeError, "arguments are given by name, f(q=...)", "not as 1.0",
    ),
    "batches that differ": (
        lambda: sd.compile({"y": k * q}, [k, q])(k=[1.0, 2.0], q=[1.0, 2.0, 3.0]), ValueError,
        "the batch axes of the arguments do not broadcast: (2,) of k, (3,) of q",
    ),
    "a compiled system": (lambda: integrate(system=PENDULUM.compile()), TypeError, "give a sd.Lagrangian(L, q, v)"),
    "an expression for a system": (lambda: integrate(system=v**2 / 2), TypeError, "give a sd.Lagrangian(L, q, v)"),
    "an expression for a system to train": (
        lambda: sd.EPTrainer(v**2 / 2, COST, ENDS, 20, [k]), TypeError, "give a sd.Lagrangian(L, q, v)",
    ),
    "samples for an input": (
        lambda: integrate(params={}, system=DRIVEN, inputs={F: np.ones(11)}), ValueError, "a function of time",
        "np.interp(t, times, samples)",
    ),
    "a function of time for a parameter": (
        lambda: integrate(params={}, inputs={k: np.sin}), ValueError, "Lagrangian(..., inputs=[k])",
    ),
    # what users of solve_ivp write
    "a time for an interval": (lambda: integrate(t_span=60), ValueError, "give both ends of the interval, (0, 60)"),
    "an interval for a state": (lambda: integrate((0, 1), 1.0), ValueError, "q0 has 2 degrees of freedom, v0 has 1"),
    "no step": (lambda: integrate(dt=None), ValueError, "dt=0.01", "'dop853' chooses its own"),
    "a step backward": (lambda: integrate(dt=-0.1), ValueError, "to go backward give t_span = (t1, t0)"),
    "a step beyond the end": (lambda: integrate(dt=10), ValueError, "at most the length of t_span"),
    "too many steps": (lambda: integrate(t_span=(0, 1e6), dt=1e-12), ValueError, "makes 1e+18 steps"),
    "times outside": (
        lambda: integrate(dt=None, t_eval=[0, 2], method="dop853"), ValueError, "t_eval has 2, outside t_span = (0, 1)",
    ),
    "times of a fixed step": (lambda: integrate(t_eval=[0, 1]), ValueError, "such as 'dop853'"),
    "tolerances of a fixed step": (lambda: integrate(rtol=1e-8), ValueError, "a setting of adaptive methods"),
    "SciPy's method": (lambda: integrate(method="RK45"), ValueError, "called 'scipy:RK45'"),
    "an unknown method": (lambda: integrate(method="verlett"), ValueError, "one of verlet,", "did you mean verlet?"),
    "a class for a method": (lambda: integrate(method=sd.DOP853), TypeError, "give an object, DOP853(...)"),
    "a stepper for a method": (lambda: integrate(method=sd.DFI()), TypeError, "give an object such as DOP853()"),
    "an event as text": (lambda: integrate(dt=None, method="dop853", events="q"), TypeError, "a SymPy expression"),
    # states and parameters
    "no parameters": (lambda: integrate(params={}), ValueError, "no value for the parameter k", "params={k: ...}"),
    "a parameter given twice": (
        lambda: integrate(params={k: 1.0, "k": 2.0}), ValueError, "params: two values are given for k",
    ),
    "a parameter in a list": (lambda: integrate(params=[1.0]), TypeError, "give a dict, {k: 1.0}, by symbol or name"),
    "a parameter as text": (lambda: integrate(params={k: "1"}), ValueError, "the parameter k", "give real numbers"),
    "a parameter with a slip": (
        lambda: integrate(params={"stifness": 1.0}, system=PENDULUM_STIFF), ValueError, "did you mean stiffness?",
    ),
    "a state too short": (lambda: integrate([1.0, 2.0], [0, 0], system=CHAIN), ValueError, "(2,), expected (3,)"),
    "two states that differ": (
        lambda: integrate([1.0, 2, 3], [0, 0], system=CHAIN), ValueError, "q0 has 3 degrees of freedom, v0 has 2",
    ),
    "an unknown coordinate": (lambda: integrate({"p": 1.0}, {}), ValueError, "p is no coordinate of this system: q"),
    "a velocity for a coordinate": (lambda: integrate({v: 1.0}, {}), ValueError, "qdot is no coordinate"),
    "a complex state": (lambda: integrate(1j), ValueError, "q0 holds complex128: give real numbers"),
    "a state that is no number": (lambda: integrate(np.nan), ValueError, "it must be finite"),
    "no input": (lambda: integrate(params={}, system=DRIVEN), ValueError, "give inputs={F: ...}"),
    "an unknown input": (
        lambda: integrate(params={}, system=DRIVEN, inputs={"G": 1.0}), ValueError, "unknown input G",
    ),
    # evolution
    "no boundary condition": (
        lambda: problem(ansatz=sd.mlp([X], [4])), sd.SymbolicError, "boundary=sd.Dirichlet(0)", '"in the ansatz"',
    ),
    "another word for a boundary": (lambda: problem(boundary="periodic"), ValueError, "by Box(periodic=True)"),
    "a number for a quadrature": (lambda: problem(400), TypeError, "give a rule, sd.Grid(400)"),
    "points for a quadrature": (lambda: problem(np.linspace(-1, 1, 9)), TypeError, "sd.Samples(points, weights)"),
    "a pair for a box": (lambda: sd.Box((0, 20)), ValueError, "write [(0, 20)]"),
    "bounds for a domain": (lambda: problem(box=[(-1, 1)]), TypeError, "sd.Box([(a, b), ...])"),
    "no parameter of the equation": (lambda: problem(params={}), ValueError, "give params={nu: ...}"),
    "a variable that is no list": (lambda: sd.gaussians(X, 3), TypeError, "give a list"),
    "a width that is no list": (lambda: sd.mlp([X], 8), TypeError, "give a list"),
    "NumPy's function in an expression": (lambda: sd.mlp([X], [8], np.tanh), TypeError, "sp.tanh"),
    "another variable": (lambda: problem(ansatz=sd.gaussians([k], 2)), sd.SymbolicError, "the ansatz (k,)"),
    "an unknown stepper": (lambda: evolve("dfx"), ValueError, "one of dfi, dfo"),
    "a scheme for a stepper": (lambda: evolve("rk4"), ValueError, "give sd.DFI(scheme='rk4')"),
    "a class for a stepper": (lambda: evolve(sd.DFI), TypeError, "give an object, DFI(...)"),
    "an unknown scheme": (lambda: sd.DFI(scheme="rk5"), ValueError, "one of euler", "did you mean rk"),
    "a time for an interval of evolve": (lambda: evolve(t_span=60), ValueError, "(0, 60)"),
    "too few parameters": (lambda: evolve(theta0=[1.0, 2.0]), ValueError, "this ansatz has 6 parameters"),
    "a parameter of the ansatz left out": (lambda: evolve(theta0={"a": [1, 1]}), ValueError, "parameter w"),
    # equilibrium propagation
    "a period for a condition": (lambda: trainer(boundary=2.0), sd.SymbolicError, "use Periodic(T)"),
    "no end time": (lambda: sd.InitialState(1.0, 0.0), ValueError, "InitialState(q0, v0, T)"),
    "an end time before the start": (lambda: sd.Periodic(-1), ValueError, "must be positive and finite"),
    "one parameter that is no list": (lambda: trainer(trainable=k), TypeError, "give a list, [k]"),
    "nothing to train": (lambda: trainer(trainable=None), TypeError, "give trainable=[...], of k"),
    "no steps": (lambda: trainer(steps=None).gradient({k: 1.0}), ValueError, "the number of steps is missing"),
    "an unknown parameter": (lambda: trainer(trainable=["kk"]), sd.SymbolicError, "no parameter of system or cost"),
    "an expression for a cost": (lambda: trainer(cost=q**2), TypeError, "give a Cost, sd.Cost(running="),
    "no targets": (
        lambda: trainer(sd.Cost(running=(q - y) ** 2, targets=[y])).gradient({k: 1.0}), ValueError, "the target y",
    ),
    "half a step": (lambda: trainer(steps=20.5).gradient({k: 1.0}), TypeError, "give an integer"),
    "an unknown nudging": (lambda: trainer(COST, ENDS, 20, [k], "centred"), ValueError, "did you mean centered?"),
    "an unknown rule": (lambda: trainer(rule="trapezoid"), ValueError, "did you mean trapezoidal?"),
    "a drive of another period": (
        lambda: sd.extremize(DRIVEN, sd.Periodic(1.0), 20, {}, {F: lambda t: t}), ValueError, "not of period T = 1.0",
    ),
    "a negative learning rate": (lambda: sd.Adam(-1e-2), ValueError, "must be positive"),
    "a class for an optimiser": (
        lambda: trainer().train({k: 1.0}, [{}], 1, optimizer=sd.Adam), TypeError, "give an object, Adam(...)",
    ),
    "an optimiser without its rate": (
        lambda: trainer().train({k: 1.0}, [{}], 1, optimizer="sgd"), ValueError, "give sd.SGD(rate=...)",
    ),
}  # fmt: skip

PENDULUM_STIFF = sd.Lagrangian(v**2 / 2 - sp.Symbol("stiffness") * q**2, q, v)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_what_to_do(mistake):
    call, error, *said = MISTAKES[mistake]
    with pytest.raises(error) as refused:
        call()
    for words in said:
        assert words in str(refused.value)
    assert not re.search(r"object at 0x|has no attribute|NoneType|unexpected keyword", str(refused.value))
