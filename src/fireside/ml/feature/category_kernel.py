"""The compiled kernel of `VectorIndexerModel`, on the stored entries of vectors."""

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require

__all__ = ["index_of_entries"]

numba = require("numba", extra="ml")

FloatArray = npt.NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def index_of_entries(  # type: ignore[no-untyped-def]
    values, features, bounds, known, index_of, indices, unseen
):  # pragma: no cover (compiled)
    """Write the index of each entry that is a category, and whether its value was not seen.

    Args:
        values: float64[E].
        features: int32[E], whose value each is.
        bounds: int64[D+1], where the categories of each feature start; none where it is a number.
        known: float64[C], their values, ascending, NaN last, which is equal to NaN.
        index_of: float64[C].
        indices: float64[E], written: the values of numbers, the number of categories for what was not seen.
        unseen: bool[E], written.
    """
    for entry in range(len(values)):
        value, first, last = values[entry], bounds[features[entry]], bounds[features[entry] + 1]
        indices[entry], unseen[entry] = value, False
        if first == last:
            continue
        place, end = first, last
        if np.isnan(value):
            place = last - 1 if np.isnan(known[last - 1]) else last
        else:
            while place < end:
                middle = (place + end) // 2
                if known[middle] < value:
                    place = middle + 1
                else:
                    end = middle
            place = place if place < last and known[place] == value else last
        unseen[entry] = place == last
        indices[entry] = index_of[place] if place < last else float(last - first)
