import threading

import pyarrow as pa
import pytest

from fireside.compute import as_dataset, map_batches
from fireside.compute.threads import map_in_order, num_threads


def test_threads_work_at_once_and_results_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    all_there = threading.Barrier(3, timeout=30)

    def wait_for_the_others(item: int) -> int:
        all_there.wait()
        return -item

    assert list(map_in_order(wait_for_the_others, range(6))) == [0, -1, -2, -3, -4, -5]


def test_items_are_read_only_as_far_as_threads_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    read: list[int] = []
    results = map_in_order(abs, (read.append(item) or item for item in range(10)))  # type: ignore[func-returns-value]
    assert next(results) == 0
    assert read == [0, 1, 2]


def test_the_first_error_in_the_order_of_the_items_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    later_has_failed = threading.Event()

    def fail(item: int) -> int:
        if item == 1:
            later_has_failed.wait(timeout=30)
        if item == 2:
            later_has_failed.set()
        return 1 // (item == 0)

    results = map_in_order(fail, range(4))
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_one_thread_is_the_callers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert num_threads() == 1
    assert set(map_in_order(lambda _: threading.get_ident(), range(5))) == {threading.get_ident()}


def test_a_chain_of_maps_gives_its_table_in_order_whatever_the_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    schema = pa.schema([("a", pa.int64())])
    data = as_dataset({"a": list(range(1000))}, batch_rows=7)
    twice = map_batches(data, lambda batch: iter([batch, batch.slice(0, 0), batch]), schema)
    odd = map_batches(
        twice, lambda batch: batch.filter(pa.array([a % 2 == 1 for a in batch["a"].to_pylist()])), schema
    )
    assert odd.to_table() == pa.Table.from_batches(list(odd.batches()), schema=schema)
    assert len(odd.to_table()) == 1000
    ahead = odd.read_ahead().select(["a"])
    assert list(ahead.batches()) == list(ahead.batches()) == list(odd.batches())


def test_who_reads_ahead_and_stops_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    data = as_dataset({"a": list(range(100))}, batch_rows=5)
    before = threading.active_count()
    batches = map_batches(data, lambda batch: batch, data.schema).read_ahead().batches()
    assert next(batches)["a"].to_pylist() == [0, 1, 2, 3, 4]
    batches.close()
    assert threading.active_count() == before
