"""Spark's hash of one term; `murmur3` hashes columns of them."""

import functools

from fireside.ml.murmur3 import murmur3, signed, spark_2_murmur3

__all__ = ["SEED", "hash_text", "spark_2_hash_text"]

SEED = 42
MAX_KNOWN_TERMS = 1 << 16
"""So many terms are remembered with their hash: where rows come one by one, terms come again."""


@functools.lru_cache(MAX_KNOWN_TERMS)
def hash_text(term: str | None) -> int:
    """The hash of a term, from -2^31 on; null hashes to the seed.

    >>> hash_text("a"), hash_text("é"), hash_text(None)
    (-1293573533, 1023967903, 42)
    """
    return SEED if term is None else signed(murmur3(term.encode(), SEED))


@functools.lru_cache(MAX_KNOWN_TERMS)
def spark_2_hash_text(term: str | None) -> int:
    """The hash that a term had before Spark 3.0.

    >>> spark_2_hash_text("fire") == hash_text("fire"), spark_2_hash_text("a")
    (True, 1485273170)
    """
    return SEED if term is None else signed(spark_2_murmur3(term.encode(), SEED))
