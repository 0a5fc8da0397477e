"""`Collective`: how the processes of one gang add up their statistics.

An algorithm is written once, for one of `world_size` equal processes: it reads its own rows, allreduces
sums, and goes on with numbers that are the same on every rank, bit for bit. `Solo` is the gang of one.
An implementation supplies `rank`, `world_size` and a reduction of flat arrays; everything else is built
from that. All ranks must call the same operations in the same order. Not safe for threads.
"""

from abc import ABC, abstractmethod
from typing import Any, Literal, TypeVar, final

import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError

__all__ = ["Collective", "ReduceOp", "Solo"]

ReduceOp = Literal["sum", "max", "min"]
Array = TypeVar("Array", bound=npt.NDArray[Any])

OPERATIONS = ("sum", "max", "min")
# Their place in this tuple is how an array's type travels.
DTYPES = tuple(np.dtype(name) for name in ("float64", "float32", "int64", "int32", "uint8", "bool"))
MOST_DIMENSIONS = 8


class Collective(ABC):
    """One process of a gang, as it sees the others."""

    @property
    @abstractmethod
    def rank(self) -> int:
        """Which process this is, from 0 to `world_size` - 1."""

    @property
    @abstractmethod
    def world_size(self) -> int:
        """How many processes there are."""

    @abstractmethod
    def _reduce(self, values: npt.NDArray[Any], op: ReduceOp) -> npt.NDArray[Any]:
        """Reduce a contiguous array of shape [n], n >= 1, over all ranks into a new array."""

    def allreduce(self, array: Array, op: ReduceOp = "sum") -> Array:
        """Combine an array over all ranks, element by element.

        Args:
            array: float64, float32, int64 or int32, of any shape (which must be the same on all ranks).
            op: `"sum"`, `"max"` or `"min"`.

        Returns:
            A new contiguous array of the same shape and type, with the same bits on every rank.

        Raises:
            InputError: an operation or a type that cannot be reduced.
            CollectiveError: another process is lost.

        >>> Solo().allreduce(np.arange(3.0))
        array([0., 1., 2.])
        """
        if op not in OPERATIONS:
            raise InputError(f"op must be one of {', '.join(OPERATIONS)}, got {op!r}")
        array = np.asarray(array)  # type: ignore[assignment]
        if array.dtype not in DTYPES[:4]:
            raise InputError(f"allreduce takes float64, float32, int64 or int32, got {array.dtype}")
        if array.size == 0:
            return array.copy()
        flat = np.ascontiguousarray(array).reshape(-1)
        return self._reduce(flat, op).reshape(array.shape)  # type: ignore[return-value]

    def broadcast(self, array: npt.NDArray[Any] | None, root: int = 0) -> npt.NDArray[Any]:
        """The array that one rank holds, on every rank.

        Args:
            array: any of the types of `allreduce`, uint8 or bool; looked at on `root` alone.
            root: whose array it is.

        >>> Solo().broadcast(np.array([True, False]))
        array([ True, False])
        """
        if not 0 <= root < self.world_size:
            raise InputError(f"root must be from 0 to {self.world_size - 1}, got {root}")
        own = self.rank == root
        if own and array is None:
            raise InputError(f"rank {root} broadcasts, but was given no array")
        header = _header(np.asarray(array)) if own else np.zeros(2 + MOST_DIMENSIONS, np.int64)
        dtype, shape = _read_header(self._reduce(header, "sum"))
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if size == 0:
            return np.empty(shape, dtype)
        data = _bytes_of(np.asarray(array)) if own else np.zeros(size, np.uint8)
        # All others add zeros, so that the bytes arrive as they are: NaN, -0.0 and all.
        return self._reduce(data, "sum").view(dtype).reshape(shape)

    def allgather(self, array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """The arrays of all ranks, in the order of the ranks; their shapes and types may differ.

        >>> Solo().allgather(np.arange(2))
        [array([0, 1])]
        """
        array = np.asarray(array)
        headers = np.zeros((self.world_size, 2 + MOST_DIMENSIONS), np.int64)
        headers[self.rank] = _header(array)
        headers = self._reduce(headers.reshape(-1), "sum").reshape(headers.shape)
        kinds = [_read_header(header) for header in headers]
        sizes = [int(np.prod(shape, dtype=np.int64)) * dtype.itemsize for dtype, shape in kinds]
        ends = np.cumsum(sizes)
        data = np.zeros(int(ends[-1]), np.uint8)
        data[ends[self.rank] - sizes[self.rank] : ends[self.rank]] = _bytes_of(array)
        if data.size:
            data = self._reduce(data, "sum")
        return [
            data[end - size : end].copy().view(dtype).reshape(shape)
            for (dtype, shape), size, end in zip(kinds, sizes, ends, strict=True)
        ]

    def barrier(self) -> None:
        """Return when every rank has come here.

        >>> Solo().barrier()
        """
        self._reduce(np.zeros(1, np.int64), "sum")


@final
class Solo(Collective):
    """A gang of one: every reduction is a copy."""

    @property
    def rank(self) -> int:
        return 0

    @property
    def world_size(self) -> int:
        return 1

    def _reduce(self, values: npt.NDArray[Any], op: ReduceOp) -> npt.NDArray[Any]:
        return values.copy()


def _header(array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Type and shape of an array as int64[2 + MOST_DIMENSIONS]."""
    if array.dtype not in DTYPES:
        names = ", ".join(str(dtype) for dtype in DTYPES)
        raise InputError(f"arrays of type {array.dtype} cannot be sent, only {names}")
    if array.ndim > MOST_DIMENSIONS:
        raise InputError(f"arrays of at most {MOST_DIMENSIONS} dimensions can be sent, got {array.ndim}")
    header = np.zeros(2 + MOST_DIMENSIONS, np.int64)
    header[:2] = DTYPES.index(array.dtype), array.ndim
    header[2 : 2 + array.ndim] = array.shape
    return header


def _read_header(header: npt.NDArray[np.int64]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    kind, dimensions = int(header[0]), int(header[1])
    return DTYPES[kind], tuple(int(length) for length in header[2 : 2 + dimensions])


def _bytes_of(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
