"""A kernel of one state run over many. Run from the kernel cache, not imported."""

from symdfi.compile.source.runtime import borrowing

I, V, M = "int64[::1]", "float64[::1]", "float64[:, ::1]"
KERNEL = f"FunctionType(void({I}, {I}, {V}, {V}, {V}, {V}, float64, {V}))"


@borrowing(f"void(int64, int64, {KERNEL}, {I}, {I}, {M}, {M}, {M}, {M}, {V}, {M})")
def over(start, stop, kernel, sizes, ints, q, v, params, inputs, t, out):
    """``out[s] = kernel(q[s], v[s], params[own], inputs[s], t[s])`` for s in start..stop-1.

    The rows of ``params`` each belong to equally many states that follow one another.
    """
    for s in range(start, stop):
        own = s * params.shape[0] // q.shape[0]
        kernel(sizes, ints, q[s], v[s], params[own], inputs[s], t[s], out[s])
