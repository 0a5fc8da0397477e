"""The choices of one request while the engine runs them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from collections.abc import Sequence as Rows
from functools import partial

from fireside.core.protocols import Sample, SampleRequest
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.piece import Event, Piece

__all__ = ["Choices"]


class Choices:
    """Runs requests on the engine, and passes on what comes of them to an event loop.

    Args:
        engine: runs them.
        with_pieces: whether pieces are wanted, or the ends alone.
    """

    def __init__(self, engine: Engine, *, with_pieces: bool) -> None:
        self._engine = engine
        self._with_pieces = with_pieces
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
        self._lock = threading.Lock()
        self._cancels: list[Callable[[], None]] = []
        self._is_cancelled = False
        self._num_running = 0

    def submit(self, requests: Rows[SampleRequest]) -> None:
        """Begin all requests. Compiling grammars takes time: call it from another thread than the loop's.

        Raises:
            As `Engine.submit`; what has begun before is cancelled.
        """
        self._num_running = len(requests)
        try:
            for index, request in enumerate(requests):
                cancel = self._engine.submit(
                    request, partial(self._pass_on, index), with_pieces=self._with_pieces
                )
                with self._lock:
                    self._cancels.append(cancel)
        except BaseException:
            self.cancel()
            raise
        if self._is_cancelled:  # while they were being submitted
            self.cancel()

    def cancel(self) -> None:
        """Stop what has not ended, from any thread."""
        with self._lock:
            self._is_cancelled = True
            cancels, self._cancels = self._cancels, []
        for cancel in cancels:
            cancel()

    async def events(self) -> AsyncIterator[tuple[int, Piece | Sample]]:
        """What comes, each with the index of its request, until all have ended.

        Raises:
            The error that one of them ended with.
        """
        while self._num_running:
            index, event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            if isinstance(event, Sample):
                self._num_running -= 1
            yield index, event

    def _pass_on(self, index: int, event: Event) -> None:
        self._loop.call_soon_threadsafe(self._events.put_nowait, (index, event))
