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

__all__ = ["HuffmanCodes", "huffman_codes", "train_sentences"]

numba = require("numba", extra="ml")

MAX_EXP, TABLE_SIZE = 6, 1000
# As word2vec.c has it, with the integer division.
STEPS = float(TABLE_SIZE // MAX_EXP) / 2.0
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
    size = len(counts)
    # Lists: what is read and written one by one is faster there than in arrays.
    count = [*counts.tolist(), *[10**9] * (size + 1)]
    bits, parent = [0] * (2 * size), [0] * (2 * size)
    leaf, node = size - 1, size
    for made in range(size - 1):
        least = []
        for _ in range(2):
            if leaf >= 0 and count[leaf] < count[node]:
                least.append(leaf)
                leaf -= 1
            else:
                least.append(node)
                node += 1
        one, other = least
        count[size + made] = count[one] + count[other]
        parent[one] = parent[other] = size + made
        bits[other] = 1
    ways = []
    for word in range(size):
        way = []
        at = word
        while at != 2 * size - 2:
            way.append((bits[at], parent[at] - size))
            at = parent[at]
        ways.append(way[::-1])
    lengths = [len(way) for way in ways]
    flat = np.array([step for way in ways for step in way], np.int64).reshape(-1, 2)
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return HuffmanCodes(bounds, np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1]))


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


# Products are summed in whatever order is fastest, as the BLAS under Spark does too.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _train(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    words: Any, bounds: Any, vectors: Any, inner: Any, code_bounds: Any, bits: Any, nodes: Any, table: Any,
    window: Any, step_size: Any, state: Any, words_before: Any, words_in_all: Any, num_partitions: Any,
    changed: Any, changed_inner: Any,
):  # fmt: skip
    size = vectors.shape[1]
    errors = np.empty(size, np.float32)
    rate, seen, seen_at_rate = step_size, 0, 0
    for sentence in range(len(bounds) - 1):
        first, last = bounds[sentence], bounds[sentence + 1]
        if seen - seen_at_rate > 10000:
            seen_at_rate = seen
            share = (num_partitions * float(seen) + words_before) / words_in_all
            rate = max(step_size * (1.0 - share), step_size * 0.0001)
        seen += last - first
        for place in range(first, last):
            word = words[place]
            state, narrower = next_int(state, window)
            for other in range(place - window + narrower, place + window - narrower + 1):
                if other == place or other < first or other >= last:
                    continue
                context = words[other]
                vector = vectors[context]
                errors[:] = 0.0
                for step in range(code_bounds[word], code_bounds[word + 1]):
                    at_node = inner[nodes[step]]
                    product = np.float32(0.0)
                    for entry in range(size):
                        product += vector[entry] * at_node[entry]
                    if -MAX_EXP < product < MAX_EXP:
                        at = int(float(product + np.float32(MAX_EXP)) * STEPS)
                        gradient = np.float32(float(np.float32(1 - bits[step]) - table[at]) * rate)
                        for entry in range(size):
                            errors[entry] += gradient * at_node[entry]
                        for entry in range(size):
                            at_node[entry] += gradient * vector[entry]
                        changed_inner[nodes[step]] = True
                for entry in range(size):
                    vector[entry] += errors[entry]
                changed[context] = True
