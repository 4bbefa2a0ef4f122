"""What the source of a kernel refers to: the functions, the index type and the compiler flags."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core.registry import cpu_target

from symdfi.compile.source import vmath
from symdfi.compile.source.entrances import KEPT, calling, entered, entrance, result_of
from symdfi.compile.source.instructions import opaque, restricted
from symdfi.compile.source.pipeline import Pipeline
from symdfi.compile.source.stack import stack

# Numba imports the rest of itself, for a quarter of a second, when it first compiles or loads something. As part
# of our own import it does not delay the first kernel from the cache.
for context in (cpu_target.typing_context, cpu_target.target_context):
    context.refresh()  # pyright: ignore[reportAttributeAccessIssue]

#: No ``nnan``/``ninf``: kernels keep infinities and NaN meaningful.
FASTMATH = {"contract", "reassoc", "nsz", "arcp", "afn"}


# nan in, nan out.
def _sign(x: float) -> float:
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x


def _heaviside(x: float, half: float) -> float:
    return 1.0 if x > 0.0 else 0.0 if x < 0.0 else half if x == 0.0 else x


def _maximum(a: float, b: float) -> float:
    return a if a > b or a != a else b


def _minimum(a: float, b: float) -> float:
    return a if a < b or a != a else b


_KINKED = {"sign": _sign, "heaviside": _heaviside, "maximum": _maximum, "minimum": _minimum}
_MATH = ("tan", "asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "erfc", "gamma", "lgamma", "atan2")


def jit(signature: str, counts: bool = True) -> Callable[[Callable], Callable]:
    """The decorator of loops that are called from Python: compiled for one signature, kept beside the source.

    Code that makes no arrays need not count references to those it is given, where a count up and down again costs a
    short loop as much as its arithmetic.
    """
    decorate = _compiled(signature, counts)
    return lambda function: _found_at_once(decorate(function))


def allocating(signature: str) -> Callable[[Callable], Callable]:
    """As ``jit``, for kernels and what they call: Python enters all of a signature by one way (see ``entrances``)."""
    return _entered(signature, True)


def borrowing(signature: str) -> Callable[[Callable], Callable]:
    """As ``allocating``, for code that makes no arrays, without a count of references."""
    return _entered(signature, False)


def inlined(signature: str) -> Callable[[Callable], Callable]:
    """As ``allocating``, for a kernel that its one caller takes in: a call costs tens of nanoseconds in arguments."""
    return _entered(signature, True, forceinline=True, no_cfunc_wrapper=True)


def _entered(signature: str, counts: bool, **flags: Any) -> Callable[[Callable], Callable]:
    decorate = _compiled(signature, counts, no_cpython_wrapper=True, **flags)
    return lambda function: entered(_found_at_once(decorate(function)), signature, counts)


def _compiled(signature: str, counts: bool, **flags: Any) -> Callable[[Callable], Any]:
    flags |= KEPT | {"_nrt": counts}  # not among the options that Numba documents
    return numba.njit(signature, fastmath=FASTMATH, error_model="numpy", pipeline_class=Pipeline, **flags)


def _found_at_once(function: Any) -> Any:
    """A function compiled for one signature, which knows its address. Numba looks it up, in 40 µs, whenever the
    function is passed to another one: steppers take several kernels."""
    result, look_up = result_of(function), function.get_compile_result
    name = result.fndesc.llvm_cfunc_wrapper_name
    function.get_compile_result = lambda given: result if given == result.signature else look_up(given)
    function.__wrapper_address__ = functools.cache(lambda: result.library.get_pointer_to_function(name))
    return function


def compiled_names() -> dict[str, Any]:
    """The names a kernel's source uses, for Numba."""
    return {
        "jit": jit,
        "allocating": allocating,
        "borrowing": borrowing,
        "inlined": inlined,
        "calling": calling,
        "entrance": entrance,
        "np": np,
        "U": np.uint64,
        "sqrt": math.sqrt,
        "floor": np.floor,
        "ceil": np.ceil,
        "inf": math.inf,
        "nan": math.nan,
        "stack": stack,
        "restricted": restricted,
        "opaque": opaque,
        **{name: numba.njit(function) for name, function in _KINKED.items()},
        **{name: getattr(math, name) for name in _MATH},
        **vmath.FUNCTIONS,
        "exp": vmath.exp_flushed,
    }


def python_names() -> dict[str, Any]:
    """The same names for running the source in plain Python: slow, exact, and easy to step through."""
    numpy_names = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
    numpy_names |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "tan": "tan"}
    special = {name: getattr(math, name) for name in ("erf", "erfc", "gamma", "lgamma")}
    return {
        **dict.fromkeys(
            ("jit", "allocating", "borrowing", "inlined"), lambda signature, counts=True: lambda function: function
        ),
        "np": np,
        "U": int,
        "sqrt": np.sqrt,
        "floor": np.floor,
        "ceil": np.ceil,
        "inf": math.inf,
        "nan": math.nan,
        "stack": np.empty,
        "restricted": lambda: None,
        "opaque": lambda number: number,
        **_KINKED,
        **{name: getattr(np, other) for name, other in numpy_names.items()},
        **{name: getattr(np, name) for name in vmath.FUNCTIONS},
        **special,
    }
