"""Compiled loops over the stored entries of a block of vectors, where NumPy would make arrays on the way.

Shapes: N rows, D entries in each vector, E stored entries in all.
"""

from fireside.core.extras import require

__all__ = ["add_to_columns", "count_nonzeros", "fill_compressed", "scale_entries", "widen_extremes"]

numba = require("numba", extra="ml")


@numba.njit(cache=True, nogil=True)
def scale_entries(values, indices, factors, scaled):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """Each entry times the factor of its place.

    Args:
        values: float64[E].
        indices: int32[E], the place of each entry in its vector.
        factors: float64[D].
        scaled: float64[E], written.
    """
    for entry in range(len(values)):
        scaled[entry] = values[entry] * factors[indices[entry]]


@numba.njit(cache=True, nogil=True)
def add_to_columns(values, indices, sums):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """Add float64[E] entries to float64[D] sums, in their order."""
    for entry in range(len(values)):
        sums[indices[entry]] += values[entry]


@numba.njit(cache=True, nogil=True)
def widen_extremes(values, indices, lowest, highest):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """Lower float64[D] minima and raise maxima to what float64[E] entries need; NaN is passed over."""
    for entry in range(len(values)):
        value, place = values[entry], indices[entry]
        if value < lowest[place]:
            lowest[place] = value
        if value > highest[place]:
            highest[place] = value


@numba.njit(cache=True, nogil=True)
def count_nonzeros(values, indptr, counts):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """How many of the entries of each row are not 0: int64[N], written."""
    for row in range(len(counts)):
        count = 0
        for entry in range(indptr[row], indptr[row + 1]):
            count += values[entry] != 0
        counts[row] = count


@numba.njit(cache=True, nogil=True)
def fill_compressed(  # type: ignore[no-untyped-def]
    values, indices, indptr, new_indptr, is_dense, new_values, new_indices
):  # pragma: no cover (compiled)
    """Write each row without its zeros, or with all of them.

    Args:
        values: float64[E].
        indices: int32[E]; empty where all rows are dense.
        indptr: int[N+1].
        new_indptr: int[N+1], where each row is written.
        is_dense: bool[N], which rows are written with all their entries.
        new_values: float64, one entry longer than is needed, written.
        new_indices: int32, as long, written.
    """
    for row in range(len(is_dense)):
        first, last, place = indptr[row], indptr[row + 1], new_indptr[row]
        if is_dense[row]:
            for index in range(new_indptr[row + 1] - place):
                new_values[place + index], new_indices[place + index] = 0.0, index
            for entry in range(first, last):
                index = indices[entry] if len(indices) else entry - first
                new_values[place + index] = values[entry]
            continue
        # Zeros are written too, and written over: a branch that depends on the value would cost more.
        for entry in range(first, last):
            new_values[place] = values[entry]
            new_indices[place] = indices[entry] if len(indices) else entry - first
            place += values[entry] != 0
