"""Memory for weights, in huge pages where the system lends them.

A step reads every weight once, in order. With pages of 4 KiB the processor looks up an address for every 4
KiB of them; with huge pages for every 2 MiB.
"""

import contextlib
import math
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["WeightMemory"]

_HUGE_PAGE = 2 << 20
_CHUNK_BYTES = 64 << 20
_LINE = 64


class WeightMemory:
    """Hands out arrays from large chunks; a chunk is free again when none of its arrays is left.

    >>> memory = WeightMemory()
    >>> array = memory.empty((3, 5), np.dtype(np.float32))
    >>> array.shape, array.ctypes.data % 64
    ((3, 5), 0)
    """

    def __init__(self) -> None:
        self._chunk = np.empty(0, np.uint8)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """An array that begins with a cache line; its values are not set."""
        num_bytes = math.prod(shape) * dtype.itemsize
        needed = -(-num_bytes // _LINE) * _LINE
        if needed > len(self._chunk):
            self._chunk = _chunk(max(needed, _CHUNK_BYTES))
        taken, self._chunk = self._chunk[:num_bytes], self._chunk[needed:]
        return taken.view(dtype).reshape(shape)


def _chunk(num_bytes: int) -> npt.NDArray[np.uint8]:
    """New memory that begins with a huge page."""
    addresses = mmap.mmap(-1, num_bytes + _HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a system without huge pages
            addresses.madvise(mmap.MADV_HUGEPAGE)
    chunk = np.frombuffer(addresses, np.uint8)
    start = -chunk.ctypes.data % _HUGE_PAGE
    return chunk[start : start + num_bytes]
