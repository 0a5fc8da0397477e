"""A number for each row that depends on its content alone, whatever the types of its columns.

What is chosen by it is chosen alike in whatever order and on however many processes the rows lie.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.ml.feature.text.lists import split_lists

__all__ = ["UInt64Array", "column_hashes", "content_hashes", "keyed", "mixed", "uniform"]

UInt64Array = npt.NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def content_hashes(batch: pa.RecordBatch) -> UInt64Array:
    """uint64[N], equal for rows of equal content.

    >>> rows = pa.record_batch({"a": [1, 1, 2], "b": [["x"], ["x"], ["x"]]})
    >>> len(set(content_hashes(rows).tolist()))
    2
    """
    hashes = np.zeros(batch.num_rows, np.uint64)
    for column in batch.columns:
        hashes = mixed(hashes ^ column_hashes(column))
    return hashes


def column_hashes(column: pa.Array) -> UInt64Array:
    """uint64[N], a hash of each value of a column of any type."""
    from fireside.ml.feature.text.murmur3 import hash_terms

    kind = column.type
    if pa.types.is_struct(kind):
        hashes = np.zeros(len(column), np.uint64)
        for place in range(kind.num_fields):
            hashes = mixed(hashes ^ column_hashes(pc.struct_field(column, place)))
    elif pa.types.is_map(kind):
        return column_hashes(column.cast(pa.list_(pa.struct([("k", kind.key_type), ("v", kind.item_type)]))))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        bounds, flat = split_lists(column.drop_null())
        places = np.arange(len(flat)) - np.repeat(bounds[:-1], np.diff(bounds))
        entries = mixed(column_hashes(flat) ^ mixed(places.astype(np.uint64)))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(entries, dtype=np.uint64)])
        hashes = np.zeros(len(column), np.uint64)
        hashes[valid] = mixed(sums[bounds[1:]] - sums[bounds[:-1]] + np.diff(bounds).astype(np.uint64))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        hashes = mixed(hash_terms(column).view(np.uint32).astype(np.uint64))
    else:
        text = column.cast(pa.string() if not pa.types.is_binary(kind) else pa.binary()).cast(
            pa.string(), safe=False
        )
        hashes = mixed(hash_terms(text).view(np.uint32).astype(np.uint64))
    hashes[column.is_null().to_numpy(zero_copy_only=False)] = _GOLDEN
    return hashes


def keyed(hashes: UInt64Array, seed: int) -> UInt64Array:
    """uint64[N], other numbers for each seed."""
    return mixed(hashes ^ mixed(np.array([seed % 2**64], np.uint64)))


def uniform(bits: UInt64Array) -> npt.NDArray[np.float64]:
    """float64[N] from 0 to 1, 1 excluded."""
    return (bits >> np.uint64(11)).astype(np.float64) / 2.0**53


def mixed(values: UInt64Array) -> UInt64Array:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
