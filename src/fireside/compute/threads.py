"""A function over a sequence, by the threads of this process, with the results in order.

NumPy, Arrow and compiled kernels let go of the interpreter while they work, so that threads use all cores.
Results are those of a loop, to the last bit, and so is the first error: what comes after it is not awaited.
"""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

__all__ = ["map_in_order", "num_threads"]

T = TypeVar("T")
R = TypeVar("R")


def num_threads() -> int:
    """How many threads work: `OMP_NUM_THREADS` where it is set, as on Spark's executors, else the cores.

    >>> num_threads() >= 1
    True
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(int(wanted), 1) if wanted.isdecimal() else len(os.sched_getaffinity(0))


def map_in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of a function, in the order of the items.

    Each thread has one item in hand, and works in the caller's context (such as NumPy's `errstate`). The
    items are taken from their iterator by the caller's thread alone. A single item, or a single thread,
    starts no threads.

    Args:
        function: must not depend on the order in which it is called.
        items: read only as far as there are threads to work on them.

    >>> list(map_in_order(abs, [-3, 2, -1]))
    [3, 2, 1]
    """
    threads, waiting = num_threads(), iter(items)
    first = list(itertools.islice(waiting, 2))
    if len(first) < 2 or threads < 2:
        yield from map(function, itertools.chain(first, waiting))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="fireside") as pool:
        running: deque[Future[R]] = deque()
        try:
            for item in itertools.chain(first, waiting):
                if len(running) == threads:
                    yield running.popleft().result()
                running.append(pool.submit(copy_context().run, function, item))
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
