# pyright: reportCallIssue=false, reportOptionalCall=false
"""Calls of compiled functions from Python.

What takes Python's arguments apart is longer than a short kernel and takes as long to compile. So a function is
compiled without: Python enters it by way of another one, ``enter(address, *arguments)``, that all functions of its
signature share.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature
from numba.extending import intrinsic

from symdfi.compile.source.pipeline import Pipeline

#: Beside its source, and without the interpreter's lock.
KEPT = {"cache": True, "nogil": True}


class Entered(CPUDispatcher):
    """A function compiled for one signature, which Python calls by way of ``enter``."""

    #: Loads a module from the kernel cache; set there.
    load: Callable[[str], Any]
    #: The source of its ``enter``.
    source: str
    _entering: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.from_python(*args)

    # Not cached_property: until Python 3.12 it holds a lock of its own, which a fork may leave locked in the child.

    @property
    def from_python(self) -> Callable[..., Any]:
        """The function, for many calls from Python."""
        if self._entering is None:
            self._entering = functools.partial(Entered.load(self.source).enter, self._address)
        return self._entering

    @property
    def unchecked(self) -> Callable[..., Any]:
        """The same without Numba's look at what it is given, half the time of a short call: for arguments of the very
        types of its signature."""
        return functools.partial(result_of(Entered.load(self.source).enter).entry_point, self._address)

    @property
    def _address(self) -> int:
        result = result_of(self)
        with global_compiler_lock:  # for which a fork waits: LLVM has locks of its own
            return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


def entered(function: Any, signature: str, counts: bool) -> Entered:
    """What Numba has compiled for the signature, and with references counted or not, without a way in from Python."""
    function.__class__ = Entered
    names = "".join(f"a{k}, " for k in range(len(result_of(function).signature.args)))
    function.source = (
        f'call = calling("{signature}")\n\n\n@entrance("{signature}", {counts})\n'
        f"def enter(address, {names}):\n    return call(address, {names})\n"
    )
    return function


def result_of(function: Any) -> Any:
    """What Numba knows of a function compiled for one signature."""
    (result,) = function.overloads.values()
    return result


def entrance(signature: str, counts: bool) -> Callable[[Callable], Callable]:
    """The decorator of ``enter``, for the functions of a signature that count references or do not."""
    arguments, result = normalize_signature(signature)
    flags: dict[str, Any] = KEPT | {"no_cfunc_wrapper": True, "_nrt": counts}
    return numba.njit(result(types.int64, *arguments), error_model="numpy", pipeline_class=Pipeline, **flags)


def calling(signature: str) -> Any:
    """``call(address, *arguments)``, of what was compiled for the signature and lies at the address."""
    arguments, result = normalize_signature(signature)

    def call(typingctx: Any, address: Any, *values: Any) -> Any:
        def generate(context: Any, builder: Any, _: Any, given: Any) -> Any:
            convention = context.call_conv
            function = builder.inttoptr(given[0], convention.get_function_type(result, arguments).as_pointer())
            status, found = convention.call_function(builder, function, result, arguments, given[1:])
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return found

        return result(types.int64, *values), generate

    # By name, as Numba takes the rest for a tuple.
    names = ["typingctx", "address", *(f"a{k}" for k in range(len(arguments)))]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    call.__signature__ = inspect.Signature(parameters)
    return intrinsic(call)
