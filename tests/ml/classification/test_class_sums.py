"""Sums by class over processes that have different classes, or no rows at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fireside.compute import Collective, Solo
from fireside.core.errors import InputError
from fireside.ml.classification.class_sums import class_sums, squared_deviations
from fireside.ml.classification.labelled_rows import LabelledBlock
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock
from tests.ml.thread_gang import Member

RANDOM = np.random.default_rng(6)


def together(work: Callable[[Collective, list[LabelledBlock]], Any], parts: list[list[LabelledBlock]]) -> Any:
    """What each of some threads makes of its own blocks."""
    slots, barrier = [None] * len(parts), Barrier(len(parts))
    with ThreadPoolExecutor(len(parts)) as threads:
        waiting = [
            threads.submit(work, Member(rank, slots, barrier), part) for rank, part in enumerate(parts)
        ]
        return [future.exception() or future.result() for future in waiting]


def block(labels: list[int], *, sparse: bool = False, size: int = 3) -> LabelledBlock:
    array = RANDOM.integers(0, 5, (len(labels), size)).astype(float)
    kept = [np.flatnonzero(row) for row in array]
    vectors = [
        SparseVector(size, places, row[places]) if sparse else DenseVector(row)
        for row, places in zip(array, kept, strict=True)
    ]
    weights = RANDOM.uniform(0.5, 2, len(labels))
    return LabelledBlock(VectorBlock.from_vectors(vectors), np.array(labels, float), weights)


PARTS = [[block([5, 0, 5]), block([2], sparse=True)], [], [block([1, 1, 0], sparse=True)]]
ALL = [one for part in PARTS for one in part]
ARRAY = np.concatenate([one.features.to_dense() for one in ALL])
LABELS = np.concatenate([one.labels for one in ALL])
WEIGHTS = np.concatenate([one.weights for one in ALL])


def test_processes_with_different_classes_or_none_have_the_sums_of_all_rows() -> None:
    for found in together(lambda collective, part: class_sums(collective, part, name="nb"), PARTS):
        assert found.labels.tolist() == [0, 1, 2, 5]
        for place, label in enumerate(found.labels):
            mine = label == LABELS
            assert found.weights[place] == pytest.approx(WEIGHTS[mine].sum())
            assert found.features[place] == pytest.approx(WEIGHTS[mine] @ ARRAY[mine])


def test_squared_deviations_are_those_from_the_means_whether_rows_are_dense_or_sparse() -> None:
    labels = np.unique(LABELS)
    means = RANDOM.normal(0, 2, (4, 3))

    def deviations(collective: Collective, part: list[LabelledBlock]) -> npt.NDArray[np.float64]:
        return squared_deviations(collective, part, labels, means)

    for found in [*together(deviations, PARTS), deviations(Solo(), ALL)]:
        for place, label in enumerate(labels):
            mine = label == LABELS
            assert found[place] == pytest.approx(WEIGHTS[mine] @ (ARRAY[mine] - means[place]) ** 2)


def test_processes_whose_vectors_differ_in_size_all_say_so() -> None:
    parts = [[block([0])], [block([1], size=4)], []]
    found = together(lambda collective, part: class_sums(collective, part, name="nb"), parts)
    assert [type(error) for error in found] == [InputError] * 3
    assert {str(error) for error in found} == {
        "nb: featuresCol holds vectors of size 3 and of size 4: all must have one size"
    }


def test_no_rows_anywhere_are_an_error_everywhere() -> None:
    found = together(lambda collective, part: class_sums(collective, part, name="nb"), [[], []])
    assert {str(error) for error in found} == {"nb: there are no rows to fit to"}
