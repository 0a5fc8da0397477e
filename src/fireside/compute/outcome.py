"""`Outcome`: what one process of a gang reports when it is done, for better or worse.

Errors are data here. A process that failed says so in its report and leaves; the others notice that it has
left, report that, and leave too; so nobody waits, nothing is tried again, and the caller hears of the first
cause rather than of its consequences. Knows nothing about how reports travel.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from fireside.compute.message import decode, encode
from fireside.compute.rabit import LostMemberError
from fireside.core import errors
from fireside.core.errors import CollectiveError, FiresideError, InputError

__all__ = ["Outcome", "encode_result", "failure_of", "outcome_of", "settle"]

logger = logging.getLogger(__name__)


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One process's report.

    Attributes:
        rank: whose.
        status: `"done"`; `"failed"` by its own fault; `"lost"` the others; or `"miscounted"`: it found a
            number of processes other than the one it was told, and did nothing.
        result: of rank 0, where done: the encoded mapping.
        error: the class in `fireside.core.errors`, where failed or lost.
        message: what the error says.
        trace: the traceback of the error.
        world_size: how many processes there really are.
    """

    rank: int
    status: Literal["done", "failed", "lost", "miscounted"]
    world_size: int
    result: bytes = b""
    error: str = ""
    message: str = ""
    trace: str = ""


def outcome_of(rank: int, world_size: int, name: str, action: Callable[[], object]) -> Outcome:
    """Run something to its end, and report.

    Args:
        rank: of this process.
        world_size: of its gang.
        name: of the worker, for messages.
        action: returns the worker's result; only rank 0's is kept.

    >>> outcome_of(0, 1, "worker", lambda: {"n": 3}).status
    'done'
    """
    try:
        result = action()
        kept = encode_result(name, result) if rank == 0 else b""
        return Outcome(rank=rank, status="done", world_size=world_size, result=kept)
    except Exception as error:
        logger.debug("rank %d failed", rank, exc_info=True)
        told = error if isinstance(error, FiresideError) else failure_of(name, error, rank=rank)
        return Outcome(
            rank=rank,
            status="lost" if isinstance(error, LostMemberError) else "failed",
            world_size=world_size,
            error=_known_class(told),
            message=str(told),
            trace=traceback.format_exc(),
        )


def settle(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The result of rank 0, or the error of the first rank that failed by its own fault.

    Raises:
        FiresideError: of the class that the rank raised, its traceback attached as a note.
        CollectiveError: ranks lost each other without a cause that anybody could report.
    """
    outcomes = sorted(outcomes, key=lambda outcome: outcome.rank)
    for outcome in outcomes:
        if outcome.status == "failed":
            raise _error_from(outcome)
    done = [outcome for outcome in outcomes if outcome.status == "done"]
    for outcome in outcomes:
        if outcome.status == "lost":
            early = ", ".join(str(other.rank) for other in done)
            hint = f"rank {early} had already returned: all ranks must make the same calls" if early else ""
            raise CollectiveError(f"{name}: {outcome.message}" + (f"; {hint}" if hint else ""))
    if not done or done[0].rank != 0:
        raise CollectiveError(f"{name} ended without a report of rank 0: the process was lost; run it again")
    return decode(done[0].result)


def encode_result(name: str, result: object) -> bytes:
    """What a worker returned, as bytes.

    Raises:
        InputError: it is no mapping, or holds what cannot travel.
    """
    if not isinstance(result, Mapping):
        raise InputError(f"{name} returned {type(result).__name__}: it must return a mapping of names")
    try:
        return encode(result)
    except InputError as error:
        raise InputError(f"{name} returned what cannot travel: {error}") from error


def failure_of(name: str, error: BaseException, *, rank: int) -> CollectiveError:
    """The error that stands for one which is not ours."""
    return CollectiveError(f"{name} failed on rank {rank}: {type(error).__name__}: {error}")


def _known_class(error: FiresideError) -> str:
    """The nearest class that every process knows."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in errors.__all__)


def _error_from(outcome: Outcome) -> FiresideError:
    kind = getattr(errors, outcome.error) if outcome.error in errors.__all__ else CollectiveError
    error: FiresideError = kind(outcome.message)
    error.add_note(f"On rank {outcome.rank}:\n{outcome.trace}")
    return error
