# pyright: reportCallIssue=false
"""Single LLVM instructions on float64, exact, without branches, and what is told to LLVM, for code that is compiled by
Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


class _Instruction(Protocol):
    def __call__(self, *operands: Any) -> Any: ...


def _instruction(generator: Callable[..., Any]) -> _Instruction:
    """numba's intrinsic, typed: it supplies typingctx, and the caller only the operands."""
    return intrinsic(generator)


@_instruction
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a*b + c, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


@_instruction
def select(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """a if condition else b, as an instruction, never a branch."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return types.float64(types.boolean, types.float64, types.float64), codegen


@_instruction
def copysign(typingctx: Any, a: Any, b: Any) -> Any:
    """|a| with the sign of b."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        function_type = ir.FunctionType(double, [double, double])
        return builder.call(builder.module.declare_intrinsic("llvm.copysign", [double], function_type), args)

    return types.float64(types.float64, types.float64), codegen


@_instruction
def bits(typingctx: Any, a: Any) -> Any:
    """The 64 bits of a float64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.uint64(types.float64), codegen


@_instruction
def from_bits(typingctx: Any, a: Any) -> Any:
    """The float64 with these 64 bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.uint64), codegen


@_instruction
def fp_control(typingctx: Any) -> Any:
    """The control word of this thread's floating-point unit (MXCSR). x86 only."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.alloca(ir.IntType(32))
        _mxcsr(builder, "llvm.x86.sse.stmxcsr", place)
        return builder.load(place)

    return types.uint32(), codegen


@_instruction
def set_fp_control(typingctx: Any, word: Any) -> Any:
    """Set what ``fp_control`` reads."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.alloca(ir.IntType(32))
        builder.store(args[0], place)
        _mxcsr(builder, "llvm.x86.sse.ldmxcsr", place)
        return context.get_dummy_value()

    return types.none(types.uint32), codegen


@_instruction
def opaque(typingctx: Any, number: Any) -> Any:
    """The same integer, of which LLVM is not told which it is."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.IntType(64)
        return builder.asm(ir.FunctionType(whole, [whole]), "", "=r,0", args, False)

    return types.int64(types.int64), codegen


@_instruction
def restricted(typingctx: Any) -> Any:
    """Of the function that begins with it: what it writes through one of the arrays it is given, it reads and writes
    through no other one. Its loops then are vectorised without a comparison of addresses before each."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for argument in builder.function.args:
            if argument.name.endswith(".4"):  # where the numbers of an array are
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.none(), codegen


def _mxcsr(builder: Any, name: str, place: Any) -> None:
    pointer = ir.IntType(8).as_pointer()
    function = builder.module.declare_intrinsic(name, (), ir.FunctionType(ir.VoidType(), [pointer]))
    builder.call(function, [builder.bitcast(place, pointer)])
