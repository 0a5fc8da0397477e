"""`BuildSettings`: how texts become the tokens of a domain."""

from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["BuildSettings"]


@config
class BuildSettings:
    """How texts become tokens.

    Attributes:
        vocab_size: every token id is below; decides whether a token takes two bytes or four.
        tokenizer: a name or digest of what `encode` does; domains of one mixture must agree in it.
        separator: a token put after every document, such as the end-of-text token.
        shard_tokens: a shard is closed by the document that reaches this many tokens.

    Raises:
        ConfigError: a size out of range, or a separator that is not in the vocabulary.
    """

    vocab_size: int
    tokenizer: str = ""
    separator: int | None = None
    shard_tokens: int = 2**26

    def __post_init__(self) -> None:
        if not 1 <= self.vocab_size <= 2**31:
            raise ConfigError(f"vocab_size must be from 1 to 2^31, got {self.vocab_size}")
        if self.separator is not None and not 0 <= self.separator < self.vocab_size:
            raise ConfigError(f"separator {self.separator} is not below the vocabulary of {self.vocab_size}")
        if self.shard_tokens < 1:
            raise ConfigError(f"shard_tokens must be at least 1, got {self.shard_tokens}")
