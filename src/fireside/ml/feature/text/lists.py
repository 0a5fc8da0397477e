"""List columns as bounds and one flat column, which is how kernels see them.

Shapes: N rows, E elements of all lists together.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["filter_lists", "join_lists", "split_lists"]

Bounds = npt.NDArray[np.int64]


def split_lists(column: pa.Array) -> tuple[Bounds, pa.Array]:
    """Bounds int64[N+1] of the lists, and their elements, [E], in one column. No list may be null.

    >>> bounds, flat = split_lists(pa.array([["a", "b"], [], ["c"]]))
    >>> bounds.tolist(), flat.to_pylist()
    ([0, 2, 2, 3], ['a', 'b', 'c'])
    """
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), column.flatten()


def join_lists(bounds: npt.NDArray[Any], flat: pa.Array) -> pa.ListArray:
    """The list column that `split_lists` would take apart."""
    return pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), flat)


def filter_lists(bounds: Bounds, flat: pa.Array, kept: npt.NDArray[np.bool_]) -> pa.ListArray:
    """The lists without some elements.

    Args:
        bounds: int64[N+1].
        flat: [E].
        kept: bool[E].

    >>> kept = np.array([True, False, False])
    >>> filter_lists(np.array([0, 2, 3]), pa.array(["a", "b", "c"]), kept).to_pylist()
    [['a'], []]
    """
    before = np.concatenate([[0], np.cumsum(kept)])
    return join_lists(before[bounds], flat.filter(pa.array(kept)))
