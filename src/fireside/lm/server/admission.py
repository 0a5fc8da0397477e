"""How many choices are on their way; one more than the server allows is refused."""

from fireside.lm.server.api_error import ApiError

__all__ = ["Admission"]

_RETRY_AFTER_S = 1


class Admission:
    """Counts choices from their request to their end. Used from one event loop.

    Args:
        capacity: choices that may run and wait.

    >>> admission = Admission(2)
    >>> admission.enter(2)
    >>> admission.enter(1)
    Traceback (most recent call last):
    fireside.lm.server.api_error.ApiError: the server is busy with 2 answers: try again later
    >>> admission.leave(2)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.num_inside = 0

    def enter(self, count: int) -> None:
        """Let a request with so many choices in.

        Raises:
            ApiError: 429 with Retry-After where there is no room now, 400 where there never is.
        """
        if count > self.capacity:
            raise ApiError(
                400, f"{count} answers are wanted at once, this server has room for {self.capacity}"
            )
        if self.num_inside + count > self.capacity:
            raise ApiError(
                429,
                f"the server is busy with {self.num_inside} answers: try again later",
                code="queue_full",
                headers={"Retry-After": str(_RETRY_AFTER_S)},
            )
        self.num_inside += count

    def leave(self, count: int) -> None:
        """Note that choices have ended."""
        self.num_inside -= count
        assert self.num_inside >= 0
