"""Numba's compiler without the work that the source of a kernel has no need of, a third of all and more.

Generated source is long, plain arithmetic on numbers and arrays. Of each of its operations Numba asks three times what
type it has, and every time goes through all that an operator may mean, NumPy's universal functions among it, which
takes longer than to translate it. The answer is the same whenever the types of the operands are.

Where an array is assigned to a part of another one, whose shape may be a different one, Numba's message says which they
are. That takes Python's strings: four seconds before the first such kernel, and half of what each of them takes. The
messages of kernels do without.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

from numba.core import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering, NopythonTypeInference
from numba.core.types.functions import BaseFunction
from numba.core.untyped_passes import (
    FindLiterallyCalls,
    LiteralPropagationSubPipelinePass,
    LiteralUnroll,
    MakeFunctionToJitFunction,
    WithLifting,
)
from numba.np.arrayobj import raise_with_shape_context

#: For ``with``, functions within functions, and what depends on the value of an argument, of which there is nothing.
_NEEDLESS = {
    FindLiterallyCalls, LiteralPropagationSubPipelinePass, LiteralUnroll, MakeFunctionToJitFunction, WithLifting
}  # fmt: skip
#: Types that say all there is to know of a value, as those of functions do not.
_PLAIN = (types.Number, types.Boolean, types.Array, types.UniTuple)

_known: dict[tuple[Any, tuple[types.Type, ...]], Any] = {}
_ask: Any = BaseFunction.get_call_type


def _remembered(self: Any, context: Any, args: Any, kws: Any) -> Any:
    """The signature of a call, looked up once for these types of arguments."""
    if self.typing_key is raise_with_shape_context:
        return _without_shapes(self, context, args)
    if kws or not all(isinstance(given, _PLAIN) for given in args):
        return _ask(self, context, args, kws)
    key = self, tuple(args)
    if (found := _known.get(key)) is None:
        found = _known[key] = _ask(self, context, args, kws)
    return found


def _without_shapes(self: Any, context: Any, args: Any) -> Any:
    """The signature of what Numba raises on targets that know no strings."""
    (plain,) = (one for one in self.templates if one.metadata.get("target") == "generic")
    function: Any = types.Function(plain)
    found = _ask(function, context, args, {})
    self._impl_keys[found.args] = function.get_impl_key(found)
    return found


@contextlib.contextmanager
def _remembering() -> Iterator[None]:
    """In this context Numba remembers. It runs one pass at a time, holding a lock."""
    before = BaseFunction.get_call_type
    setattr(BaseFunction, "get_call_type", _remembered)  # noqa: B010
    try:
        yield
    finally:
        setattr(BaseFunction, "get_call_type", before)  # noqa: B010


@register_pass(mutates_CFG=True, analysis_only=False)
class _TypeInference(NopythonTypeInference):
    _name = "symdfi_type_inference"

    def run_pass(self, state: Any) -> Literal[True]:
        with _remembering():
            return super().run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "symdfi_lowering"

    def run_pass(self, state: Any) -> Literal[True]:
        with _remembering():
            return super().run_pass(state)


_OWN: dict[type, type] = {NopythonTypeInference: _TypeInference, NativeLowering: _Lowering}


class Pipeline(CompilerBase):
    """Numba's passes but for those that are needless, and with a memory in those that ask for types."""

    def define_pipelines(self) -> list[PassManager]:
        manager = PassManager("symdfi")
        for one, about in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            if one not in _NEEDLESS:
                manager.add_pass(_OWN.get(one, one), about)
        manager.finalize()
        return [manager]
