"""The end of a process that was told to stop and does not, because a call in it keeps Python's lock.

Python runs its handlers of signals between its own instructions, so a call that keeps the lock, such as a
regular expression that backtracks without end, holds up every one of them. C code writes a signal's number
into a pipe at once (`signal.set_wakeup_fd`). A small process reads it there, waits, and kills the first.
"""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ended_by_force"]


@contextmanager
def ended_by_force(seconds: float) -> Iterator[None]:
    """Have this process killed where it is still in the block so many seconds after SIGTERM or Ctrl-C.

    To be entered in the main thread, before others begin: it forks.
    """
    process = os.getpid()
    reader, writer = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        try:
            # What else is open is not to stay open for it, such as the ends of others' pipes.
            os.closerange(3, reader)
            os.closerange(reader + 1, os.sysconf("SC_OPEN_MAX"))
            _watch(reader, process, seconds)
        finally:
            os._exit(0)
    os.close(reader)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)
        os.waitpid(watcher, 0)


def _watch(reader: int, process: int, seconds: float) -> None:
    """Read the numbers of signals until the process has ended, or has been told to and has not."""
    # Ctrl-C goes to all processes of a terminal, SIGTERM often to all of a service; the end of the pipe is
    # what ends this one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end: float | None = None
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            os.write(2, b"a prediction has not ended in time: the server is killed\n")
            os.kill(process, signal.SIGKILL)
            return
        told = os.read(reader, 64)
        if not told:
            return
        if end is None and not {signal.SIGTERM, signal.SIGINT}.isdisjoint(told):
            end = time.monotonic() + seconds
