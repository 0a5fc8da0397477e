"""Rabit: the collective that xgboost ships, between processes that can reach each other by TCP.

One process holds the `tracker`, which introduces the members to one another; each member then has direct
connections to its neighbours in a ring. The ranks are the task numbers.

Every operation begins with an agreement: the members tell each other what they are about to do, and a member
that leaves, by return or by error, tells it in the others' next agreement. So nobody waits for one who has
left, and calls that differ are refused instead of mixing bytes. The library alone does not give that: its
`allreduce` waits for ever where a connection closes before it looks (docs/lab-notes.md). A process that is
killed says nothing; whoever started the processes must end the others, as Spark does in a barrier stage.
"""

import ctypes
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fireside.compute.collective import DTYPES, OPERATIONS, Collective, ReduceOp
from fireside.core.errors import CollectiveError
from fireside.core.extras import require

__all__ = ["LostMemberError", "Rabit", "member", "tracker"]

logger = logging.getLogger(__name__)

STRAGGLER_SECONDS = 86_400
"""How long a member waits for a slower one in an operation."""


class LostMemberError(CollectiveError):
    """Another member has left the gang; the error that made it leave is told by that member."""


class Intent(IntEnum):
    """What a member is about to do; of several, the greatest is told."""

    REDUCE = 0
    RETURN = 1
    FAIL = 2


@final
class Rabit(Collective):
    """A member of a gang; made by `member`."""

    def __init__(self) -> None:
        self._xgboost = require("xgboost.collective", extra="spark")
        self._rank = int(self._xgboost.get_rank())
        self._world_size = int(self._xgboost.get_world_size())
        self._operations = {
            "sum": self._xgboost.Op.SUM,
            "max": self._xgboost.Op.MAX,
            "min": self._xgboost.Op.MIN,
        }
        self._together = True

    @property
    def rank(self) -> int:
        return self._rank

    @property
    def world_size(self) -> int:
        return self._world_size

    def _reduce(self, values: npt.NDArray[Any], op: ReduceOp) -> npt.NDArray[Any]:
        if not self._together:
            raise LostMemberError(f"rank {self._rank} lost the others of its gang before")
        kind = OPERATIONS.index(op) * len(DTYPES) + DTYPES.index(values.dtype)
        intent, same = self._agree(Intent.REDUCE, values.size * len(OPERATIONS) * len(DTYPES) + kind)
        if intent is not Intent.REDUCE:
            left = "has failed" if intent is Intent.FAIL else "has returned"
            raise LostMemberError(f"rank {self._rank} lost the others of its gang: one {left}")
        if not same:
            self._together = False
            raise CollectiveError(
                f"rank {self._rank} reduces {values.size} values of {values.dtype} by {op!r}, and another "
                "rank does something else: all ranks must make the same calls on arrays of one shape and type"
            )
        return self._allreduce(values, op)

    def leave(self, intent: Intent) -> None:
        """Tell the others, once they come to their next operation or leave too."""
        if self._together:
            self._agree(intent, 0)

    def _agree(self, intent: Intent, call: int) -> tuple[Intent, bool]:
        """The greatest intent of all members, and whether all make the same call."""
        mine = np.array([intent, call, -call], np.int64)
        greatest, most, least = (int(value) for value in self._allreduce(mine, "max"))
        self._together = greatest == Intent.REDUCE
        return Intent(greatest), most == -least

    def _allreduce(self, values: npt.NDArray[Any], op: ReduceOp) -> npt.NDArray[Any]:
        try:
            return self._xgboost.allreduce(values, self._operations[op])
        except require("xgboost.core", extra="spark").XGBoostError as error:
            self._together = False
            raise LostMemberError(
                f"rank {self._rank} lost the others of its gang: {_reason(error)}"
            ) from error


@contextmanager
def tracker(world_size: int, *, host: str = "127.0.0.1") -> Iterator[dict[str, Any]]:
    """Listen for the members of a gang, and yield what `member` needs to find this process.

    Args:
        world_size: how many members will come; all must, before any can go on.
        host: the address of this machine that the members can reach. The port is a free one.

    Raises:
        CollectiveError: nothing can listen at `host`.

    >>> import numpy as np
    >>> with tracker(1) as address, member(address, 0) as collective:
    ...     collective.allreduce(np.array([1.5, 2.5]))
    array([1.5, 2.5])
    """
    errors = require("xgboost.core", extra="spark").XGBoostError
    rabit_tracker = require("xgboost.tracker", extra="spark").RabitTracker
    try:
        held = rabit_tracker(n_workers=world_size, host_ip=host, sortby="task")
        held.start()
    except (errors, OSError) as error:
        raise CollectiveError(f"no tracker can listen at {host}: {_reason(error)}") from error
    try:
        yield dict(held.worker_args())
    finally:
        try:
            held.free()
        except errors as error:
            # Members that were killed never said good-bye; their own error is told elsewhere.
            logger.debug("the tracker ended without all members: %s", _reason(error))


@contextmanager
def member(address: Mapping[str, Any], task: int) -> Iterator[Rabit]:
    """Join a gang, and leave it when the block ends.

    Args:
        address: what `tracker` yielded.
        task: the rank that this process shall have.

    Raises:
        CollectiveError: the tracker cannot be reached from here.
    """
    xgboost = require("xgboost.collective", extra="spark")
    errors = require("xgboost.core", extra="spark").XGBoostError
    _hush()
    try:
        # Zero-padded, because the tracker sorts the ids as text.
        xgboost.init(**address, dmlc_task_id=f"{task:09d}", dmlc_timeout=STRAGGLER_SECONDS)
    except errors as error:
        where = f"{address.get('dmlc_tracker_uri')}:{address.get('dmlc_tracker_port')}"
        raise CollectiveError(f"task {task} cannot join the gang at {where}: {_reason(error)}") from error
    try:
        collective = Rabit()
        assert collective.rank == task
        try:
            yield collective
        except Exception:
            # The first error is the one to tell, whatever becomes of the others.
            with suppress(CollectiveError):
                collective.leave(Intent.FAIL)
            raise
        collective.leave(Intent.RETURN)
    finally:
        try:
            xgboost.finalize()
        except errors as error:
            logger.debug("rank %d left without good-bye: %s", task, _reason(error))


def _reason(error: BaseException) -> str:
    """The lines of an xgboost error that say what happened, without its stack of addresses."""
    lines = str(error).split("Stack trace:")[0].splitlines()
    said = [line.partition("]: ")[2] or line for line in lines if line.startswith("- ")]
    return "; ".join(said) or (lines[0] if lines else type(error).__name__)


def _hush() -> None:
    """Send the greeting "Task ... got rank ..." to the log; xgboost prints it to standard output otherwise.

    Everything else that xgboost's library says goes where xgboost would send it.
    """
    core = require("xgboost.core", extra="spark")
    if hasattr(core._LIB, "fireside_callback"):
        return

    def receive(message: bytes) -> None:
        if b" got rank " in message:
            logger.debug("%s", message.decode(errors="replace"))
        else:
            core._log_callback(message)

    # The library holds the address alone, so somebody must keep the function alive.
    core._LIB.fireside_callback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(receive)
    core._LIB.XGBRegisterLogCallback(core._LIB.fireside_callback)
