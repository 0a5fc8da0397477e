"""The kernel of `QuantileSummary`: which samples are merged into the next."""

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require

__all__ = ["merge_from_the_right"]

numba = require("numba", extra="ml")

CountArray = npt.NDArray[np.int64]


def merge_from_the_right(
    g: CountArray, delta: CountArray, threshold: float
) -> tuple[npt.NDArray[np.intp], CountArray]:
    """`compress` of `fireside.ml.quantile_summary`, for at least two samples.

    >>> kept, g = merge_from_the_right(np.ones(6, np.int64), np.zeros(6, np.int64), 3.5)
    >>> kept.tolist(), g.tolist()
    ([0, 2, 5], [1, 2, 3])
    """
    kept, sums = np.empty(len(g), np.intp), np.empty(len(g), np.int64)
    first = _merge(g, delta, threshold, kept, sums)
    return kept[first:].copy(), sums[first:].copy()


@numba.njit(cache=True, nogil=True)
def _merge(g, delta, threshold, kept, sums):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    place = last = len(g) - 1
    kept[place], sums[place] = last, g[last]
    for sample in range(last - 1, 0, -1):
        if g[sample] + sums[place] + delta[kept[place]] < threshold:
            sums[place] += g[sample]
        else:
            place -= 1
            kept[place], sums[place] = sample, g[sample]
    place -= 1
    kept[place], sums[place] = 0, g[0]
    return place
