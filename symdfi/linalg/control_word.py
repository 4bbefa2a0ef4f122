"""The floating-point control word from Python. Run from the kernel cache, not imported."""

from symdfi.compile.source.instructions import fp_control, set_fp_control
from symdfi.compile.source.runtime import jit


@jit("uint32()")
def read():
    """This thread's control word."""
    return fp_control()


@jit("void(uint32)")
def write(word):
    """Set it."""
    set_fp_control(word)
