"""`SparkDataset`: the rows of a Spark DataFrame, where they lie.

Maps are collected and run as one `mapInArrow`. Rows come to this process only when `batches()` is asked
for, partition after partition. The order of the rows is that of the partitions, which is as repeatable as
the plan behind the frame.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, final

import pyarrow as pa
from pyspark.sql import DataFrame

from fireside.compute.dataset import BatchFunction, Dataset, DistributedDataset
from fireside.compute.map_batches import apply_to_batch, function_name
from fireside.compute.schema import conform
from fireside.compute.spark.gang import GangJob, run_gang
from fireside.compute.spark.schema import arrow_schema, has_user_types, spark_schema
from fireside.core import errors

__all__ = ["SparkDataset", "Stages", "run_stages", "to_frame"]

Stages = tuple[tuple[BatchFunction, pa.Schema], ...]


@final
class SparkDataset(DistributedDataset):
    """A Spark DataFrame, classic or Connect, and what is to be done to its batches.

    Args:
        frame: the rows.
        stages: functions with the schema that each returns, to be applied in this order.
        origin: the frame of which `frame` is but a selection of columns, and whose partitions it has.
    """

    def __init__(self, frame: DataFrame, stages: Stages = (), *, origin: DataFrame | None = None) -> None:
        self._frame = frame
        self._origin = frame if origin is None else origin
        self._frame_schema = arrow_schema(frame.schema)
        self._stages = stages

    @property
    def schema(self) -> pa.Schema:
        return self._stages[-1][1] if self._stages else self._frame_schema

    @property
    def num_rows(self) -> None:
        return None

    @property
    def frame(self) -> DataFrame:
        """The rows as a Spark DataFrame; still nothing runs."""
        if not self._stages:
            return self._frame
        return numbered(self._frame).mapInArrow(self._task(run_stages), spark_schema(self.schema))

    def batches(self) -> Iterator[pa.RecordBatch]:
        packed = numbered(self._frame).mapInArrow(self._task(pack_batches), "batch binary")
        with errors_are_ours():
            # One more partition is computed while one is consumed, so memory holds two.
            for row in packed.toLocalIterator(prefetchPartitions=True):
                yield pa.ipc.read_record_batch(pa.py_buffer(bytes(row[0])), self.schema)

    def to_table(self) -> pa.Table:
        # All partitions at once, unlike `batches`, which is slower because it holds but two.
        with errors_are_ours():
            try:
                table = self.frame.toArrow()
            except pa.ArrowInvalid:
                # pyspark cannot hand over a null vector: it declares that the kind in it is never null.
                return pa.Table.from_batches(list(self.batches()), schema=self.schema)
        batches = [conform(batch, self.schema) for batch in table.to_batches() if batch.num_rows]
        return pa.Table.from_batches(batches, schema=self.schema)

    def map_batches(self, function: BatchFunction, schema: pa.Schema) -> "SparkDataset":
        # Named here rather than on an executor: a type that Spark lacks is the caller's error.
        spark_schema(schema)
        self._check_case(schema.names)
        return SparkDataset(self._frame, (*self._stages, (function, schema)), origin=self._origin)

    def _check_case(self, names: list[str]) -> None:
        """Raise `SchemaError` where a new name is another's but for its case, which Spark does not see."""
        taken = {name.lower(): name for name in self.schema.names}
        for name in names:
            other = taken.setdefault(name.lower(), name)
            if other != name and name not in self.schema.names:
                if self._frame.sparkSession.conf.get("spark.sql.caseSensitive") == "true":
                    return
                raise errors.SchemaError(
                    f"the columns {other!r} and {name!r} differ in case alone, and are one to Spark: choose "
                    "another name for the output"
                )

    def gang(self, worker: Callable[..., Mapping[str, Any]], arguments: tuple[Any, ...]) -> dict[str, Any]:
        job = GangJob(
            name=function_name(worker),
            worker=worker,
            arguments=arguments,
            prepare=self._task(run_stages),
            schema=self.schema,
        )
        return run_gang(numbered(self._frame), self._origin, job)

    @contextmanager
    def persisted(self) -> Iterator["SparkDataset"]:
        frame = self.frame.persist()
        try:
            with errors_are_ours():
                # Now, because jobs that run side by side would each begin to compute what is not there.
                frame.count()
            yield SparkDataset(frame)
        finally:
            frame.unpersist()

    def sql(self, statement: str) -> "SparkDataset":
        # Spark fills in what stands in braces, so those of the statement are doubled.
        query = statement.replace("{", "{{").replace("}", "}}").replace("__THIS__", "{fireside_rows}")
        return SparkDataset(self._frame.sparkSession.sql(query, fireside_rows=self.frame))

    def _select(self, columns: list[str]) -> "SparkDataset":
        if not self._stages:
            quoted = ["`" + column.replace("`", "``") + "`" for column in columns]
            return SparkDataset(self._frame.select(*quoted), origin=self._origin)
        schema = pa.schema([self.schema.field(name) for name in columns])
        return SparkDataset(self._frame, (*self._stages, (_Selection(columns), schema)), origin=self._origin)

    def _task(self, function: Callable[..., Iterator[pa.RecordBatch]]) -> Callable[..., Any]:
        return partial(function, schema=self._frame_schema, stages=self._stages)


