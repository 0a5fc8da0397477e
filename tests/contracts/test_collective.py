"""What every `Collective` must do: one process alone, three on this machine, and the tasks of Spark."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireside.compute import Collective, Dataset, Solo, as_dataset, gang
from fireside.compute.message import decode
from fireside.compute.rabit import tracker
from fireside.core.errors import CollectiveError, InputError

SHAPES = [(), (1,), (7,), (3, 4), (0,), (2, 0, 3), (2, 3, 5), (20_000,)]
DTYPES = ["float64", "float32", "int64", "int32"]
OPERATIONS = {"sum": np.sum, "max": np.max, "min": np.min}


def draw(rank: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """What a rank contributes: different on each, and known to the test."""
    generator = np.random.default_rng([rank, len(shape)])
    values = generator.normal(scale=1e3, size=shape)
    return np.asarray(values).astype(dtype)


def make_observer(draw: Callable[..., np.ndarray]) -> Callable[[Collective, Dataset], dict[str, Any]]:
    """A worker that tries all operations. Made inside a function, so that Spark ships it by value."""
    dtypes, shapes, operations = DTYPES, SHAPES, list(OPERATIONS)

    def observe(collective: Collective, rows: Dataset) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        rank, size = collective.rank, collective.world_size
        for dtype in dtypes:
            for shape in shapes:
                for op in operations:
                    mine = draw(rank, dtype, shape)
                    before = mine.copy()
                    seen[f"{dtype} {shape} {op}"] = collective.allreduce(mine, op)
                    # The input is the caller's, and must not be changed.
                    assert np.array_equal(mine, before)
        grid = draw(rank, "float64", (6, 8))
        seen["strided"] = collective.allreduce(grid[::2, 1::3])
        seen["transposed"] = collective.allreduce(grid.T)
        seen["reversed"] = collective.allreduce(grid[::-1])
        for root in range(size):
            odd = np.array([[np.nan, -0.0], [np.inf, 5e-324]]) * (root + 1)
            seen[f"broadcast from {root}"] = collective.broadcast(odd if rank == root else None, root)
            flags = np.arange(root + 3) % 2 == 0
            seen[f"flags from {root}"] = collective.broadcast(flags if rank == root else None, root)
        seen["broadcast nothing"] = collective.broadcast(np.zeros((0, 4), np.float32))
        seen["gathered"] = collective.allgather(np.arange(rank * 2, dtype=np.int64).reshape(rank, 2) + rank)
        seen["gathered kinds"] = collective.allgather(
            np.array([rank], dtypes[rank % len(dtypes)]) if rank % 2 else np.array([[True]])
        )
        seen["gathered nothing"] = collective.allgather(np.zeros(0))
        collective.barrier()
        digest = hashlib.blake2b(digest_size=16)
        for value in seen.values():
            for array in value if isinstance(value, list) else [value]:
                digest.update(array.tobytes())
        seen["digests"] = collective.allgather(np.frombuffer(digest.digest(), np.uint8))
        seen["rank"], seen["world_size"] = rank, size
        seen["ranks"] = collective.allgather(np.array([rank]))
        return seen

    return observe


MEMBER = """
import sys
from pyspark import cloudpickle
worker, address, task = cloudpickle.loads(sys.stdin.buffer.read())
import pyarrow as pa
from fireside.compute import as_dataset
from fireside.compute.message import encode
from fireside.compute.rabit import member
with member(address, task) as collective:
    result = worker(collective, as_dataset(pa.table({"rank": [task]})))
sys.stdout.buffer.write(encode(result))
"""


def run_processes(worker: Callable[..., Any], size: int = 3) -> list[tuple[int, bytes, str]]:
    """A worker in processes of its own: exit status, output and errors of each rank."""
    cloudpickle = pytest.importorskip("pyspark.cloudpickle")
    with tracker(size) as address:
        processes = []
        for task in range(size):
            process = subprocess.Popen(
                [sys.executable, "-c", MEMBER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert process.stdin is not None
            process.stdin.write(cloudpickle.dumps((worker, address, task)))
            process.stdin.close()
            process.stdin = None
            processes.append(process)
        finished = []
        for process in processes:
            output, errors = process.communicate(timeout=120)
            finished.append((process.returncode, output, errors.decode()))
    return finished


def by_value() -> Callable[[Collective, Dataset], dict[str, Any]]:
    """The observer with everything that it needs from this module, which other processes cannot import."""
    cloudpickle = pytest.importorskip("pyspark.cloudpickle")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    return make_observer(draw)


KINDS = ["solo", "processes", pytest.param("spark", marks=pytest.mark.spark)]


@pytest.fixture(scope="module", params=KINDS)
def seen(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What rank 0 saw."""
    if request.param == "solo":
        return gang(as_dataset(pa.table({"a": [1]})), make_observer(draw))
    worker = by_value()
    if request.param == "spark":
        frame = request.getfixturevalue("spark").range(10)
        return gang(as_dataset(frame), worker)
    finished = run_processes(worker)
    assert [status for status, _, _ in finished] == [0, 0, 0], finished
    return decode(finished[0][1])


def test_ranks_count_from_zero(seen: dict[str, Any]) -> None:
    assert seen["rank"] == 0
    assert [int(rank[0]) for rank in seen["ranks"]] == list(range(seen["world_size"]))


def test_the_results_have_the_same_bits_on_every_rank(seen: dict[str, Any]) -> None:
    digests = {bytes(digest) for digest in seen["digests"]}
    assert len(seen["digests"]) == seen["world_size"]
    assert len(digests) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPERATIONS)
