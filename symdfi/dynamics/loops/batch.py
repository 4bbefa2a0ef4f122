"""A kernel of one state run over many. Run from the kernel cache, not imported."""

from symdfi.compile.source.runtime import jit

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"


@jit(f"void(int64, int64, {KERNEL}, {I}, {I}, {M}, {M}, {V}, {M}, {V}, {M})")
def over(start, stop, kernel, sizes, ints, q, v, params, inputs, t, out):
    """``out[s] = kernel(q[s], v[s], inputs[s], t[s])`` for s in start..stop-1."""
    for s in range(start, stop):
        kernel(sizes, ints, q[s], v[s], params, inputs[s], t[s], out[s])
