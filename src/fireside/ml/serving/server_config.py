"""What a server of predictions allows."""

import ipaddress

from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["PredictionServerConfig", "check_host"]


@config
class PredictionServerConfig:
    """Limits of a server.

    Attributes:
        api_key: what clients send as bearer token; `None` lets everyone in, which is only for loopback.
        outputs: the columns of an answer; `None` gives those that no stage of the pipeline reads.
        max_rows: of one request.
        max_body_bytes: of one request.
        body_timeout_s: seconds in which a request's body must have arrived.

    Raises:
        ConfigError: a limit that lets nothing through, or a key that is no key.
    """

    api_key: str | None = None
    outputs: tuple[str, ...] | None = None
    max_rows: int = 10_000
    max_body_bytes: int = 4 << 20
    body_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        for name in ("max_rows", "max_body_bytes", "body_timeout_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be more than 0, got {getattr(self, name)}")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigError("the API key must be printable ASCII: it travels in a header")
        if self.api_key is not None and len(self.api_key) < 8:
            raise ConfigError(f"the API key has {len(self.api_key)} characters: give at least 8")


def check_host(host: str, limits: PredictionServerConfig) -> None:
    """Refuse to listen to other machines without a key.

    Raises:
        ConfigError: the address is no loopback address, and there is no key.

    >>> check_host("127.0.0.1", PredictionServerConfig())
    >>> check_host("0.0.0.0", PredictionServerConfig())
    Traceback (most recent call last):
    fireside.core.errors.ConfigError: 0.0.0.0 can be reached from other machines: set an API key, or ...
    """
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback and limits.api_key is None:
        raise ConfigError(
            f"{host} can be reached from other machines: set an API key, or listen on 127.0.0.1"
        )
