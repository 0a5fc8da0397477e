"""Threads that share the parts of compiled loops, and are still awake when the next loop begins.

A step of a small model is some two hundred loops of less than a millisecond. The usual pools put their
threads to sleep between two loops, OpenMP's too as soon as more than one thread of the process has a pool:
then waking one takes longer than the loop. Here a helper asks for work for a millisecond or two, and gives
the processor to whoever else wants it, before it goes to sleep. Parts are dealt as they are asked for, the
caller's thread among those who ask: nobody waits for a helper that has not come.
"""

import atexit
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from fireside.core.extras import require

__all__ = ["Recording", "kernel", "record", "share", "typed_array"]

numba = require("numba", extra="lm")

from llvmlite import ir  # noqa: E402  (comes with numba)
from numba.core import cgutils  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

# Words of the board, int64. What several threads write has a line of its own.
# The ticket is the loop's number, how many parts it has, and how many are dealt.
_TICKET, _FINISHED, _ASLEEP, _KERNEL, _ARGUMENTS, _HELPERS, _WORDS = 0, 8, 16, 24, 25, 26, 32
_PARTS_BITS = 20
_MOST_PARTS = (1 << _PARTS_BITS) - 1
_MOST_ARGUMENTS = 32
# How often a helper asks for work before it sleeps: for a millisecond or two, where nobody else wants to run.
_PATIENCE = 4000


def kernel(function: Callable[[Any, int], None]) -> Callable[[], int]:
    """Compiles a function of arguments and the number of a part when it is first asked for.

    Args:
        function: compiled already; takes int64[A], as `share` is given them, and the part.

    Returns:
        Gives the address of its code.
    """

    def call(address: int, part: int) -> None:
        function(typed_array(address, _MOST_ARGUMENTS, np.int64), part)

    @functools.cache
    def code() -> Any:
        return numba.cfunc("void(int64, int64)")(call)

    return lambda: int(code().address)


def share(code: int, arguments: Any, num_parts: int, *, using: tuple[object, ...] = ()) -> None:
    """Run all parts of a loop, on as many threads as torch has; one loop at a time.

    Within `record` the loop is noted instead, and runs when the recording does.

    Args:
        code: from a `kernel`.
        arguments: int64[A], addresses and numbers, at most 32.
        num_parts: how many there are; they run in any order.
        using: what lies at the addresses; a recording keeps it.
    """
    assert len(arguments) <= _MOST_ARGUMENTS
    assert num_parts <= _MOST_PARTS
    recording: Recording | None = getattr(_NOTING, "recording", None)
    if recording is not None:
        recording.add(code, arguments, num_parts, using)
        return
    _TEAM.run(
        np.array([code]),
        np.array([arguments.ctypes.data]),
        np.array([num_parts]),
        num_helpers=torch.get_num_threads() - 1,
    )


class Recording:
    """Loops that run one after the other in a single call, as often as wanted."""

    def __init__(self) -> None:
        self._codes: list[int] = []
        self._arguments: list[Any] = []
        self._nums_parts: list[int] = []
        self._using: list[object] = []

    def add(self, code: int, arguments: Any, num_parts: int, using: tuple[object, ...]) -> None:
        """Note a loop; arguments as of `share`."""
        self._codes.append(code)
        self._arguments.append(arguments)
        self._nums_parts.append(num_parts)
        self._using.append(using)

    def run(self) -> None:
        """Run all loops, each when the one before has ended."""
        _TEAM.run(*self._program, num_helpers=torch.get_num_threads() - 1)

    @functools.cached_property
    def _program(self) -> tuple[Any, Any, Any]:
        addresses = [one.ctypes.data for one in self._arguments]
        return np.array(self._codes), np.array(addresses), np.array(self._nums_parts)


_NOTING = threading.local()


@contextmanager
def record() -> Iterator[Recording]:
    """Note the loops that this thread shares, without running them."""
    _NOTING.recording = Recording()
    try:
        yield _NOTING.recording
    finally:
        _NOTING.recording = None


class _Team:
    """The helpers of this process, and the board that they look at."""

    def __init__(self) -> None:
        self._board = np.zeros(_WORDS, np.int64)
        self._busy = threading.Lock()
        self._bells: list[threading.Event] = []

    def run(self, codes_L: Any, arguments_L: Any, nums_parts_L: Any, *, num_helpers: int) -> None:
        """Run loops, each int64[L]."""
        with self._busy:
            self._board[_HELPERS] = num_helpers
            while len(self._bells) < num_helpers:
                self._hire()
            if self._board[_ASLEEP]:
                for bell in self._bells[:num_helpers]:
                    bell.set()
            _run_all(self._board, codes_L, arguments_L, nums_parts_L)

    def send_to_sleep(self) -> None:
        """Wait, for a second at most, until no helper runs compiled code, whose memory goes at the end."""
        end = time.monotonic() + 1
        while self._board[_ASLEEP] < len(self._bells) and time.monotonic() < end:
            time.sleep(0.001)

    def _hire(self) -> None:
        bell, place = threading.Event(), len(self._bells)
        self._bells.append(bell)
        threading.Thread(
            target=self._help, args=(place, bell), name=f"fireside-helper-{place}", daemon=True
        ).start()

    def _help(self, place: int, bell: threading.Event) -> None:
        while True:
            _help(self._board, place)
            bell.wait()
            bell.clear()
            _add(self._board, _ASLEEP, -1)


