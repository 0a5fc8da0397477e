"""A pandas column of vectors that stays in Arrow memory.

Reading an element makes a `DenseVector` or `SparseVector`; nothing else does, so that a million rows pass
through pandas without a Python object for each.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype, take

from fireside.core.errors import InputError
from fireside.ml.linalg.vector import Vector
from fireside.ml.linalg.vector_block import VectorBlock
from fireside.ml.linalg.vector_type import VECTOR_TYPE
from fireside.ml.linalg.vectors_in_hand import vectors_in_hand

__all__ = ["VectorArray", "VectorDtype"]


@register_extension_dtype
class VectorDtype(ExtensionDtype):
    """The pandas type of `VectorArray`; Parquet files that pandas wrote name it."""

    name = "vector"
    type = Vector
    na_value = None

    @classmethod
    def construct_array_type(cls) -> Any:
        return VectorArray

    def __from_arrow__(self, column: pa.Array | pa.ChunkedArray) -> "VectorArray":
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return VectorArray(whole.cast(VECTOR_TYPE))


class VectorArray(ExtensionArray):
    """Vectors, over an Arrow column of them.

    >>> from fireside.ml.linalg import Vectors
    >>> column = pd.Series(VectorArray.of([Vectors.dense(1, 2), None]))
    >>> column[0], column.isna().tolist()
    (DenseVector([1.0, 2.0]), [False, True])
    """

    def __init__(self, column: pa.StructArray) -> None:
        self._column = column

    @classmethod
    def of(cls, vectors: Iterable[Vector | None]) -> "VectorArray":
        """From vectors in the hand; what pandas takes for missing is null."""
        return cls(VectorBlock.arrow_from_vectors(None if _is_missing(value) else value for value in vectors))

    @classmethod
    def _from_sequence(
        cls, scalars: Iterable[Any], *, dtype: Any = None, copy: bool = False
    ) -> "VectorArray":
        return cls.of(scalars)

    @classmethod
    def _from_factorized(cls, values: Any, original: Any) -> "VectorArray":
        return cls.of(values)

    @classmethod
    def _concat_same_type(cls, to_concat: "Sequence[VectorArray]") -> "VectorArray":
        return cls(pa.concat_arrays([part._column for part in to_concat]))

    @property
    def dtype(self) -> VectorDtype:
        return VectorDtype()

    @property
    def nbytes(self) -> int:
        return int(self._column.nbytes)

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, item: Any) -> Any:
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, (int, np.integer)):
            row = self._column.slice(range(len(self))[item], 1)
            return None if row.null_count else VectorBlock.from_arrow(row).to_vectors()[0]
        if isinstance(item, slice):
            return VectorArray(self._column.take(pa.array(np.arange(len(self))[item])))
        chosen = np.flatnonzero(item) if item.dtype == bool else item
        return VectorArray(self._column.take(pa.array(np.arange(len(self))[chosen])))

    def __iter__(self) -> Iterator[Vector | None]:
        return iter(vectors_in_hand(self._column))

    def __setitem__(self, key: Any, value: Any) -> None:
        key = pd.api.indexers.check_array_indexer(self, key)
        single = isinstance(value, Vector) or pd.api.types.is_scalar(value)
        given = VectorArray.of([value] if single else value)
        rows = np.arange(len(self))
        places = np.atleast_1d(rows[key])
        if not single and len(given) != len(places):
            raise InputError(f"{len(places)} vectors cannot be set to {len(given)}: give one, or as many")
        rows[places] = len(self) + (0 if single else np.arange(len(given)))
        self._column = pa.concat_arrays([self._column, given._column]).take(pa.array(rows))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        # Entry by entry: NumPy takes a list of vectors for rows of numbers.
        objects = np.empty(len(self), object)
        for place, vector in enumerate(self):
            objects[place] = vector
        return objects if dtype is None else objects.astype(dtype, copy=False)

    def _formatter(self, boxed: bool = False) -> Callable[[Any], str]:
        return str if boxed else repr

    def __eq__(self, other: object) -> Any:
        many = isinstance(other, list | ExtensionArray | np.ndarray | pd.Series)
        others: Any = other if many else [other] * len(self)
        return np.array([mine == theirs for mine, theirs in zip(self, others, strict=True)], dtype=bool)

    def __hash__(self) -> int:
        raise TypeError("a VectorArray cannot be hashed")

    def isna(self) -> npt.NDArray[np.bool_]:
        missing: npt.NDArray[np.bool_] = self._column.is_null().to_numpy(zero_copy_only=False)
        return missing

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> "VectorArray":
        rows = np.arange(len(self))
        taken = take(rows, np.asarray(indices), allow_fill=allow_fill, fill_value=-1 if allow_fill else None)
        return VectorArray(self._column.take(pa.array(taken, mask=taken < 0)))

    def copy(self) -> "VectorArray":
        # Arrow memory is never written to, so sharing it is safe.
        return VectorArray(self._column)

    def __arrow_array__(self, type: pa.DataType | None = None) -> pa.Array:
        return self._column if type in (None, VECTOR_TYPE) else self._column.cast(type)


def _is_missing(value: Any) -> bool:
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))