class _Selection:
    """A batch function that keeps some columns."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = columns

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.select(self._columns)


def run_stages(
    batches: Iterator[pa.RecordBatch], *, schema: pa.Schema, stages: Stages
) -> Iterator[pa.RecordBatch]:
    """On an executor: batches as Spark gives them, through all stages."""
    current: Iterator[pa.RecordBatch] = (
        conform(batch.rename_columns(schema.names), schema) for batch in batches if batch.num_rows
    )
    for function, returned in stages:
        current = _run_stage(function, current, returned)
    return current


def _run_stage(
    function: BatchFunction, batches: Iterator[pa.RecordBatch], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield from apply_to_batch(function, batch, schema)


def pack_batches(
    batches: Iterator[pa.RecordBatch], *, schema: pa.Schema, stages: Stages
) -> Iterator[pa.RecordBatch]:
    """On an executor: each batch as one row of bytes, which travel faster than rows and keep their types."""
    for batch in run_stages(batches, schema=schema, stages=stages):
        yield pa.RecordBatch.from_pydict({"batch": [batch.serialize().to_pybytes()]})


def to_frame(dataset: Dataset, original: DataFrame) -> DataFrame:
    """The rows of a data set as a Spark DataFrame, in the session of `original` where they lie elsewhere."""
    if isinstance(dataset, SparkDataset):
        return dataset.frame
    table = dataset.to_table()
    if table.num_rows == 0:
        return original.sparkSession.createDataFrame([], spark_schema(table.schema))
    frame = original.sparkSession.createDataFrame(table)
    schema = spark_schema(table.schema)
    if not has_user_types(table.schema) and not any(field.metadata for field in schema):
        return frame
    # Spark takes neither vectors nor metadata of columns from Arrow directly, but does both from a function
    # that says it returns them.
    return numbered(frame).mapInArrow(partial(run_stages, schema=table.schema, stages=()), schema)


def numbered(frame: DataFrame) -> DataFrame:
    """The frame as `mapInArrow` can read it, which looks columns up by names and reads dots as syntax.

    `run_stages` gives the columns their names again.
    """
    if not any("." in column or "`" in column for column in frame.columns):
        return frame
    return frame.toDF(*map(str, range(len(frame.columns))))


@contextmanager
def errors_are_ours() -> Iterator[None]:
    """Raise what a function raised on an executor, where that was one of ours, instead of Spark's report."""
    try:
        yield
    except errors.FiresideError:
        raise
    except Exception as error:
        found = re.search(r"fireside\.core\.errors\.(\w+): (.*)", str(error))
        if found is None or found[1] not in errors.__all__:
            raise
        kind = getattr(errors, found[1])
        raise kind(found[2].strip()) from error
