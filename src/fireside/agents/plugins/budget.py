"""The step budget: how often the model may search and speak, told to the model with every search result.

Not told with the question: a model of a hundred million parameters takes "Searches left: 2" there for part of
what it is asked, and searches for "2".
"""

from collections.abc import Sequence

from fireside.agents.actions import Search
from fireside.agents.plugins.plugin import Rewrite, RolloutState
from fireside.agents.types import RolloutEnd, Turn
from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["StepBudget"]

LAST = 'No searches left. Write "Answer:" now.'


@config
class StepBudget:
    """Limits of a rollout.

    Attributes:
        max_searches: searches that are carried out; a further one is refused.
        max_steps: turns of the model, whatever they hold.

    >>> StepBudget(max_searches=1, max_steps=3).max_steps
    3
    """

    max_searches: int = 2
    max_steps: int = 4

    def __post_init__(self) -> None:
        if self.max_searches < 0:
            raise ConfigError(f"max_searches is {self.max_searches}: give 0 or more")
        if self.max_steps <= self.max_searches:
            raise ConfigError(
                f"max_steps is {self.max_steps} and max_searches {self.max_searches}: "
                "leave a step for the answer"
            )

    def searches_left(self, state: RolloutState) -> int:
        """Searches that would be carried out; the last step is for the answer."""
        return max(0, min(self.max_searches - state.num_searches, self.max_steps - state.num_steps - 1))

    def note(self, state: RolloutState) -> str:
        """What is left."""
        left = self.searches_left(state)
        return f"Searches left: {left}" if left else LAST

    def refuse(self, state: RolloutState, search: Search) -> str:
        """Refuses a search when none is left."""
        return "" if self.searches_left(state) else LAST

    def end(self, state: RolloutState) -> RolloutEnd | None:
        """Ends the rollout after the last step."""
        return RolloutEnd.OUT_OF_STEPS if state.num_steps >= self.max_steps else None

    def rewrite(self, state: RolloutState) -> Rewrite | None:
        """Never."""
        return None

    def reopen(self, state: RolloutState, summary: str) -> Sequence[Turn]:
        """The rollout's own opening; not asked, since this plugin never rewrites."""
        return state.opening
