"""How answers are written: what all kinds have in common."""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from fireside.core.protocols import Sample
from fireside.lm.engine.piece import Piece

__all__ = ["AnswerWriter"]


class AnswerWriter(ABC):
    """Writes the objects of one answer, whole or in a stream.

    Args:
        model: the model's name.
        fingerprint: changes when the weights do.
        prefix: of the answer's id.
        kinds: the objects' names, whole and in a stream.
    """

    def __init__(self, model: str, fingerprint: str, prefix: str, kinds: tuple[str, str]) -> None:
        self._kinds = kinds
        self._head = {
            "id": f"{prefix}-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": fingerprint,
        }

    @abstractmethod
    def opening(self, num_choices: int) -> list[dict[str, Any]]:
        """What a stream begins with."""

    @abstractmethod
    def step(self, index: int, event: Piece | Sample) -> list[dict[str, Any]]:
        """What an event adds to a stream."""

    @abstractmethod
    def choice(self, index: int, pieces: Sequence[Piece], sample: Sample) -> dict[str, Any]:
        """One choice of a whole answer; `pieces` are there if log-probabilities were asked for."""

    def whole(self, choices: Sequence[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
        """A whole answer."""
        return {**self._head, "object": self._kinds[0], "choices": list(choices), "usage": usage}

    def chunk(self, choices: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """An object of a stream."""
        return {**self._head, "object": self._kinds[1], "choices": list(choices), **more}
