"""Small arrays on the stack, of a length known when compiled: one from the heap costs tens of nanoseconds."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj


@intrinsic(prefer_literal=True)
def stack(typingctx: Any, size: Any) -> Any:
    """``stack(n)``: as ``np.empty(n)`` for a literal n, an array that is gone when the function returns."""
    if not isinstance(size, types.IntegerLiteral):
        return None
    count, array = size.literal_value, types.Array(types.float64, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = cgutils.alloca_once(builder, ir.ArrayType(ir.DoubleType(), count))
        made = arrayobj.make_array(array)(context, builder)
        extent, step = (context.get_constant(types.intp, number) for number in (count, 8))
        data = builder.bitcast(place, made.data.type)
        arrayobj.populate_array(made, data, shape=[extent], strides=[step], itemsize=step, meminfo=None)
        return made._getvalue()

    return array(types.literal(count)), generate
