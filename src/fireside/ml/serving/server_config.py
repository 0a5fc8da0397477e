"""What a server of predictions allows."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.core.http_access import is_loopback
from fireside.ml.serving.number_types import NumberType

__all__ = ["PredictionServerConfig", "check_host", "stated_types"]


@config
class PredictionServerConfig:
    """Limits of a server.

    Attributes:
        api_key: what clients send as bearer token; `None` lets everyone in, which is only for loopback.
        outputs: the columns of an answer; `None` gives those that no stage of the pipeline reads.
        types: what the numbers of columns are, `double` or `long`, where the model does not tell
            (`number_types`).
        max_rows: of one request.
        max_vector_entries: of the sparse vectors of one request, zeros included, which a stage may write out.
        max_body_bytes: of one request.
        body_timeout_s: seconds in which a request's body must have arrived.

    Raises:
        ConfigError: a limit that lets nothing through, or a key that is no key.
    """

    api_key: str | None = None
    outputs: tuple[str, ...] | None = None
    types: Mapping[str, NumberType] = field(default_factory=dict)
    max_rows: int = 10_000
    max_vector_entries: int = 1 << 22
    max_body_bytes: int = 4 << 20
    body_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        for name in ("max_rows", "max_vector_entries", "max_body_bytes", "body_timeout_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be more than 0, got {getattr(self, name)}")
        for name, kind in self.types.items():
            if kind not in ("double", "long"):
                raise ConfigError(f"the numbers of column {name!r} are 'double' or 'long', got {kind!r}")
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
    if limits.api_key is None and not is_loopback(host):
        raise ConfigError(
            f"{host} can be reached from other machines: set an API key, or listen on 127.0.0.1"
        )


def stated_types(given: Sequence[str]) -> dict[str, NumberType]:
    """The types of columns, as the command line states them.

    Raises:
        ConfigError: something else than `COLUMN=double` or `COLUMN=long`.

    >>> stated_types(["x=double", "id=long"])
    {'x': 'double', 'id': 'long'}
    """
    found: dict[str, NumberType] = {}
    for one in given:
        name, _, kind = one.rpartition("=")
        if not name or kind not in ("double", "long"):
            raise ConfigError(f"--type is COLUMN=double or COLUMN=long, got {one!r}")
        found[name] = "double" if kind == "double" else "long"
    return found
