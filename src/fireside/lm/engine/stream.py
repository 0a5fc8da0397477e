"""An answer, read while it is written."""

import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType

from fireside.core.errors import InputError
from fireside.core.protocols import Sample
from fireside.lm.engine.piece import Event, Piece

__all__ = ["Stream"]


class Stream(Iterator[Piece]):
    """The pieces of an answer, one a token, as they come.

    Leaving its `with` block, or forgetting it, before the end cancels the request. Made by `Engine.stream`.

    Args:
        events: what the engine tells; `None` after cancellation.
        cancel: stops the request; must not keep the stream alive.
    """

    def __init__(self, events: SimpleQueue[Event | None], cancel: Callable[[], None]) -> None:
        self._events = events
        self._cancel = weakref.finalize(self, cancel)
        self._sample: Sample | None = None
        self._has_ended = False

    def __next__(self) -> Piece:
        if self._has_ended:
            raise StopIteration
        event = self._events.get()
        if isinstance(event, Piece):
            return event
        self._has_ended = True
        self._cancel.detach()
        if isinstance(event, Exception):
            raise event
        self._sample = event
        raise StopIteration

    def sample(self) -> Sample:
        """The whole sample, once it has ended; pieces that have not been read are passed over.

        Raises:
            InputError: the request was cancelled, or has failed before.
        """
        for _ in self:
            pass
        if self._sample is None:
            raise InputError("the request was cancelled or has failed: there is no sample")
        return self._sample

    def cancel(self) -> None:
        """Stop the request and free its memory before the next step; iteration ends."""
        self._cancel()
        self._events.put(None)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
