"""Compression: when the history has grown too long, the model rewrites it as a summary and goes on from that.

The summary is written by the policy, so it is trained like everything else, by the outcome of the rollout.
Established facts, open guesses and tried queries are asked for apart, because a summary that mixes them turns
a guess into a fact (KARL, arXiv 2603.05218).
"""

from collections.abc import Sequence

from fireside.agents.actions import Search
from fireside.agents.plugins.plugin import Rewrite, RolloutState
from fireside.agents.types import RolloutEnd, Turn
from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["Compression"]

INSTRUCTION = (
    "Your notes so far will be deleted. Write what you need to go on, in three lines:\n"
    "Facts: what the documents said, with [document]\n"
    "Open: guesses and what is still missing\n"
    "Tried: queries already used"
)


@config
class Compression:
    """Replaces the history by a summary when it passes a number of tokens.

    Attributes:
        max_history_tokens: of the present segment beyond its opening, up to the model's last turn. The
            context must hold the opening, this, one more result and the summary.
        summary_tokens: the longest summary.
    """

    max_history_tokens: int = 4096
    summary_tokens: int = 256

    def __post_init__(self) -> None:
        if self.summary_tokens < 1 or self.max_history_tokens <= self.summary_tokens:
            raise ConfigError(
                f"summary_tokens is {self.summary_tokens} and max_history_tokens {self.max_history_tokens}: "
                "a summary has at least 1 token and fewer than the history"
            )

    def note(self, state: RolloutState) -> str:
        """Nothing."""
        return ""

    def refuse(self, state: RolloutState, search: Search) -> str:
        """Lets every search pass."""
        return ""

    def end(self, state: RolloutState) -> RolloutEnd | None:
        """Never ends a rollout."""
        return None

    def rewrite(self, state: RolloutState) -> Rewrite | None:
        """Asks for a summary when the segment has grown past the limit."""
        opened = len(state.steps[0].prompt_tokens) if state.steps else len(state.tokens)
        if len(state.tokens) - opened <= self.max_history_tokens:
            return None
        return Rewrite(INSTRUCTION, self.summary_tokens)

    def reopen(self, state: RolloutState, summary: str) -> Sequence[Turn]:
        """The rollout's opening, with the summary under the question."""
        *before, asked = state.opening
        notes = summary.strip() or "(none)"
        return (*before, Turn(role=asked.role, content=f"{asked.content}\nYour notes so far:\n{notes}"))
