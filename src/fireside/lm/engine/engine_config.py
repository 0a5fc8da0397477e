"""How much an engine may hold and do at once."""

from dataclasses import field

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.lm.engine.kv_format import KVFormat
from fireside.lm.engine.weight_format import WEIGHT_FORMATS, WeightFormat

__all__ = ["EngineConfig"]


@config
class EngineConfig:
    """Limits of an engine.

    Attributes:
        model_name: for reports.
        max_sequences: sequences that run at once; further ones wait.
        max_batch_tokens: tokens of one step, prompts and new ones together; prompts longer than what is free
            are read in several steps.
        kv_cache_bytes: memory for keys and values, running sequences and remembered prefixes together.
        kv_format: how keys and values are stored.
        weights: how the model's matrices are stored: `"int8"` takes a quarter of the memory and of the time
            that reading them costs, and rounds them.
        remember_prefixes: whether finished sequences stay in the cache, for requests that begin like them.
        num_draft_tokens: tokens of each sequence that are guessed from its own past and verified together in
            one step; 0 guesses nothing. What is drawn stays the same.

    Raises:
        ConfigError: a limit that leaves no room to run anything.
    """

    model_name: str = "fireside"
    max_sequences: int = 32
    max_batch_tokens: int = 512
    kv_cache_bytes: int = 2 << 30
    kv_format: KVFormat = field(default_factory=KVFormat)
    weights: WeightFormat = "fp32"
    remember_prefixes: bool = True
    num_draft_tokens: int = 0

    def __post_init__(self) -> None:
        for name in ("max_sequences", "kv_cache_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.weights not in WEIGHT_FORMATS:
            raise ConfigError(f"weights must be one of {', '.join(WEIGHT_FORMATS)}, got {self.weights!r}")
        if self.num_draft_tokens < 0:
            raise ConfigError(f"num_draft_tokens must be 0 (no guesses) or more, got {self.num_draft_tokens}")
        if self.max_batch_tokens <= self.max_sequences:
            raise ConfigError(
                f"max_batch_tokens ({self.max_batch_tokens}) must exceed max_sequences "
                f"({self.max_sequences}), or prompts could not be read while all sequences run"
            )
