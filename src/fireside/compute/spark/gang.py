"""A gang on Spark: one barrier stage, whose tasks join a Rabit tracker that this process holds.

Every task reports an `Outcome` and none ever fails on purpose, since Spark would try a failed barrier stage
again. All tasks of the stage run at once, so the rows are spread over as many partitions as the cluster has
slots.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa
from pyspark import BarrierTaskContext
from pyspark.sql import DataFrame, SparkSession

from fireside.compute.dataset import TableDataset
from fireside.compute.outcome import Outcome, outcome_of, settle
from fireside.compute.rabit import member, tracker
from fireside.core.errors import CollectiveError, FiresideError

__all__ = ["num_slots", "run_gang", "tracker_host"]

SIZE_SETTING = "spark.fireside.gang.size"
"""Set it in the Spark session where the number of slots cannot be found out, or should not all be used."""

Prepare = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
Worker = Callable[..., Mapping[str, Any]]


def run_gang(
    frame: DataFrame,
    prepare: Prepare,
    schema: pa.Schema,
    name: str,
    worker: Worker,
    arguments: tuple[Any, ...],
) -> dict[str, Any]:
    """Run a worker in one barrier stage over a frame, and return what rank 0 returned.

    Args:
        frame: the rows.
        prepare: what is done to the batches of a partition first.
        schema: of the batches after that.
        name: of the worker, for messages.
        worker: `worker(collective, rows, *arguments)`.
        arguments: of the worker.

    Raises:
        FiresideError: what a worker raised, or `CollectiveError`; see `fireside.compute.gang.gang`.
    """
    session = frame.sparkSession
    host = tracker_host(session)
    world_size = num_slots(session)
    spread = frame.repartition(world_size)
    for _ in range(2):
        with tracker(world_size, host=host) as address:

            def task(
                batches: Iterator[pa.RecordBatch],
                world_size: int = world_size,
                address: Mapping[str, Any] = address,
            ) -> Iterator[pa.RecordBatch]:
                return run_task(batches, prepare, schema, name, worker, arguments, world_size, address)

            try:
                reports = spread.mapInArrow(task, "outcome binary", barrier=True).toArrow()
            except FiresideError:
                raise
            except Exception as error:
                raise CollectiveError(f"{name}: {_remedy(error)}") from error
        outcomes = [msgspec.msgpack.decode(report, type=Outcome) for report in reports["outcome"].to_pylist()]
        if not any(outcome.status == "miscounted" for outcome in outcomes):
            break
        # Spark optimised partitions away; what it made of the plan it will make of it again.
        world_size = len(outcomes)
    return settle(name, outcomes)


def run_task(
    batches: Iterator[pa.RecordBatch],
    prepare: Prepare,
    schema: pa.Schema,
    name: str,
    worker: Worker,
    arguments: tuple[Any, ...],
    world_size: int,
    address: Mapping[str, Any],
) -> Iterator[pa.RecordBatch]:
    """On an executor: one task of the stage, from its partition to its report."""
    context = BarrierTaskContext.get()
    rank = context.partitionId()
    found = len(context.getTaskInfos())

    def action() -> Mapping[str, Any]:
        # Joining comes first: reading may be long, or fail, and the others must not wait outside for that.
        with member(address, rank) as collective:
            rows = TableDataset(pa.Table.from_batches(list(prepare(batches)), schema=schema))
            return worker(collective, rows, *arguments)

    if found == world_size:
        outcome = outcome_of(rank, world_size, name, action)
    else:
        outcome = Outcome(rank=rank, status="miscounted", world_size=found)
    yield pa.RecordBatch.from_pydict({"outcome": [msgspec.msgpack.encode(outcome)]})


def num_slots(session: SparkSession) -> int:
    """How many tasks of a barrier stage the cluster can run at once."""
    given = session.conf.get(SIZE_SETTING, None)
    if given is not None:
        if not given.isdigit() or int(given) < 1:
            raise CollectiveError(f"{SIZE_SETTING} must be a number of tasks, at least 1, got {given!r}")
        return int(given)
    if not _is_connect(session):
        # The very number that Spark compares a barrier stage with; defaultParallelism may be set by hand.
        context = session.sparkContext._jsc.sc()
        profile = context.resourceProfileManager().defaultResourceProfile()
        return max(1, int(context.maxNumConcurrentTasks(profile)))
    if session.conf.get("spark.default.parallelism", None) is not None:
        raise CollectiveError(
            "spark.default.parallelism hides how many slots the cluster has: "
            f"set {SIZE_SETTING} to their number with session.conf.set"
        )
    # A range has one partition for each slot, unless told otherwise.
    return max(1, session.range(1_000_000).selectExpr("spark_partition_id()").distinct().count())


def tracker_host(session: SparkSession) -> str:
    """The address of this process as the executors see it."""
    if not _is_connect(session):
        return socket.gethostbyname(session.conf.get("spark.driver.host", "127.0.0.1"))
    # Connecting a datagram socket sends nothing; it makes the system choose the address that would be used.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((socket.gethostbyname(session.client.host), 9))
        return str(probe.getsockname()[0])


def _is_connect(session: SparkSession) -> bool:
    return type(session).__module__.startswith("pyspark.sql.connect")


def _remedy(error: Exception) -> str:
    """The first line of a Spark error, and what to do about the known ones."""
    text = str(error)
    first = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    if "SPARK-24819" in text or "requires more slots" in text:
        return f"the cluster has fewer slots than the gang has members: set {SIZE_SETTING} lower ({first})"
    if "SPARK-24942" in text or "dynamic resource allocation" in text:
        return f"a gang needs fixed executors: set spark.dynamicAllocation.enabled=false ({first})"
    return f"the Spark stage failed: {first}"
