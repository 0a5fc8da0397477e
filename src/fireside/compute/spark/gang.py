"""A gang on Spark: one barrier stage, whose tasks join a Rabit tracker that this process holds.

Every task reports an `Outcome`, and none fails on purpose: a failed stage would tell of consequences rather
than of the cause. All tasks of the stage run at once, so the rows are spread over as many partitions as the
cluster has slots; a cached frame with no more partitions than that stays as it is.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from pyspark import BarrierTaskContext
from pyspark.sql import DataFrame, SparkSession

from fireside.compute.dataset import TableDataset
from fireside.compute.gang import gang
from fireside.compute.outcome import Outcome, outcome_of, settle
from fireside.compute.rabit import member, tracker
from fireside.core.errors import CollectiveError, ConfigError

__all__ = ["GangJob", "num_slots", "run_gang", "tracker_host"]

SIZE_SETTING = "spark.fireside.gang.size"
"""Set it in the Spark session where the number of slots cannot be found out, or should not all be used."""


@dataclass(frozen=True, kw_only=True)
class GangJob:
    """What every task of the stage does; it is shipped to the executors.

    Attributes:
        name: of the worker, for messages.
        worker: `worker(collective, rows, *arguments)`.
        arguments: of the worker.
        prepare: what is done to the batches of a partition first.
        schema: of the batches after that.
    """

    name: str
    worker: Callable[..., Mapping[str, Any]]
    arguments: tuple[Any, ...]
    prepare: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
    schema: pa.Schema


class UnsuitablePlanError(Exception):
    """The partitions of a frame cannot be the tasks of one barrier stage."""


def run_gang(frame: DataFrame, origin: DataFrame, job: GangJob) -> dict[str, Any]:
    """Run a job in one barrier stage over a frame, and return what rank 0 returned.

    Args:
        frame: the rows.
        origin: a frame with the same partitions, which the user may have cached.
        job: what to run.

    Raises:
        FiresideError: what a worker raised, or `CollectiveError`; see `fireside.compute.gang.gang`.
    """
    session = frame.sparkSession
    slots = num_slots(session)
    plans = [(frame.repartition(slots), slots)]
    in_place = cached_partitions(origin)
    if in_place is not None and in_place <= slots:
        # Rows that are spread and cached already stay where they are.
        plans.insert(0, (frame, in_place))
    for plan, world_size in plans:
        try:
            outcomes = run_stage(plan, world_size, tracker_host(session), job)
        except UnsuitablePlanError:
            continue
        if not outcomes:
            # Spark found out that there are no rows, and ran no task at all.
            return gang(TableDataset(job.schema.empty_table()), job.worker, *job.arguments)
        return settle(job.name, outcomes)
    raise CollectiveError(
        f"{job.name}: Spark made other partitions than the {slots} asked for: cache the frame first, "
        f"or set {SIZE_SETTING}"
    )


def run_stage(frame: DataFrame, world_size: int, host: str, job: GangJob) -> list[Outcome]:
    """Run a job with one task for each partition of a frame.

    Raises:
        UnsuitablePlanError: the frame has another number of partitions, or a plan that no barrier may be in.
        CollectiveError: the stage failed as a whole.
    """
    with tracker(world_size, host=host) as address:
        task = partial(run_task, job=job, world_size=world_size, address=address)
        try:
            reports = frame.mapInArrow(task, "outcome binary", barrier=True).toArrow()
        except Exception as error:
            if "SPARK-24820" in str(error):
                raise UnsuitablePlanError from error
            raise CollectiveError(f"{job.name}: {_remedy(error, world_size)}") from error
    outcomes = [msgspec.msgpack.decode(report, type=Outcome) for report in reports["outcome"].to_pylist()]
    if any(outcome.status == "miscounted" for outcome in outcomes):
        raise UnsuitablePlanError
    return outcomes


def run_task(
    batches: Iterator[pa.RecordBatch], *, job: GangJob, world_size: int, address: Mapping[str, Any]
) -> Iterator[pa.RecordBatch]:
    """On an executor: one task of the stage, from its partition to its report."""
    context = BarrierTaskContext.get()
    rank = context.partitionId()
    found = len(context.getTaskInfos())

    def action() -> Mapping[str, Any]:
        # Joining comes first: reading may be long, or fail, and the others must not wait outside for that.
        with member(address, rank) as collective:
            rows = TableDataset(pa.Table.from_batches(list(job.prepare(batches)), schema=job.schema))
            return job.worker(collective, rows, *job.arguments)

    if found == world_size:
        outcome = outcome_of(rank, world_size, job.name, action)
    else:
        outcome = Outcome(rank=rank, status="miscounted", world_size=found)
    yield pa.RecordBatch.from_pydict({"outcome": [msgspec.msgpack.encode(outcome)]})


def cached_partitions(frame: DataFrame) -> int | None:
    """How many partitions a cached frame has; `None` where it is not cached, or Spark cannot tell."""
    level = frame.storageLevel
    if _is_connect(frame.sparkSession) or not (level.useMemory or level.useDisk):
        return None
    return int(frame.rdd.getNumPartitions()) or None


def num_slots(session: SparkSession) -> int:
    """How many tasks of a barrier stage the cluster can run at once.

    Raises:
        ConfigError: the setting is no number, or is needed.
    """
    given = session.conf.get(SIZE_SETTING, None)
    if given is not None:
        if not given.isdigit() or int(given) < 1:
            raise ConfigError(f"{SIZE_SETTING} must be a number of tasks, at least 1, got {given!r}")
        return int(given)
    if not _is_connect(session):
        # The very number that Spark compares a barrier stage with; defaultParallelism may be set by hand.
        context = session.sparkContext._jsc.sc()
        profile = context.resourceProfileManager().defaultResourceProfile()
        return max(1, int(context.maxNumConcurrentTasks(profile)))
    if session.conf.get("spark.default.parallelism", None) is not None:
        raise ConfigError(
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


def _remedy(error: Exception, world_size: int) -> str:
    """What Spark says went wrong, and what to do about the known cases."""
    text = str(error)
    if "SPARK-24819" in text or "requires more slots" in text:
        return f"the cluster has no {world_size} slots at once: set {SIZE_SETTING} lower"
    if "SPARK-24942" in text or "dynamic resource allocation" in text:
        return "a gang needs executors that stay: set spark.dynamicAllocation.enabled=false"
    # A Spark error is a chain of causes, each after the name of its class; the last is the first cause.
    causes = re.findall(r"Exception[:)] (\S.*)", text) or text.split("\n")
    return f"the Spark stage failed: {causes[-1]}"
