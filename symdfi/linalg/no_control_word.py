"""In place of ``control_word`` where there is none to set. Run from the kernel cache, not imported."""

from symdfi.compile.source.runtime import jit


@jit("uint32()")
def read():
    """Nothing of use."""
    return 0


@jit("void(uint32)")
def write(word):
    """Nothing."""
