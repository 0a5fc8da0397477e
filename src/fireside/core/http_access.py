"""Who may come in to an HTTP server: who has its key; without a key, who asks this machine by its own name.

A web page elsewhere can have its own name point to this machine (DNS rebinding). Its requests then come from
this machine, but bear that name in `Host`. Knows nothing about frameworks: it is given the headers.
"""

import hmac
from dataclasses import dataclass
from ipaddress import ip_address

__all__ = ["Refusal", "is_loopback", "refusal_of"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in.

    Attributes:
        status: the HTTP status, 401 or 403.
        message: what was given, and what to do.
    """

    status: int
    message: str


def refusal_of(
    api_key: str | None, *, host: str, authorization: str, is_open: bool = False
) -> Refusal | None:
    """Why a request is not let in; `None` where it is.

    Args:
        api_key: what clients must send, or `None`: then the server is for this machine alone.
        host: the header `Host`, or nothing.
        authorization: the header `Authorization`, or nothing.
        is_open: whether the path needs no key.

    >>> refusal_of("correct horse", host="example.org", authorization="bearer correct horse")
    >>> refusal_of(None, host="localhost:8400", authorization="")
    >>> refusal_of(None, host="example.org", authorization="").status
    403
    """
    if api_key is None:
        if is_loopback(_without_port(host)):
            return None
        return Refusal(403, f"the server answers to this machine's own names only, not to {host!r}")
    if is_open:
        return None
    # Schemes are written in any case: RFC 9110, section 11.1.
    scheme, _, key = authorization.partition(" ")
    if not key or scheme.lower() != "bearer":
        return Refusal(401, "the API key is missing: send 'Authorization: Bearer KEY'")
    if hmac.compare_digest(key.strip().encode(), api_key.encode()):
        return None
    return Refusal(401, "the API key is not the one that this server was started with")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, reachable from nowhere else.

    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "example.org", "")]
    [True, True, True, False, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    """The name in a `Host` header.

    >>> _without_port("localhost:80"), _without_port("[::1]:80"), _without_port("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
