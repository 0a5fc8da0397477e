"""One pass of Lloyd's iterations over sparse rows.

Compiled, because a row is read once here: its products with all centres, the nearest of them, and its share
in the sum of that centre follow one another while its few entries are in the cache.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require

__all__ = ["sparse_pass"]

numba = require("numba", extra="ml")


@numba.njit(cache=True, nogil=True)
def sparse_pass(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    indptr: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    data: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    norms: npt.NDArray[np.float64],
    centres: npt.NDArray[np.float64],
    centre_norms: npt.NDArray[np.float64],
):
    """Sums float64[D, K] and weights float64[K] of the rows nearest to each centre, and their total cost.

    Args:
        indptr: int[N+1] of the CSR matrix.
        indices: int[E].
        data: float64[E].
        weights: float64[N].
        norms: float64[N], squared lengths of the rows.
        centres: float64[D, K], C-contiguous, so that what all centres have at one place lies together.
        centre_norms: float64[K], squared lengths of the centres.
    """
    k = centres.shape[1]
    sums = np.zeros(centres.shape)
    totals = np.zeros(k)
    cost = 0.0
    products = np.empty(k)
    for row in range(len(weights)):
        products[:] = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            at = centres[indices[entry]]
            for centre in range(k):
                products[centre] += data[entry] * at[centre]
        best, least = 0, np.inf
        for centre in range(k):
            distance = norms[row] - 2.0 * products[centre] + centre_norms[centre]
            if distance < least:
                best, least = centre, distance
        weight = weights[row]
        cost += weight * max(least, 0.0)
        totals[best] += weight
        for entry in range(indptr[row], indptr[row + 1]):
            sums[indices[entry], best] += weight * data[entry]
    return sums, totals, cost
