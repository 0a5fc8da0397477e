"""A worker, and its caller, see the same on one machine, on a cluster, and over Spark Connect."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fireside.compute import Collective, Dataset, as_dataset, gang, like, map_batches
from fireside.core.errors import CollectiveError, ConfigError, InputError, SchemaError

ROWS = 1_000
TABLE = pa.table({"id": pa.array(range(ROWS), pa.int64()), "x": np.random.default_rng(7).normal(size=ROWS)})
PLACES = ["local", *[pytest.param(name, marks=pytest.mark.spark) for name in ("spark", "spark_connect")]]


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> Callable[[pa.Table], Dataset]:
    """Makes a data set that lives in one of the places where work runs."""
    if request.param == "local":
        return as_dataset
    session = request.getfixturevalue(request.param)
    return lambda table: as_dataset(like(as_dataset(table), session.range(1)))


@pytest.fixture(scope="module")
def data(place: Callable[[pa.Table], Dataset]) -> Dataset:
    return place(TABLE)


def test_sums_over_all_rows_are_those_of_the_table(data: Dataset) -> None:
    def moments(collective: Collective, rows: Dataset, powers: list[int]) -> dict[str, Any]:
        x = rows.select(["x"]).to_table()["x"].to_numpy()
        return {"sums": collective.allreduce(np.array([(x**power).sum() for power in powers]))}

    x = TABLE["x"].to_numpy()
    found = gang(data, moments, [0, 1, 2])
    np.testing.assert_allclose(found["sums"], [ROWS, x.sum(), (x**2).sum()], rtol=1e-12)


def test_every_row_is_on_exactly_one_process(data: Dataset) -> None:
    def gather(collective: Collective, rows: Dataset) -> dict[str, Any]:
        assert rows.num_rows == sum(batch.num_rows for batch in rows.batches())
        return {"ids": collective.allgather(rows.to_table()["id"].to_numpy())}

    ids = np.concatenate(gang(data, gather)["ids"])
    assert sorted(ids.tolist()) == list(range(ROWS))


def test_maps_and_selections_run_where_the_rows_are(data: Dataset) -> None:
    def square(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pc.multiply(batch["x"], batch["x"])], names=["square"])

    def total(collective: Collective, rows: Dataset) -> dict[str, Any]:
        assert rows.column_names == ["square"]
        return {"total": collective.allreduce(np.array(pc.sum(rows.to_table()["square"]).as_py()))}

    squares = map_batches(data.select(["x"]), square, pa.schema([("square", pa.float64())]))
    np.testing.assert_allclose(gang(squares, total)["total"], (TABLE["x"].to_numpy() ** 2).sum(), rtol=1e-12)


@pytest.mark.parametrize("count", [0, 1])
def test_processes_without_rows_take_part(place: Callable[[pa.Table], Dataset], count: int) -> None:
    def count_rows(collective: Collective, rows: Dataset) -> dict[str, Any]:
        assert rows.column_names == ["id", "x"]
        return {"rows": collective.allreduce(np.array([rows.num_rows]))}

    assert gang(place(TABLE.slice(0, count)), count_rows)["rows"].tolist() == [count]


def test_results_travel_whole(data: Dataset) -> None:
    def results(collective: Collective, rows: Dataset) -> dict[str, Any]:
        return {
            "matrix": np.arange(6.0, dtype=np.float32).reshape(2, 3).T,
            "flags": np.array([True, False]),
            "words": np.array(["a", "wörd"]),
            "nothing": np.zeros((0, 3)),
            "scalar": np.float64(1.5),
            "nested": {"list": [1, 2.5, None, "x"], "arrays": [np.arange(2), np.arange(3)]},
            "not finite": [float("nan"), float("inf")],
            "tuple": (1, 2),
        }

    found = gang(data, results)
    np.testing.assert_array_equal(found["matrix"], np.arange(6.0).reshape(2, 3).T)
    assert found["matrix"].dtype == np.float32
    assert found["flags"].tolist() == [True, False]
    assert found["words"].tolist() == ["a", "wörd"]
    assert found["nothing"].shape == (0, 3)
    assert found["scalar"] == 1.5
    assert found["nested"]["list"] == [1, 2.5, None, "x"]
    assert [array.tolist() for array in found["nested"]["arrays"]] == [[0, 1], [0, 1, 2]]
    assert np.isnan(found["not finite"][0])
    assert found["not finite"][1] == float("inf")
    assert found["tuple"] == [1, 2]
    found["matrix"][0, 0] = 5.0


def test_an_error_of_ours_arrives_as_it_was_raised(data: Dataset) -> None:
    def give_up(collective: Collective, rows: Dataset) -> dict[str, Any]:
        collective.barrier()
        # The last rank fails, and the others are by then waiting for it.
        if collective.rank == collective.world_size - 1:
            raise ConfigError("depth must be at least 1, got 0")
        for _ in range(3):
            collective.allreduce(np.ones(100_000))
        return {}

    with pytest.raises(ConfigError) as caught:
        gang(data, give_up)
    assert str(caught.value) == "depth must be at least 1, got 0"


def test_any_other_error_names_the_worker_and_the_rank(data: Dataset) -> None:
    def stumble(collective: Collective, rows: Dataset) -> dict[str, Any]:
        if collective.rank == 0:
            raise KeyError("weights")
        collective.barrier()
        return {}

    with pytest.raises(CollectiveError, match=r"stumble failed on rank 0: KeyError: 'weights'"):
        gang(data, stumble)


def test_a_map_that_fails_inside_a_gang_is_named(data: Dataset) -> None:
    def forgetful(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.select(["id"])

    def read(collective: Collective, rows: Dataset) -> dict[str, Any]:
        return {"rows": collective.allreduce(np.array([rows.to_table().num_rows]))}

    with pytest.raises(SchemaError, match=r"forgetful returned .* column 'x' is missing"):
        gang(map_batches(data, forgetful, data.schema), read)


def test_a_result_that_cannot_travel_is_refused(data: Dataset) -> None:
    def objects(collective: Collective, rows: Dataset) -> dict[str, Any]:
        return {"model": object()}

    def number(collective: Collective, rows: Dataset) -> Any:
        return 3.0

    with pytest.raises(InputError, match="objects returned what cannot travel: object"):
        gang(data, objects)
    with pytest.raises(InputError, match="number returned float: it must return a mapping"):
        gang(data, number)
