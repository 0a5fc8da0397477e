from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fireside.agents.index.vector_index import VectorIndex, write_vectors
from fireside.core.errors import CorruptFileError


def _unit(rows: int, seed: int = 0) -> npt.NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((rows, 48)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_exact_index_finds_what_a_full_product_finds(tmp_path: Path) -> None:
    vectors, queries = _unit(500), _unit(7, seed=1)
    write_vectors(tmp_path, vectors)
    numbers, cosines = VectorIndex(tmp_path).search(queries, 5)
    products = queries @ vectors.T
    best = np.sort(products, axis=1)[:, ::-1][:, :5]
    assert np.allclose(cosines, best, atol=2e-3)
    assert np.allclose(np.take_along_axis(products, numbers, axis=1), cosines, atol=2e-3)


def test_the_graph_finds_nearly_all_of_it(tmp_path: Path) -> None:
    vectors, queries = _unit(2000), _unit(50, seed=1)
    write_vectors(tmp_path, vectors, exact_below=100)
    index = VectorIndex(tmp_path)
    assert len(index) == 2000
    numbers, cosines = index.search(queries, 10)
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    overlap = np.mean(
        [len(set(a) & set(b)) / 10 for a, b in zip(numbers.tolist(), exact.tolist(), strict=True)]
    )
    assert overlap > 0.85
    assert np.all(np.diff(cosines, axis=1) <= 1e-6)


def test_asking_for_more_than_there_are_gives_all(tmp_path: Path) -> None:
    write_vectors(tmp_path, _unit(3))
    numbers, cosines = VectorIndex(tmp_path).search(_unit(2, seed=1), 10)
    assert numbers.shape == cosines.shape == (2, 3)
    assert sorted(numbers[0].tolist()) == [0, 1, 2]


@pytest.mark.parametrize("exact_below", [1, 1000])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, exact_below: int) -> None:
    write_vectors(tmp_path, _unit(10), exact_below=exact_below)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"")
    with pytest.raises(CorruptFileError, match="build it again"):
        VectorIndex(tmp_path)
    file.unlink()
    with pytest.raises(CorruptFileError, match="build it again"):
        VectorIndex(tmp_path)
