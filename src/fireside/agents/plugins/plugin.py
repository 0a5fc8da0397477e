"""The fixed points at which a plugin may step into a rollout.

Plugins see the state and answer questions about it; only the environment changes it. Their order counts: the
first one that refuses, ends or rewrites is the one that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from fireside.agents.actions import Search
from fireside.agents.types import RolloutEnd, Segment, Step, Task, Turn
from fireside.core.protocols import Message

__all__ = ["Plugin", "Rewrite", "RolloutState"]


@dataclass(slots=True)
class RolloutState:
    """A rollout so far.

    Attributes:
        task: what is asked.
        opening: the turns that the rollout was started with.
        segment_opening: those that opened the present segment.
        segments: closed segments.
        steps: steps of the present segment.
        tokens: tokens of the present segment.
        pending: messages that the model has not been shown yet.
        num_steps: turns the model has taken, summaries not counted.
        num_searches: searches that were carried out.
        num_invalid: turns without a valid action.
    """

    task: Task
    opening: tuple[Turn, ...]
    segment_opening: tuple[Turn, ...] = ()
    pending: list[Message] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    num_steps: int = 0
    num_searches: int = 0
    num_invalid: int = 0


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A request to replace the history by a summary that the model writes.

    Attributes:
        instruction: what the model is told, after everything else.
        max_tokens: the longest summary.
    """

    instruction: str
    max_tokens: int


@runtime_checkable
class Plugin(Protocol):
    """Steps into a rollout at four points; each method may decline."""

    def note(self, state: RolloutState) -> str:
        """A line that the model reads under the next search result; empty for none."""
        ...

    def refuse(self, state: RolloutState, search: Search) -> str:
        """Why a search is not carried out, as the model is told; empty to let it pass."""
        ...

    def end(self, state: RolloutState) -> RolloutEnd | None:
        """Why the rollout ends before another turn of the model."""
        ...

    def rewrite(self, state: RolloutState) -> Rewrite | None:
        """Whether the history is to be compressed before another turn of the model."""
        ...

    def reopen(self, state: RolloutState, summary: str) -> Sequence[Turn]:
        """The turns that open the next segment, after this plugin's `rewrite` gave `summary`."""
        ...
