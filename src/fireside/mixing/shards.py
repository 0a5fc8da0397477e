"""Tokens and document starts on disk, memory-mapped and read as one array.

    tokens-00000.bin       little-endian uint16 or uint32, one token after another
    documents-00000.bin    little-endian int64, where each document of the shard starts in it

Memory stays constant however large the files are. Knows nothing about names, manifests or mixtures.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fireside.core.errors import CorruptFileError

__all__ = ["DocumentStarts", "TokenShards", "documents_file", "token_dtype", "tokens_file"]

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

STARTS_DTYPE = np.dtype("<i8")


def tokens_file(shard: int) -> str:
    """The name of a shard's tokens."""
    return f"tokens-{shard:05d}.bin"


def documents_file(shard: int) -> str:
    """The name of a shard's document starts."""
    return f"documents-{shard:05d}.bin"


def token_dtype(vocab_size: int) -> np.dtype[np.unsignedinteger]:
    """The smallest type that holds every token of a vocabulary.

    >>> token_dtype(49152), token_dtype(128256)
    (dtype('uint16'), dtype('uint32'))
    """
    return np.dtype("<u2") if vocab_size <= 2**16 else np.dtype("<u4")


class TokenShards:
    """The tokens of all shards, one after another.

    Args:
        files: the shards, in order.
        dtype: type of a token.
        lengths: how many tokens each shard holds.

    Raises:
        CorruptFileError: a shard is missing, or has another size.
    """

    def __init__(
        self, files: Sequence[Path], dtype: np.dtype[np.unsignedinteger], lengths: Sequence[int]
    ) -> None:
        self._shards = [_map(file, dtype, length) for file, length in zip(files, lengths, strict=True)]
        self._starts = list(accumulate(lengths, initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def read(self, start: int, out: npt.NDArray[np.integer]) -> None:
        """Fill `out` with the tokens from `start` on; they may lie in several shards."""
        shard = bisect_right(self._starts, start) - 1
        offset = start - self._starts[shard]
        wanted = len(out)
        if start + wanted <= self._starts[shard + 1]:
            out[:] = self._shards[shard][offset : offset + wanted]
            return
        filled = 0
        while filled < wanted:
            part = self._shards[shard][offset : offset + wanted - filled]
            out[filled : filled + part.size] = part
            filled += part.size
            shard, offset = shard + 1, 0


class DocumentStarts:
    """Where documents start, over all shards.

    Args:
        files: one for each shard, in order.
        counts: how many documents each shard holds.
        shard_starts: the token with which each shard starts.
    """

    def __init__(self, files: Sequence[Path], counts: Sequence[int], shard_starts: Sequence[int]) -> None:
        self._shards = [_map(file, STARTS_DTYPE, count) for file, count in zip(files, counts, strict=True)]
        self._shard_starts = np.array(shard_starts, np.int64)

    def between(self, start: int, stop: int) -> Int64Array:
        """The starts s with start <= s < stop, ascending; a document without tokens repeats one."""
        first = max(0, int(np.searchsorted(self._shard_starts, start, side="right")) - 1)
        last = int(np.searchsorted(self._shard_starts, stop, side="left"))
        found = []
        for shard in range(first, last):
            origin = int(self._shard_starts[shard])
            low, high = np.searchsorted(self._shards[shard], [start - origin, stop - origin])
            found.append(self._shards[shard][low:high] + origin)
        return np.concatenate(found) if found else np.empty(0, np.int64)


def _map(file: Path, dtype: np.dtype[np.generic], length: int) -> npt.NDArray[np.generic]:
    if not file.is_file():
        raise CorruptFileError(f"{file} is missing: build the domain again")
    size = file.stat().st_size
    if size != length * dtype.itemsize:
        raise CorruptFileError(
            f"{file} has {size} bytes, the manifest says {length * dtype.itemsize}: build the domain again"
        )
    if length == 0:
        return np.empty(0, dtype)
    # A plain array on the mapping: slicing a np.memmap costs more than copying a short sequence.
    return np.asarray(np.memmap(file, dtype, mode="r"))
