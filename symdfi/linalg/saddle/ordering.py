"""The plan of an elimination: an order of the unknowns with a narrow band, and where the entries lie in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

#: The most numbers that a band may hold (3 GB).
_ROOM = 400_000_000
#: What a plan begins with: coordinates, constraints, width of the band, entries of M, entries of G.
HEAD = 5


def plan(
    coordinates: int, constraints: int, mass: tuple[Integers, Integers], jacobian: tuple[Integers, Integers]
) -> Integers:
    """The plan for entries of M and of G at ``(rows, columns)``, −1 where there is none.

    It holds the numbers of ``HEAD``, the place of every unknown in the order (reverse Cuthill–McKee), then rows and
    columns of the entries of M, then those of G. ``ValueError`` for an entry outside the matrix and for a pattern
    whose band does not fit in memory.
    """
    from scipy.sparse import coo_array  # slow to import
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    for (rows, columns), most in ((mass, coordinates), (jacobian, constraints)):
        if rows.max(initial=-1) >= most or columns.max(initial=-1) >= coordinates:
            raise ValueError(f"an index array leads outside the {coordinates} degrees of freedom")
    size = coordinates + constraints
    rows = np.concatenate([mass[0], jacobian[0] + coordinates * (jacobian[0] >= 0)])
    columns = np.concatenate([mass[1], np.where(jacobian[0] >= 0, jacobian[1], -1)])
    here = (rows >= 0) & (columns >= 0)
    both = np.concatenate([rows[here], columns[here]]), np.concatenate([columns[here], rows[here]])
    pattern = coo_array((np.ones(len(both[0])), both), shape=(size, size)).tocsr()
    order = np.asarray(reverse_cuthill_mckee(pattern, symmetric_mode=True), dtype=np.int64)
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    width = int(np.abs(place[rows[here]] - place[columns[here]]).max(initial=0))
    if size * (3 * width + 1) > _ROOM:
        raise ValueError(
            f"the constraints couple {size} unknowns over a band of width {width}: that does not fit in memory"
        )
    head = [coordinates, constraints, width, len(mass[0]), len(jacobian[0])]
    return np.concatenate([head, place, *mass, *jacobian]).astype(np.int64)


def matrices(
    found: Integers, mass: NDArray[np.float64], jacobian: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """M and G in full, from their entries and the plan."""
    coordinates, constraints, _, n_mass, n_jacobian = found[:HEAD]
    at = HEAD + coordinates + constraints
    full = []
    for entries, rows, count in ((mass, coordinates, n_mass), (jacobian, constraints, n_jacobian)):
        places, at = found[at : at + 2 * count].reshape(2, -1), at + 2 * count
        here = (places >= 0).all(axis=0)
        matrix = np.zeros((rows, coordinates))
        np.add.at(matrix, tuple(places[:, here]), entries[here])
        full.append(matrix)
    return full[0], full[1]