def test_allreduce_is_the_reduction_over_the_ranks(seen: dict[str, Any], op: str, dtype: str) -> None:
    for shape in SHAPES:
        parts = np.stack([draw(rank, dtype, shape) for rank in range(seen["world_size"])])
        expected = OPERATIONS[op](parts, axis=0)
        found = seen[f"{dtype} {shape} {op}"]
        assert found.dtype == np.dtype(dtype)
        assert found.shape == shape
        tolerance = {"float64": 1e-13, "float32": 1e-5}.get(dtype, 0.0) if op == "sum" else 0.0
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 1e3)


def test_views_are_reduced_as_what_they_show(seen: dict[str, Any]) -> None:
    grid = sum(draw(rank, "float64", (6, 8)) for rank in range(seen["world_size"]))
    np.testing.assert_allclose(seen["strided"], grid[::2, 1::3], rtol=1e-12)
    np.testing.assert_allclose(seen["transposed"], grid.T, rtol=1e-12)
    np.testing.assert_allclose(seen["reversed"], grid[::-1], rtol=1e-12)


def test_broadcast_brings_the_bits_of_the_root(seen: dict[str, Any]) -> None:
    for root in range(seen["world_size"]):
        odd = np.array([[np.nan, -0.0], [np.inf, 5e-324]]) * (root + 1)
        assert seen[f"broadcast from {root}"].tobytes() == odd.tobytes()
        assert seen[f"broadcast from {root}"].shape == odd.shape
        flags = np.arange(root + 3) % 2 == 0
        assert seen[f"flags from {root}"].dtype == np.bool_
        np.testing.assert_array_equal(seen[f"flags from {root}"], flags)
    assert seen["broadcast nothing"].shape == (0, 4)
    assert seen["broadcast nothing"].dtype == np.float32


def test_allgather_keeps_each_rank_s_shape_and_type(seen: dict[str, Any]) -> None:
    size = seen["world_size"]
    for rank in range(size):
        expected = np.arange(rank * 2, dtype=np.int64).reshape(rank, 2) + rank
        np.testing.assert_array_equal(seen["gathered"][rank], expected)
        kind = np.dtype(DTYPES[rank % len(DTYPES)]) if rank % 2 else np.dtype(bool)
        assert seen["gathered kinds"][rank].dtype == kind
        assert seen["gathered kinds"][rank].shape == ((1,) if rank % 2 else (1, 1))
    assert [array.size for array in seen["gathered nothing"]] == [0] * size


def test_a_member_that_leaves_releases_the_others() -> None:
    def leave_or_wait(collective: Collective, rows: Dataset) -> dict[str, Any]:
        collective.barrier()
        if collective.rank == 1:
            raise ValueError("rank 1 has had enough")
        collective.barrier()
        return {}

    finished = run_processes(leave_or_wait)
    assert all(status != 0 for status, _, _ in finished)
    assert "ValueError: rank 1 has had enough" in finished[1][2]
    for rank in (0, 2):
        assert f"LostMemberError: rank {rank} lost the others of its gang" in finished[rank][2]


def test_a_member_that_returns_early_releases_the_others() -> None:
    def return_or_wait(collective: Collective, rows: Dataset) -> dict[str, Any]:
        collective.barrier()
        if collective.rank != 1:
            collective.barrier()
        return {}

    finished = run_processes(return_or_wait)
    assert finished[1][0] == 0
    for rank in (0, 2):
        assert (
            f"LostMemberError: rank {rank} lost the others of its gang: one has returned" in finished[rank][2]
        )


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ((np.ones(3), "sum"), (np.ones(4), "sum")),
        ((np.ones(3), "sum"), (np.ones(3), "max")),
        ((np.ones(3), "sum"), (np.ones(3, np.float32), "sum")),
    ],
)
def test_calls_that_differ_are_refused(mine: tuple[np.ndarray, Any], others: tuple[np.ndarray, Any]) -> None:
    def differ(collective: Collective, rows: Dataset) -> dict[str, Any]:
        collective.allreduce(*(mine if collective.rank == 1 else others))
        return {}

    for status, _, errors in run_processes(differ):
        assert status != 0
        assert "another rank does something else: all ranks must make the same calls" in errors


def test_what_cannot_be_reduced_is_refused() -> None:
    solo = Solo()
    with pytest.raises(InputError, match="op must be one of sum, max, min, got 'mean'"):
        solo.allreduce(np.ones(2), "mean")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got complex128"):
        solo.allreduce(np.ones(2, complex))
    with pytest.raises(InputError, match="root must be from 0 to 0, got 1"):
        solo.broadcast(np.ones(2), 1)
    with pytest.raises(InputError, match="rank 0 broadcasts, but was given no array"):
        solo.broadcast(None)
    with pytest.raises(InputError, match="at most 8 dimensions"):
        solo.broadcast(np.ones((1,) * 9))


def test_results_are_the_caller_s_to_change() -> None:
    mine = np.ones(3)
    Solo().allreduce(mine)[:] = 7
    Solo().broadcast(mine)[:] = 7
    Solo().allgather(mine)[0][:] = 7
    assert mine.tolist() == [1, 1, 1]


def test_a_tracker_that_cannot_listen_says_where() -> None:
    # 192.0.2.0/24 is reserved for documentation: no machine has such an address.
    with (
        pytest.raises(CollectiveError, match=r"no tracker can listen at 192\.0\.2\.1"),
        tracker(2, host="192.0.2.1"),
    ):
        pass
