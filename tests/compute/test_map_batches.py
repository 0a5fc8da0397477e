from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pytest

from fireside.compute import as_dataset, map_batches
from fireside.core.errors import SchemaError

SCHEMA = pa.schema([("a", pa.int64())])


def test_a_chain_makes_one_pass_batch_by_batch() -> None:
    seen = []

    def note(name: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        seen.append((name, batch["a"][0].as_py()))
        return batch

    data = as_dataset({"a": [0, 1, 2]}, batch_rows=1)
    mapped = map_batches(map_batches(data, partial(note, "f"), SCHEMA), partial(note, "g"), SCHEMA)
    assert seen == []
    list(mapped.batches())
    assert seen == [("f", 0), ("g", 0), ("f", 1), ("g", 1), ("f", 2), ("g", 2)]


def test_nothing_runs_beyond_what_is_asked_for() -> None:
    seen = []

    def note(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        for _ in range(2):
            seen.append(batch["a"][0].as_py())
            yield batch

    batches = map_batches(as_dataset({"a": [0, 1]}, batch_rows=1), note, SCHEMA).batches()
    next(batches)
    assert seen == [0]


def test_a_function_that_returns_something_else_is_named() -> None:
    class Doubler:
        def __call__(self, batch: pa.RecordBatch) -> object:
            return batch.to_pydict()

    def strange(batch: pa.RecordBatch) -> Iterator[object]:
        yield 3

    data = as_dataset({"a": [1]})
    with pytest.raises(SchemaError, match=r"Doubler returned dict: it must return a pyarrow\.RecordBatch"):
        list(map_batches(data, Doubler(), SCHEMA).batches())  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="strange returned int"):
        list(map_batches(data, strange, SCHEMA).batches())  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="strange returned"):
        list(map_batches(data, partial(strange), SCHEMA).batches())  # type: ignore[arg-type]


def test_an_error_inside_a_function_passes_unchanged() -> None:
    def fail(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise ZeroDivisionError("no rows to divide by")

    with pytest.raises(ZeroDivisionError, match="no rows to divide by"):
        list(map_batches(as_dataset({"a": [1]}), fail, SCHEMA).batches())