_TEAM = _Team()


def _forget_threads() -> None:
    global _TEAM
    _TEAM = _Team()


atexit.register(lambda: _TEAM.send_to_sleep())
os.register_at_fork(after_in_child=_forget_threads)


@intrinsic
def _pointer(context, address):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return numba.types.voidptr(address), generate


@numba.njit(inline="always")
def typed_array(address, size, dtype):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """The array of so many numbers at an address; for kernels."""
    return numba.carray(_pointer(address), (size,), dtype)


def _word(context, builder, signature, arguments) -> Any:  # type: ignore[no-untyped-def]
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.gep(data, [arguments[1]])


@intrinsic
def _read(context, board, word):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load_atomic(_word(context, builder, signature, arguments), "seq_cst", 8)

    return numba.types.int64(board, word), generate


@intrinsic
def _write(context, board, word, value):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        place = _word(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], place, "seq_cst", 8)
        return context.get_dummy_value()

    return numba.types.void(board, word, numba.types.int64), generate


@intrinsic
def _add_to(context, board, word, value):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        place = _word(context, builder, signature, arguments)
        return builder.atomic_rmw("add", place, arguments[2], "seq_cst")

    return numba.types.int64(board, word, numba.types.int64), generate


@intrinsic
def _replace(context, board, word, expected, value):  # type: ignore[no-untyped-def]
    """Whether the word was as expected, and has been replaced."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        place = _word(context, builder, signature, arguments)
        outcome = builder.cmpxchg(place, arguments[2], arguments[3], "seq_cst", "seq_cst")
        return builder.extract_value(outcome, 1)

    int64 = numba.types.int64
    return numba.types.boolean(board, word, int64, int64), generate


@intrinsic
def _call(context, code, arguments_at, part):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        i64 = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [i64, i64]).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kind), arguments[1:])
        return context.get_dummy_value()

    int64 = numba.types.int64
    return numba.types.void(int64, int64, int64), generate


@intrinsic
def _give_way(context):  # type: ignore[no-untyped-def]
    """Let another thread have the processor, if one wants it."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return numba.types.void(), generate


@numba.njit(cache=True, nogil=True)
def _add(board, word, value):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    _add_to(board, word, value)


@numba.njit(cache=True, nogil=True)
def _take_parts(board):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """Work for as long as there are parts; whether there was one."""
    has_worked = False
    while True:
        ticket = _read(board, _TICKET)
        part = ticket & _MOST_PARTS
        if part >= (ticket >> _PARTS_BITS) & _MOST_PARTS:
            return has_worked
        # These belong to the ticket if it is still there when the part is taken: the loop cannot end before.
        code, arguments = _read(board, _KERNEL), _read(board, _ARGUMENTS)
        if _replace(board, _TICKET, ticket, ticket + 1):
            _call(code, arguments, part)
            _add_to(board, _FINISHED, 1)
            has_worked = True


@numba.njit(cache=True, nogil=True)
def _run(board, code, arguments, num_parts):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    number = (_read(board, _TICKET) >> (2 * _PARTS_BITS)) + 1
    _write(board, _KERNEL, code)
    _write(board, _ARGUMENTS, arguments)
    _write(board, _FINISHED, 0)
    number &= (1 << (62 - 2 * _PARTS_BITS)) - 1
    _write(board, _TICKET, (number << (2 * _PARTS_BITS)) | (num_parts << _PARTS_BITS))
    _take_parts(board)
    while _read(board, _FINISHED) < num_parts:
        pass


@numba.njit(cache=True, nogil=True)
def _run_all(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    board, codes_L, arguments_L, nums_parts_L
):
    for loop in range(len(codes_L)):
        _run(board, codes_L[loop], arguments_L[loop], nums_parts_L[loop])


@numba.njit(cache=True, nogil=True)
def _help(board, place):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """Work until nothing has been there for a while."""
    waited = 0
    while waited < _PATIENCE:
        if place < _read(board, _HELPERS) and _take_parts(board):
            waited = 0
        _give_way()
        waited += 1
    _add_to(board, _ASLEEP, 1)
