"""Compiled functions handed to loops by their addresses: Numba takes 4 µs for each function that it is given, to read
its type and look up where it is, which adds up where a call is one of many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.sigutils import normalize_signature
from numba.extending import intrinsic


def function_at(kind: str) -> Any:
    """What makes of two ``addresses`` in a loop a function of this kind, ``FunctionType(void(...))``."""
    made = _kind(kind)

    @intrinsic
    def found(typingctx: Any, wrapper: Any, direct: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer, whole = context.get_value_type(types.voidptr), cgutils.create_struct_proxy(made)(context, builder)
            whole.c_addr, whole.jit_addr = (builder.inttoptr(address, pointer) for address in args)
            whole.py_addr = ir.Constant(pointer, None)
            return whole._getvalue()

        return made(types.int64, types.int64), generate

    return found


def addresses(functions: Mapping[str, Any]) -> np.ndarray:
    """Two addresses of each function, by its kind, in this order: they hold as long as the functions are kept.

    ``TypeError`` for a function of another kind."""
    found = []
    for kind, function in functions.items():
        (result,) = function.overloads.values()
        if result.signature != _kind(kind).signature:
            raise TypeError(f"{function} is {result.signature}, not {kind}")
        names = result.fndesc.llvm_cfunc_wrapper_name, result.fndesc.llvm_func_name
        found += [result.library.get_pointer_to_function(name) for name in names]
    return np.array(found, np.int64)


def _kind(text: str) -> Any:
    (kind,), _ = normalize_signature(f"void({text})")
    return kind
