"""The symbolic part of a multifrontal elimination. Run from the kernel cache, not imported.

The pattern is symmetric, by columns (``starts``, ``inner``), in the order of elimination; −1 stands for no parent.
"""

import numpy as np

from symdfi.compile.source.runtime import jit

I, V = "int64[::1]", "float64[::1]"


@jit(f"void({I}, {I}, {I}, {I})")
def trees(starts, inner, parent, count):
    """The elimination tree (Liu, ACM TOMS 12 (1986) 127), and how many entries each column of the factors has."""
    n = parent.size
    ancestor, mark = np.full(n, -1), np.full(n, -1)
    for j in range(n):
        parent[j] = -1
        for e in range(starts[j], starts[j + 1]):
            i = inner[e]
            while i != -1 and i < j:
                following = ancestor[i]
                ancestor[i] = j
                if following == -1:
                    parent[i] = j
                i = following
    count[:] = 1
    for j in range(n):
        mark[j] = j
        for e in range(starts[j], starts[j + 1]):
            i = inner[e]
            while i < j and mark[i] != j:
                mark[i] = j
                count[i] += 1
                i = parent[i]


@jit(f"void({I}, {I}, {I})")
def postorder(parent, count, order):
    """Children before their parent, the one with most entries last."""
    n, k, top = parent.size, 0, 0
    head, following, stack = np.full(n + 1, -1), np.full(n, -1), np.empty(n + 1, np.int64)
    for j in np.argsort(-count, kind="mergesort"):
        own = parent[j] if parent[j] >= 0 else n
        following[j] = head[own]
        head[own] = j
    stack[0] = n
    while top >= 0:
        node = stack[top]
        child = head[node]
        if child >= 0:
            head[node] = following[child]
            top += 1
            stack[top] = child
        else:
            top -= 1
            if node < n:
                order[k] = node
                k += 1


@jit("int64(int64, int64)")
def trapezoid(pivots, width):
    """How many numbers the rows of ``pivots`` unknowns hold, of a front of ``width``."""
    return pivots * width - pivots * (pivots - 1) // 2


@jit(f"int64({I}, {I}, {I}, {V}, {I})")
def fronts(parent, count, sizes, shares, first):
    """The first column of each front: columns next to each other are taken together while, of fronts of up to
    ``sizes`` columns, zeros make up no more than ``shares`` of what is kept. Returns how many fronts there are."""
    total, n = 0, parent.size
    stop, zeros = np.empty(n, np.int64), np.zeros(n)
    for j in range(n):
        first[total], stop[total], zeros[total] = j, j + 1, 0.0
        total += 1
        while total > 1:
            a, b = total - 2, total - 1
            if not first[b] <= parent[stop[a] - 1] < stop[b]:
                break
            one, other = stop[a] - first[a], stop[b] - first[b]
            wide = other + count[stop[b] - 1] - 1
            kept = trapezoid(one + other, one + wide)
            own = trapezoid(one, one + count[stop[a] - 1] - 1) + trapezoid(other, wide)
            blank, share = zeros[a] + zeros[b] + kept - own, 0.0
            for k in range(sizes.size):
                if one + other <= sizes[k]:
                    share = shares[k]
                    break
            if blank > share * kept:
                break
            stop[a], zeros[a] = stop[b], blank
            total -= 1
    first[total] = n
    return total


@jit(f"void({I}, {I}, {I}, {I}, {I}, {I})")
def members(starts, inner, first, parent, places, rows):
    """The unknowns of each front in order, its own first, at ``places``."""
    total = parent.size
    mark, head, following = np.full(first[total], -1), np.full(total, -1), np.full(total, -1)
    for s in range(total):
        k, last = places[s], first[s + 1]
        for j in range(first[s], last):
            mark[j] = s
            rows[k] = j
            k += 1
        for j in range(first[s], last):
            for e in range(starts[j], starts[j + 1]):
                i = inner[e]
                if i >= last and mark[i] != s:
                    mark[i] = s
                    rows[k] = i
                    k += 1
        child = head[s]
        while child >= 0:
            for e in range(places[child] + first[child + 1] - first[child], places[child + 1]):
                i = rows[e]
                if i >= last and mark[i] != s:
                    mark[i] = s
                    rows[k] = i
                    k += 1
            child = following[child]
        rows[places[s] + last - first[s] : k].sort()
        if parent[s] >= 0:
            following[s] = head[parent[s]]
            head[parent[s]] = s


@jit(f"void({I}, {I}, {I}, {I}, {I}, {I}, {I}, {I}, {I})")
def locate(first, parent, places, rows, relative, fronts, low, high, at):
    """``relative``: where in its parent's front each unknown of a front is that is not its own. ``at``: where in its
    front the entry (low, high) is, the entries being in the order of their ``fronts``."""
    total = parent.size
    local, head, following = np.empty(first[total], np.int64), np.full(total, -1), np.full(total, -1)
    for s in range(total):
        if parent[s] >= 0:
            following[s] = head[parent[s]]
            head[parent[s]] = s
    e = 0
    for s in range(total):
        for k in range(places[s], places[s + 1]):
            local[rows[k]] = k - places[s]
        child = head[s]
        while child >= 0:
            for k in range(places[child] + first[child + 1] - first[child], places[child + 1]):
                relative[k] = local[rows[k]]
            child = following[child]
        width = places[s + 1] - places[s]
        while e < at.size and fronts[e] == s:
            at[e] = local[low[e]] * width + local[high[e]]
            e += 1


@jit(f"int64({I}, {I})")
def pile(parent, left):
    """The most numbers that wait for their parents at once, of fronts that leave ``left`` unknowns."""
    waiting, k, held, most = np.empty(parent.size, np.int64), 0, 0, 0
    for s in range(parent.size):
        while k > 0 and parent[waiting[k - 1]] == s:
            k -= 1
            held -= left[waiting[k]] ** 2
        waiting[k] = s
        k += 1
        held += left[s] ** 2
        most = max(most, held)
    return most
