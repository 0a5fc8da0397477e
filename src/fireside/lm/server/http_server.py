"""A server on a port, until it is told to stop."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from fireside.core.errors import ConfigError, InputError
from fireside.core.http_access import is_loopback
from fireside.lm.engine.engine import Engine
from fireside.lm.server.app import make_app
from fireside.lm.server.server_config import ServerConfig

__all__ = ["HttpServer", "check_host"]

_BACKLOG = 2048


class HttpServer:
    """An engine behind an address. The port is taken at once; `run` answers what comes to it.

    Args:
        engine: runs the model.
        config: limits.
        host: an address of this machine; others than loopback need an API key.
        port: 0 takes any that is free.

    Attributes:
        url: where it is.

    Raises:
        ConfigError: a host that others can reach, without an API key.
        InputError: the address cannot be used.
    """

    def __init__(
        self, engine: Engine, config: ServerConfig, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        check_host(host, config)
        self._listener = _listen(host, port)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._listener.getsockname()[1]}"
        self._server = _Server(
            uvicorn.Config(
                make_app(engine, config),
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=config.stop_timeout_s,
            )
        )

    def run(self, on_start: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM, Ctrl-C or `stop`; then refuse new requests and finish those that run.

        Args:
            on_start: called when requests are answered.
        """
        self._server.on_start = on_start
        try:
            with _sigterm_is_no_error():
                self._server.run(sockets=[self._listener])
        finally:
            self._listener.close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is there."""

    on_start: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_start()


def check_host(host: str, config: ServerConfig) -> None:
    """Refuse to listen where others can reach the server without a key.

    Raises:
        ConfigError: they can.
    """
    if config.api_key is None and not is_loopback(host):
        raise ConfigError(
            f"{host} can be reached from other machines: give an API key (FIRESIDE_API_KEY), or serve on "
            "127.0.0.1"
        )


@contextmanager
def _sigterm_is_no_error() -> Iterator[None]:
    """uvicorn raises a signal again after it has stopped in good order: this one is then heard by nobody."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # By this number asyncio knows TCP, and has it send at once; else a token waits for the last one's
        # acknowledgement, 40 ms and more.
        return socket.socket(made.family, made.type, socket.IPPROTO_TCP, fileno=made.detach())
    except (OSError, OverflowError) as error:
        raise InputError(
            f"{host} port {port} cannot be used ({error}): choose another with --port"
        ) from error
