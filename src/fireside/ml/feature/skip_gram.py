"""Skip-gram with hierarchical softmax, word by word, as Spark trains it.

Source: Mikolov, Chen, Corrado and Dean, "Efficient Estimation of Word Representations in Vector Space", 2013,
and their word2vec.c, which Spark follows: the table of the logistic function, the order of updates, and the
codes of Huffman's tree.

Shapes: V words, D entries of a vector, S sentences, E words of all sentences.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require
from fireside.ml.xor_shift_random import hash_seed, next_int

__all__ = ["HuffmanCodes", "add_up", "huffman_codes", "train_sentences"]

numba = require("numba", extra="ml")

MAX_EXP, TABLE_SIZE = 6, 1000
# As word2vec.c has it, with the integer division.
STEPS = float(TABLE_SIZE // MAX_EXP) / 2.0
_NOT_MADE = 1 << 62
"""What an inner node counts before it is made: more than any word."""
FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]


class HuffmanCodes(NamedTuple):
    """The way from the root of the tree to each word.

    Attributes:
        bounds: int64[V+1], where the way of each word starts.
        bits: int64, 0 or 1 at each inner node: left or right.
        nodes: int64, the inner nodes, from 0 to V - 2.
    """

    bounds: IndexArray
    bits: IndexArray
    nodes: IndexArray


def huffman_codes(counts: IndexArray) -> HuffmanCodes:
    """Codes of words by how often they occur, the more the shorter.

    Args:
        counts: int64[V], descending.

    >>> codes = huffman_codes(np.array([4, 2, 1]))
    >>> [codes.bits[a:b].tolist() for a, b in zip(codes.bounds, codes.bounds[1:])]
    [[1], [0, 1], [0, 0]]
    """
    parent, bit = _tree(np.asarray(counts, np.int64))
    bounds = np.zeros(len(counts) + 1, np.int64)
    _depths(parent, bounds[1:])
    np.cumsum(bounds, out=bounds)
    bits, nodes = np.empty(bounds[-1], np.int64), np.empty(bounds[-1], np.int64)
    _ways(parent, bit, bounds, bits, nodes)
    return HuffmanCodes(bounds, bits, nodes)


@numba.njit(cache=True, nogil=True)
def _tree(counts: Any):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """int64[2V], the parent of each word and each inner node, and which of its children each is.

    Both words and inner nodes are made in order of their counts, so the two least are found at the ends of
    two queues.
    """
    size = len(counts)
    count = np.concatenate((counts, np.full(size + 1, _NOT_MADE, np.int64)))
    parent, bit = np.zeros(2 * size, np.int64), np.zeros(2 * size, np.int64)
    leaf, node = size - 1, size
    for made in range(size, 2 * size - 1):
        total = 0
        for child in range(2):
            if leaf >= 0 and count[leaf] < count[node]:
                least = leaf
                leaf -= 1
            else:
                least = node
                node += 1
            total += count[least]
            parent[least], bit[least] = made, child
        count[made] = total
    return parent, bit


@numba.njit(cache=True, nogil=True)
def _depths(parent: Any, depths: Any):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    root = len(parent) - 2
    for word in range(len(depths)):
        at = word
        while at != root:
            at = parent[at]
            depths[word] += 1


@numba.njit(cache=True, nogil=True)
def _ways(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    parent: Any, bit: Any, bounds: Any, bits: Any, nodes: Any
):
    """The steps from the root to each word, found from their ends."""
    size = len(parent) // 2
    for word in range(size):
        at = word
        for step in range(bounds[word + 1] - 1, bounds[word] - 1, -1):
            bits[step], nodes[step] = bit[at], parent[at] - size
            at = parent[at]


def train_sentences(
    words: npt.NDArray[np.int32],
    bounds: IndexArray,
    vectors: FloatArray,
    inner: FloatArray,
    codes: HuffmanCodes,
    *,
    window: int,
    step_size: float,
    seed: int,
    words_before: int,
    words_in_all: int,
    num_partitions: int,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """One pass over some sentences; changes both arrays of vectors.

    Args:
        words: int32[E].
        bounds: int64[S+1], where each sentence starts.
        vectors: float32[V, D], of words.
        inner: float32[V, D], of inner nodes of the tree.
        codes: of the words.
        window: the most words to either side.
        step_size: the first learning rate; it falls with the words seen.
        seed: of the widths of windows.
        words_before: how many words passes before this one have seen.
        words_in_all: how many all passes see, and one more.
        num_partitions: how many parts of the sentences are trained side by side.

    Returns:
        bool[V], bool[V]: which word and which inner vectors were changed.
    """
    steps = 2.0 * np.arange(TABLE_SIZE) / TABLE_SIZE - 1.0
    powers = np.exp(steps * MAX_EXP)
    table = (powers / (powers + 1.0)).astype(np.float32)
    changed = np.zeros(len(vectors), np.bool_), np.zeros(len(vectors), np.bool_)
    _train(
        words, bounds, vectors, inner, codes.bounds, codes.bits, codes.nodes, table, window, step_size,
        np.uint64(hash_seed(seed)), words_before, words_in_all, num_partitions, *changed,
    )  # fmt: skip
    return changed


@numba.njit(cache=True, nogil=True)
def _train(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    words: Any, bounds: Any, vectors: Any, inner: Any, code_bounds: Any, bits: Any, nodes: Any, table: Any,
    window: Any, step_size: Any, state: Any, words_before: Any, words_in_all: Any, num_partitions: Any,
    changed: Any, changed_inner: Any,
):  # fmt: skip
    room = np.empty(vectors.shape[1], np.float32), np.empty(np.diff(code_bounds).max(), np.float32)
    rate, seen, seen_at_rate = step_size, 0, 0
    for sentence in range(len(bounds) - 1):
        first, last = bounds[sentence], bounds[sentence + 1]
        if seen - seen_at_rate > 10000:
            seen_at_rate = seen
            share = (num_partitions * float(seen) + words_before) / words_in_all
            rate = max(step_size * (1.0 - share), step_size * 0.0001)
        seen += last - first
        for place in range(first, last):
            start, end = code_bounds[words[place]], code_bounds[words[place] + 1]
            way, way_bits = nodes[start:end], bits[start:end]
            state, narrower = next_int(state, window)
            for other in range(place - window + narrower, place + window - narrower + 1):
                if other == place or other < first or other >= last:
                    continue
                _learn(vectors[words[other]], inner, way, way_bits, rate, table, room, changed_inner)
                changed[words[other]] = True


# Products are summed in whatever order is fastest, as the BLAS under Spark does too. The nodes on a way are
# different ones, and the vector changes at its end alone: so all products come first, then all gradients,
# then all updates, and those of four nodes go through the registers together.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _learn(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    vector: Any, inner: Any, way: Any, bits: Any, rate: Any, table: Any, room: Any, changed_inner: Any
):
    """One step towards predicting the word at the end of a way from a vector."""
    size, length = len(vector), len(way)
    fours = length // 4 * 4
    errors, gradients = room
    for step in range(0, fours, 4):
        a, b, c, d = inner[way[step]], inner[way[step + 1]], inner[way[step + 2]], inner[way[step + 3]]
        with_a = with_b = with_c = with_d = np.float32(0.0)
        for entry in range(size):
            with_a += vector[entry] * a[entry]
            with_b += vector[entry] * b[entry]
            with_c += vector[entry] * c[entry]
            with_d += vector[entry] * d[entry]
        gradients[step], gradients[step + 1] = with_a, with_b
        gradients[step + 2], gradients[step + 3] = with_c, with_d
    for step in range(fours, length):
        a, with_a = inner[way[step]], np.float32(0.0)
        for entry in range(size):
            with_a += vector[entry] * a[entry]
        gradients[step] = with_a
    for step in range(length):
        product = gradients[step]
        gradients[step] = np.float32(0.0)
        if -MAX_EXP < product < MAX_EXP:
            at = int(float(product + np.float32(MAX_EXP)) * STEPS)
            gradients[step] = float(np.float32(1 - bits[step]) - table[at]) * rate
            changed_inner[way[step]] = True
    errors[:] = 0.0
    for step in range(0, fours, 4):
        a, b, c, d = inner[way[step]], inner[way[step + 1]], inner[way[step + 2]], inner[way[step + 3]]
        for_a, for_b = gradients[step], gradients[step + 1]
        for_c, for_d = gradients[step + 2], gradients[step + 3]
        for entry in range(size):
            mine, at_a, at_b, at_c, at_d = vector[entry], a[entry], b[entry], c[entry], d[entry]
            errors[entry] += (for_a * at_a + for_b * at_b) + (for_c * at_c + for_d * at_d)
            a[entry], b[entry] = at_a + for_a * mine, at_b + for_b * mine
            c[entry], d[entry] = at_c + for_c * mine, at_d + for_d * mine
    for step in range(fours, length):
        a, for_a = inner[way[step]], gradients[step]
        for entry in range(size):
            at_a = a[entry]
            errors[entry] += for_a * at_a
            a[entry] = at_a + for_a * vector[entry]
    for entry in range(size):
        vector[entry] += errors[entry]


@numba.njit(cache=True, nogil=True)
def add_up(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    vectors: Any, codes: Any, indptr: Any, scales: Any, sums: Any
):
    """The sums of the vectors of each row's words, in float64, times the row's scale.

    Args:
        vectors: float32[V, D].
        codes: int[E], words.
        indptr: int[N+1], where the words of each row start.
        scales: float64[N].
        sums: float64[N, D], zeros; changed in place.
    """
    for row in range(len(scales)):
        for place in range(indptr[row], indptr[row + 1]):
            vector = vectors[codes[place]]
            for entry in range(vectors.shape[1]):
                sums[row, entry] += vector[entry]
        for entry in range(vectors.shape[1]):
            sums[row, entry] *= scales[row]
