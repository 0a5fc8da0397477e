"""What a server allows."""

from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["ServerConfig"]


@config
class ServerConfig:
    """Limits of a server.

    Attributes:
        api_key: what clients send as bearer token; `None` lets everyone in, which is only for loopback.
        max_tokens: of one answer; also what an answer gets whose request names no number.
        max_waiting: choices that may wait beyond those that the engine runs; further requests get 429.
        max_choices: of one request, prompts times `n`.
        max_body_bytes: of one request.
        body_timeout_s: seconds in which a request's body must have arrived.
        stop_timeout_s: seconds that running answers get to end when the server stops.

    Raises:
        ConfigError: a limit that lets nothing through, or an empty key.
    """

    api_key: str | None = None
    max_tokens: int = 2048
    max_waiting: int = 64
    max_choices: int = 16
    max_body_bytes: int = 4 << 20
    body_timeout_s: float = 30.0
    stop_timeout_s: int = 60

    def __post_init__(self) -> None:
        for name in ("max_tokens", "max_choices", "max_body_bytes", "body_timeout_s", "stop_timeout_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be more than 0, got {getattr(self, name)}")
        if self.max_waiting < 0:
            raise ConfigError(f"max_waiting must be at least 0, got {self.max_waiting}")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigError("the API key must be printable ASCII: it travels in a header")
        if self.api_key is not None and len(self.api_key) < 8:
            raise ConfigError(f"the API key has {len(self.api_key)} characters: give at least 8")
