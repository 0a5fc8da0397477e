"""The thread that runs an engine's steps.

It lives while there is work: the first request starts it, and it ends when nothing is left. Only this thread
touches the scheduler and what hangs on it; others leave requests and cancellations for it, which it takes up
between two steps. Knows nothing about models.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Rows
from contextlib import contextmanager

from fireside.core.errors import EngineError, InputError
from fireside.lm.engine.piece import Event, Listener, Piece
from fireside.lm.engine.scheduler import Scheduler
from fireside.lm.engine.sequence import Sequence

__all__ = ["StepLoop"]

logger = logging.getLogger(__name__)


class StepLoop:
    """Runs steps, and tells listeners what came of them.

    Args:
        scheduler: what is to be done.
        step: does it; returns events of sequences.
    """

    def __init__(self, scheduler: Scheduler, step: Callable[[], list[tuple[Sequence, Event]]]) -> None:
        self._scheduler = scheduler
        self._step = step
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._arrived: list[Sequence] = []
        self._cancelled: list[Sequence] = []
        # Of every sequence that has neither ended nor been cancelled.
        self._listeners: dict[Sequence, Listener] = {}

    @property
    def num_unfinished(self) -> int:
        """Sequences that have neither ended nor been cancelled."""
        return len(self._listeners)

    def add(self, sequences: Rows[tuple[Sequence, Listener]]) -> None:
        """Run some sequences; they begin together."""
        with self._changed:
            for sequence, listener in sequences:
                self._listeners[sequence] = listener
                self._arrived.append(sequence)
            if self._thread is None and self._arrived:
                self._thread = threading.Thread(target=self._run, name="fireside-engine")
                self._thread.start()

    def cancel(self, sequence: Sequence) -> None:
        """Stop a sequence before the next step, if it has not ended; its listener is not told any more."""
        with self._changed:
            if self._listeners.pop(sequence, None) is not None:
                self._cancelled.append(sequence)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Keep steps from running; what arrives meanwhile waits.

        Raises:
            InputError: requests are running.
        """
        with self._changed:
            if self._listeners:
                raise InputError(
                    f"the engine is busy with {len(self._listeners)} requests: wait until they have ended"
                )
            self._changed.wait_for(lambda: self._thread is None)
            yield

    def _run(self) -> None:
        while self._take_up():
            try:
                events = self._step()
            except Exception as error:
                logger.exception("a step failed")
                events = self._give_up(error)
            for sequence, event in events:
                self._tell(sequence, event)

    def _take_up(self) -> bool:
        """Take requests and cancellations; whether there is anything to do."""
        with self._changed:
            for sequence in self._cancelled:
                if sequence in self._arrived:
                    self._arrived.remove(sequence)
                self._scheduler.drop(sequence)
            for sequence in self._arrived:
                self._scheduler.add(sequence)
            self._cancelled, self._arrived = [], []
            if self._scheduler.is_idle:
                self._thread = None
                self._changed.notify_all()
                return False
            return True

    def _give_up(self, error: Exception) -> list[tuple[Sequence, Event]]:
        """Drop everything: after an error nobody knows which caches are whole."""
        events: list[tuple[Sequence, Event]] = []
        for sequence in [*self._scheduler.running, *self._scheduler.waiting]:
            self._scheduler.drop(sequence)
            failure = EngineError(
                f"the engine failed ({type(error).__name__}: {error}) and gave this request up: send it again"
            )
            failure.__cause__ = error
            events.append((sequence, failure))
        return events

    def _tell(self, sequence: Sequence, event: Event) -> None:
        with self._changed:
            listener = self._listeners.get(sequence)
            if not isinstance(event, Piece):
                self._listeners.pop(sequence, None)
        if listener is None:
            return
        try:
            listener(event)
        except Exception:
            logger.exception("a listener failed; its request is cancelled")
            self.cancel(sequence)
