"""How busy an engine is at a moment."""

from dataclasses import dataclass

__all__ = ["EngineLoad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLoad:
    """How busy an engine is.

    Attributes:
        num_running: sequences that hold memory.
        num_waiting: sequences that have not begun, or gave up their memory for others.
        num_preemptions: how often a sequence has done so.
        kv_bytes: memory for keys and values that is held, running sequences and remembered prefixes together.
        kv_capacity_bytes: all there is.
        num_computed_tokens: tokens that have gone through the model so far.
        num_drafted_tokens: guessed ones among them.
        num_accepted_tokens: guessed ones that were drawn.
    """

    num_running: int
    num_waiting: int
    num_preemptions: int
    kv_bytes: int
    kv_capacity_bytes: int
    num_computed_tokens: int
    num_drafted_tokens: int
    num_accepted_tokens: int
